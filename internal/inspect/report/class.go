package report

import (
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/causes"
	"kubeops.io/kubeops/internal/inspect/check"
)

// classify sets the class of each finding that states none to that of its check. A recommendation that causes a problem, directly or
// through others, becomes a problem with at least its severity: what it recommends is the fix.
func classify(checks map[string]check.Check, findings []causes.Linked) {
	for i := range findings {
		if findings[i].Class == "" {
			findings[i].Class = checks[findings[i].Check].ClassOrDefault()
		}
	}
	promoted := map[int]bool{}
	order := causesFirst(findings)
	for n := len(order) - 1; n >= 0; n-- {
		symptom := findings[order[n]]
		if symptom.CausedBy < 0 || symptom.Class != v1alpha1.ClassProblem {
			continue
		}
		cause := &findings[symptom.CausedBy]
		if cause.Class != v1alpha1.ClassProblem {
			cause.Class = v1alpha1.ClassProblem
			promoted[symptom.CausedBy] = true
		}
		if promoted[symptom.CausedBy] && symptom.Severity.Rank() < cause.Severity.Rank() {
			cause.Severity = symptom.Severity
		}
	}
}

// causesFirst returns the indexes of the findings, each after its cause.
func causesFirst(findings []causes.Linked) []int {
	symptoms := make([][]int, len(findings))
	order := make([]int, 0, len(findings))
	for i, f := range findings {
		if f.CausedBy < 0 {
			order = append(order, i)
		} else {
			symptoms[f.CausedBy] = append(symptoms[f.CausedBy], i)
		}
	}
	for n := 0; n < len(order); n++ {
		order = append(order, symptoms[order[n]]...)
	}
	return order
}

// countRootCauses counts the findings without a cause, problems and recommendations separately.
func countRootCauses(findings []v1alpha1.Finding) (problems, recommendations v1alpha1.RootCauseCounts) {
	for i := range findings {
		switch f := &findings[i]; {
		case f.CausedBy != "":
		case f.IsProblem():
			problems.Add(f.Severity)
		default:
			recommendations.Add(f.Severity)
		}
	}
	return problems, recommendations
}
