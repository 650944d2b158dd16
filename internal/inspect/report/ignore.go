package report

import (
	"slices"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/causes"
	"kubeops.io/kubeops/internal/text"
)

// applyIgnores removes the findings that the user excluded. It returns the others, the number of ignored ones, and the expired rules. The
// symptoms of an ignored cause are ignored with it. If the cause of a finding is in an excluded namespace, the next cause up the chain
// takes its place; without one the finding becomes a root cause.
func applyIgnores(in Input) (kept []causes.Linked, ignored int, expired []v1alpha1.IgnoreRule) {
	var active []v1alpha1.IgnoreRule
	for _, rule := range in.Ignore {
		if rule.Expires != nil && !rule.Expires.After(in.Start) {
			expired = append(expired, rule)
		} else {
			active = append(active, rule)
		}
	}
	position := make([]int, len(in.Findings)) // in kept, or -1
	accepted := make([]bool, len(in.Findings))
	for _, i := range causesFirst(in.Findings) {
		accepted[i] = slices.ContainsFunc(active, func(r v1alpha1.IgnoreRule) bool { return matches(r, in.Findings[i]) })
		if cause := in.Findings[i].CausedBy; cause >= 0 && accepted[cause] {
			accepted[i] = true
		}
	}
	for i, f := range in.Findings {
		position[i] = -1
		switch {
		case f.Object.InNamespaces(in.ExcludeNamespaces):
		case in.NamespacesOnly && !f.Object.Namespaced() && f.Affects == 0:
		case accepted[i]:
			ignored++
		default:
			position[i] = len(kept)
			kept = append(kept, f)
		}
	}
	for i := range kept {
		cause := kept[i].CausedBy
		for cause >= 0 && position[cause] < 0 {
			cause = in.Findings[cause].CausedBy
		}
		if cause >= 0 {
			cause = position[cause]
		}
		kept[i].CausedBy = cause
	}
	countAffected(kept)
	return kept, ignored, expired
}

// countAffected recounts the symptoms of each finding after some findings were removed.
func countAffected(findings []causes.Linked) {
	for i := range findings {
		findings[i].Affects = 0
	}
	for i := range findings {
		for cause := findings[i].CausedBy; cause >= 0; cause = findings[cause].CausedBy {
			findings[cause].Affects++
		}
	}
}

func matches(rule v1alpha1.IgnoreRule, f causes.Linked) bool {
	return (rule.Check == "" || text.Match(rule.Check, f.Check)) &&
		(rule.Namespace == "" || text.Match(rule.Namespace, f.Object.Namespace)) &&
		(rule.Name == "" || text.Match(rule.Name, f.Object.Name))
}

// describe names a rule in a message.
func describe(rule v1alpha1.IgnoreRule) string {
	described := "ignore rule"
	for _, part := range []struct{ name, value string }{{"check", rule.Check}, {"namespace", rule.Namespace}, {"name", rule.Name}} {
		if part.value != "" {
			described += " " + part.name + " " + part.value
		}
	}
	return described
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
