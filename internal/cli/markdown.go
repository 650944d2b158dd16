package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// markdownOfChecks is docs/checks.md: an overview by category, then each check with all that is known of it.
func markdownOfChecks(w io.Writer, entries []catalogueEntry) error {
	var b strings.Builder
	b.WriteString("# What KubeOps looks for\n\n")
	b.WriteString("Made by `kubeops checks -o markdown` from the code; do not edit.\n\n")
	fmt.Fprintf(&b, "%d checks. A check judges facts read from the cluster; a finding quotes them as evidence. A check whose kinds\n", len(entries))
	b.WriteString("cannot be read does not run, and the report has a gap that names it. Checks marked *manifests* judge files as well\n")
	b.WriteString("(`kubeops inspect -f`).\n\n")
	sorted := slices.Clone(entries)
	slices.SortStableFunc(sorted, func(a, b catalogueEntry) int {
		return cmp.Or(cmp.Compare(a.Category, b.Category), cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), cmp.Compare(a.ID, b.ID))
	})
	b.WriteString("| Check | Category | Severity | What it finds |\n|---|---|---|---|\n")
	for _, e := range sorted {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s |\n", e.ID, e.ID, e.Category, e.Severity, strings.ReplaceAll(e.Summary, "|", "\\|"))
	}
	for _, e := range entries {
		fmt.Fprintf(&b, "\n## %s\n\n*%s, %s%s.* %s\n\n", e.ID, e.Category, e.Severity, alsoManifests(e), e.Summary)
		if e.Meaning != "" {
			fmt.Fprintf(&b, "%s\n\n", e.Meaning)
		}
		fmt.Fprintf(&b, "**What to do.** %s\n\n", e.Remediation)
		if kinds := joinKinds(e.Needs, e.Uses); kinds != "" {
			fmt.Fprintf(&b, "Reads: %s.", kinds)
		} else {
			b.WriteString("Reads: manifests.")
		}
		if backend := backendOf(e); backend != "" {
			fmt.Fprintf(&b, " Needs %s.", backend)
		}
		if len(e.ExplainedBy) > 0 {
			fmt.Fprintf(&b, " May be caused by: %s.", joinLinks(e.ExplainedBy))
		}
		b.WriteString("\n")
		if e.Link != "" {
			fmt.Fprintf(&b, "\nMore: <%s>\n", e.Link)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// alsoManifests marks the checks that judge manifests.
func alsoManifests(e catalogueEntry) string {
	if e.Manifests {
		return ", manifests"
	}
	return ""
}

func joinLinks(ids []string) string {
	links := make([]string, 0, len(ids))
	for _, id := range ids {
		links = append(links, fmt.Sprintf("[%s](#%s)", id, id))
	}
	return strings.Join(links, ", ")
}
