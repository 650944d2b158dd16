// Package checktest runs single checks over YAML in tests and prints their findings. Only tests may import it.
package checktest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// Text runs one of the checks over YAML and prints its findings: severity, object and message, then the evidence, one piece a
// line. The kinds in elsewhere are read only in another namespace: the check runs, and must not claim that an object of these
// kinds does not exist.
func Text(t *testing.T, checks []check.Check, id, documents string, elsewhere ...facts.Kind) string {
	t.Helper()
	i := slices.IndexFunc(checks, func(c check.Check) bool { return c.ID == id })
	if i < 0 {
		t.Fatalf("there is no check %s", id)
	}
	judge := func(documents string) []check.Finding {
		findings, _, gaps := check.Run(graphOf(t, documents, elsewhere...), checks[i:i+1], check.DefaultParams())
		if len(gaps) > 0 {
			t.Fatalf("the check failed: %s", gaps[0].Message)
		}
		return findings
	}
	RequireQuotedRemedies(t, documents, judge)
	findings := judge(documents)
	var text strings.Builder
	for _, f := range findings {
		if f.Remediation == "" {
			t.Errorf("no remediation on %s", f.Object)
		}
		fmt.Fprintf(&text, "%s %s", f.Severity, f.Object)
		if f.Discriminator != "" {
			fmt.Fprintf(&text, " [%s]", f.Discriminator)
		}
		fmt.Fprintf(&text, ": %s\n", f.Message)
		for _, e := range f.Evidence {
			fmt.Fprintf(&text, "  %s: %s\n", e.Source, e.Text)
		}
	}
	return text.String()
}

// Lines is the expected result of Text; without lines it is that of a check without findings.
func Lines(want ...string) string {
	if len(want) == 0 {
		return ""
	}
	return strings.Join(want, "\n") + "\n"
}

// Document is one YAML document; rest holds what follows the metadata.
func Document(apiVersion, kind, metadata, rest string) string {
	return "apiVersion: " + apiVersion + "\nkind: " + kind + "\nmetadata: {" + metadata + "}\n" + rest + "\n---\n"
}
