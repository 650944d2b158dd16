package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/printable"
)

// filterFlags select the findings that are printed. They change neither the counts of the report nor the exit code.
type filterFlags struct {
	minSeverity string
	problems    bool
	onlyCauses  bool
}

func (f *filterFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.minSeverity, "min-severity", "",
		"print only findings of this severity or worse, and their causes: critical, high, medium, low or info")
	flags.BoolVar(&f.problems, "problems", false, "print only problems, and their causes; no recommendations")
	flags.BoolVar(&f.onlyCauses, "only-causes", false, "print only root causes, without the findings that they cause")
	command.CompleteValues(cmd, "min-severity", severityNames()...)
}

func (f *filterFlags) validate() error {
	if f.minSeverity != "" && !slices.Contains(severityNames(), f.minSeverity) {
		return command.InvalidValue("--min-severity", f.minSeverity, severityNames()...)
	}
	return nil
}

// String lists the flags that are set; empty without any.
func (f *filterFlags) String() string {
	var set []string
	if f.minSeverity != "" {
		set = append(set, "--min-severity "+f.minSeverity)
	}
	if f.problems {
		set = append(set, "--problems")
	}
	if f.onlyCauses {
		set = append(set, "--only-causes")
	}
	return strings.Join(set, " ")
}

// selects reports whether the flags select a finding by what it says, regardless of the findings that it causes.
func (f *filterFlags) selects(finding v1alpha1.Finding) bool {
	if f.minSeverity != "" && finding.Severity.Rank() > v1alpha1.Severity(f.minSeverity).Rank() {
		return false
	}
	return !f.problems || finding.IsProblem()
}

// apply returns the report with the selected findings and their causes, which explain them. The summary is not changed. The report
// itself is not modified.
func (f *filterFlags) apply(report *v1alpha1.InspectionReport) *v1alpha1.InspectionReport {
	if f.String() == "" {
		return report
	}
	byID := map[string]v1alpha1.Finding{}
	for _, finding := range report.Findings {
		byID[finding.ID] = finding
	}
	keep := map[string]bool{}
	for _, finding := range report.Findings {
		for selected := f.selects(finding); selected && !keep[finding.ID]; {
			keep[finding.ID] = true
			cause, known := byID[finding.CausedBy]
			if !known {
				break
			}
			finding = cause
		}
	}
	filtered := *report
	filtered.Findings = slices.DeleteFunc(slices.Clone(report.Findings), func(finding v1alpha1.Finding) bool {
		return !keep[finding.ID] || f.onlyCauses && finding.CausedBy != ""
	})
	filtered.Explanations = slices.DeleteFunc(slices.Clone(report.Explanations), func(e v1alpha1.Explanation) bool {
		return e.ID != v1alpha1.OverallExplanation && !slices.ContainsFunc(filtered.Findings, func(f v1alpha1.Finding) bool {
			return f.ID == e.ID || slices.Contains(e.AlsoFor, f.ID)
		})
	})
	return &filtered
}

// print prints the selected findings. The number of those that are not printed is part of the heading or, in formats for programs,
// goes to stderr.
func (f *filterFlags) print(p *printer, stderr io.Writer, report *v1alpha1.InspectionReport, heading string) error {
	filtered := f.apply(report)
	note := ""
	if hidden := len(report.Findings) - len(filtered.Findings); hidden > 0 {
		note = fmt.Sprintf("%d of %s not printed (%s)", hidden, terminal.Count(len(report.Findings), "finding", "findings"), f)
	}
	switch {
	case note == "":
	case slices.Contains([]string{"table", "markdown", "html"}, p.output):
		heading += ", " + note
	default:
		safe := printable.NewWriter(stderr)
		fmt.Fprintln(safe, note)
	}
	return p.print(filtered, heading)
}
