package cli

import (
	"errors"
	"fmt"
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/terminal"
)

// failOnGapsHelp describes --fail-on-gaps.
const failOnGapsHelp = "exit with code 2 after printing an incomplete report"

// checkSeverity validates the value of --fail-on; empty means that the flag is not set.
func checkSeverity(name string) error {
	if name == "" || slices.Contains(severityNames(), name) {
		return nil
	}
	return command.InvalidValue("--fail-on", name, severityNames()...)
}

// verdict returns the error that decides about the exit code of a command that printed a report. Findings of the severity or worse
// come before gaps: they are certain, and a script that waits for them must not miss them.
func verdict(severity v1alpha1.Severity, failOnGaps bool, report *v1alpha1.InspectionReport) error {
	found := failOn(severity, report)
	if report.Summary.Complete() || !failOnGaps {
		return found
	}
	incomplete := fmt.Sprintf("%s; with --fail-on-gaps=false, the exit code ignores gaps",
		terminal.Count(int(report.Summary.RequiredGaps), "gap, so the report is incomplete", "gaps, so the report is incomplete"))
	if findings := (*command.FindingsError)(nil); errors.As(found, &findings) {
		return &command.FindingsError{Text: findings.Text + "\n" + incomplete}
	}
	return &command.GapsError{Text: incomplete}
}

// failOn returns an error if the report has findings of the severity or worse.
func failOn(severity v1alpha1.Severity, report *v1alpha1.InspectionReport) error {
	if severity == "" {
		return nil
	}
	n := atLeast(report.Summary.Counts, severity)
	if n == 0 {
		return nil
	}
	return &command.FindingsError{
		Text: fmt.Sprintf("%s with severity %s or worse (--fail-on)", terminal.Count(n, "finding", "findings"), severity),
	}
}

// atLeast counts the findings of a severity or worse, including those omitted from a truncated report.
func atLeast(counts v1alpha1.SeverityCounts, severity v1alpha1.Severity) int {
	worstFirst := []int32{counts.Critical, counts.High, counts.Medium, counts.Low, counts.Info}
	n := 0
	for _, c := range worstFirst[:severity.Rank()+1] {
		n += int(c)
	}
	return n
}
