package render

import (
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
)

// Group has the findings of one check.
type Group struct {
	// Check of the findings, and what it is about, in one sentence.
	Check, Summary string
	// Severity of the most severe finding.
	Severity v1alpha1.Severity
	// Findings in the order of the report.
	Findings []v1alpha1.Finding
}

// GroupByCheck groups findings by check, in the order of the first finding of each. The summary of a check that is not in checks is the
// message of its first finding.
func GroupByCheck(findings []v1alpha1.Finding, checks []check.Check) []Group {
	summaries := make(map[string]string, len(checks))
	for _, c := range checks {
		summaries[c.ID] = c.Summary
	}
	position := map[string]int{}
	var groups []Group
	for _, f := range findings {
		i, known := position[f.Check]
		if !known {
			i = len(groups)
			position[f.Check] = i
			summary, described := summaries[f.Check]
			if !described {
				summary = f.Message
			}
			groups = append(groups, Group{Check: f.Check, Summary: summary, Severity: f.Severity})
		}
		if f.Severity.Rank() < groups[i].Severity.Rank() {
			groups[i].Severity = f.Severity
		}
		groups[i].Findings = append(groups[i].Findings, f)
	}
	return groups
}

// FixedNow returns the root causes that the report found fixed since the previous report, problems first.
func FixedNow(report *v1alpha1.InspectionReport) (problems, recommendations []v1alpha1.FixedFinding) {
	for _, f := range report.Fixed {
		switch {
		case f.CausedBy != "" || f.FixedAt.Unix() != report.Summary.StartTime.Unix():
		case f.IsProblem():
			problems = append(problems, f)
		default:
			recommendations = append(recommendations, f)
		}
	}
	return problems, recommendations
}
