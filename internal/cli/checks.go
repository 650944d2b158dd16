package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// catalogEntry is a check as `kubeops checks -o json` prints it.
type catalogEntry struct {
	ID          string                `json:"id"`
	Category    v1alpha1.Category     `json:"category"`
	Class       v1alpha1.FindingClass `json:"class"`
	Severity    v1alpha1.Severity     `json:"severity"`
	Summary     string                `json:"summary"`
	Meaning     string                `json:"meaning,omitempty"`
	Remediation remedy.Text           `json:"remediation"`
	Link        string                `json:"link,omitempty"`
	Needs       []facts.Kind          `json:"needs"`
	Uses        []facts.Kind          `json:"uses,omitempty"`
	Sources     []facts.Source        `json:"sources,omitempty"`
	ExplainedBy []string              `json:"explainedBy,omitempty"`
	// Manifests is set for checks that also apply to manifests.
	Manifests bool `json:"manifests"`
	// Compares is set for checks that compare clusters.
	Compares bool `json:"compares,omitempty"`
}

func newChecks(streams command.Streams) *cobra.Command {
	var output string
	var manifests bool
	cmd := &cobra.Command{
		Use:   "checks [ID or glob ...]",
		Short: "List the checks",
		Long:  "List all checks, or those that match the arguments. The ID of a single check prints its full description.",
		Example: `  kubeops checks
  kubeops checks 'pvc-*'
  kubeops checks pod-oom-killed
  kubeops checks --manifests
  kubeops checks -o json`,
		ValidArgs: checkIDs(),
		RunE: func(_ *cobra.Command, args []string) error {
			selected, err := check.Select(checks.Builtin(), args, nil)
			if err != nil {
				return err
			}
			if manifests {
				selected = onManifests(selected)
			}
			explain := len(args) == 1 && len(selected) == 1 && args[0] == selected[0].ID
			return printChecks(streams.Out, output, selected, explain)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table, json, yaml or markdown")
	cmd.Flags().BoolVar(&manifests, "manifests", false, `list only the checks that apply to manifests ("kubeops inspect -f")`)
	command.CompleteValues(cmd, "output", "table", "json", "yaml", "markdown")
	return cmd
}

func printChecks(w io.Writer, output string, selected []check.Check, explain bool) error {
	entries := make([]catalogEntry, 0, len(selected))
	for _, c := range selected {
		entries = append(entries, catalogEntry{
			ID: c.ID, Category: c.Category, Class: c.ClassOrDefault(), Severity: c.Severity, Summary: c.Summary, Meaning: c.Meaning,
			Remediation: c.Remediation, Link: c.Link, Needs: c.Needs, Uses: c.Uses, Sources: c.Sources,
			ExplainedBy: c.ExplainedBy, Manifests: c.OnFiles() != nil, Compares: c.Compare != nil,
		})
	}
	switch output {
	case "json":
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(entries)
	case "yaml":
		text, err := yaml.Marshal(entries)
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	case "markdown":
		return markdownOfChecks(w, entries)
	case "table":
		if explain {
			return explainCheck(w, entries[0])
		}
		return tableOfChecks(w, entries)
	default:
		return command.InvalidValue("-o", output, "table", "json", "yaml", "markdown")
	}
}

// tableOfChecks sorts by category, and by severity within a category.
func tableOfChecks(w io.Writer, entries []catalogEntry) error {
	slices.SortStableFunc(entries, func(a, b catalogEntry) int {
		return cmp.Or(cmp.Compare(a.Category, b.Category), cmp.Compare(a.Severity.Rank(), b.Severity.Rank()))
	})
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tCLASS\tSEVERITY\tCATEGORY\tSUMMARY")
	for _, e := range entries {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", e.ID, e.Class, e.Severity, e.Category, e.Summary)
	}
	return table.Flush()
}

func explainCheck(w io.Writer, e catalogEntry) error {
	text := &terminal.Writer{W: w, Width: 100}
	text.Line("%s (%s: %s, %s)", e.ID, e.Class, e.Severity, e.Category)
	text.Paragraph("", e.Summary)
	text.Paragraph("", e.Meaning)
	text.Paragraph("Fix: ", string(e.Remediation))
	if e.Link != "" {
		text.Line("See: %s", e.Link)
	}
	if kinds := joinKinds(e.Needs, e.Uses); kinds != "" {
		text.Line("Reads: %s", kinds)
	}
	if backend := backendOf(e); backend != "" {
		text.Line("Needs: %s", backend)
	}
	if e.Compares {
		text.Line("Compares clusters: kubeops inspect --contexts")
	}
	if e.Manifests {
		text.Line("Also runs on manifests: kubeops inspect -f")
	}
	if len(e.ExplainedBy) > 0 {
		text.Paragraph("Possible causes: ", terminal.JoinWords(e.ExplainedBy))
	}
	return text.Err
}

// backendOf names the backend that a check needs in addition to the cluster; empty for none.
func backendOf(e catalogEntry) string {
	if len(e.Sources) == 0 {
		return ""
	}
	switch e.Sources[0].Backend() {
	case "cluster": // the kubelets, through the API server
		return ""
	case "metrics":
		return "a MetricsBackend (spec.metricsRef)"
	default:
		return "a LogBackend (spec.logsRef)"
	}
}
