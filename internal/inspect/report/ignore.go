package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/causes"
	"kubeops.io/kubeops/internal/text"
)

const (
	// maxIgnored findings are kept in a report, within a part of its bytes.
	maxIgnored      = 200
	maxIgnoredBytes = 48 << 10
	// maxIgnoredText is the maximum length of their message and reason, in runes.
	maxIgnoredText = 512
)

// ignoredFinding is a finding that a rule excludes.
type ignoredFinding struct {
	causes.Linked
	// because is the rule that matches the finding; nil if it is ignored with its cause.
	because *v1alpha1.IgnoreRule
	// cause is the id of the ignored cause; empty if a rule matches the finding.
	cause string
}

// applyIgnores removes the findings that the user excluded. It returns the others, the ignored ones, and the expired rules. The
// symptoms of an ignored cause are ignored with it. If the cause of a finding is in an excluded namespace, the next cause up the chain
// takes its place; without one the finding becomes a root cause.
func applyIgnores(in Input) (kept []causes.Linked, ignored []ignoredFinding, expired []v1alpha1.IgnoreRule) {
	var active []v1alpha1.IgnoreRule
	for _, rule := range in.Ignore {
		if rule.Expires != nil && !rule.Expires.After(in.Start) {
			expired = append(expired, rule)
		} else {
			active = append(active, rule)
		}
	}
	position := make([]int, len(in.Findings)) // in kept, or -1
	accepted := make([]*ignoredFinding, len(in.Findings))
	for _, i := range causesFirst(in.Findings) {
		f := in.Findings[i]
		if cause := f.CausedBy; cause >= 0 && accepted[cause] != nil {
			accepted[i] = &ignoredFinding{Linked: f, cause: in.Findings[cause].ID}
		} else if at := slices.IndexFunc(active, func(r v1alpha1.IgnoreRule) bool { return matches(r, f) }); at >= 0 {
			accepted[i] = &ignoredFinding{Linked: f, because: &active[at]}
		}
	}
	for i, f := range in.Findings {
		position[i] = -1
		switch {
		case f.Object.InNamespaces(in.ExcludeNamespaces):
		case in.NamespacesOnly && !f.Object.Namespaced() && f.Affects == 0:
		case accepted[i] != nil:
			ignored = append(ignored, *accepted[i])
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

// listIgnored are the ignored findings as the report keeps them: causes before their symptoms, and the worst first. A symptom whose cause
// does not fit is left out with it.
func listIgnored(in Input, ignored []ignoredFinding) []v1alpha1.IgnoredFinding {
	children := map[string][]ignoredFinding{}
	known := map[string]bool{}
	for _, f := range ignored {
		known[f.ID] = true
	}
	for _, f := range ignored {
		cause := f.cause
		if !known[cause] { // in an excluded namespace
			cause = ""
		}
		children[cause] = append(children[cause], f)
	}
	var list []v1alpha1.IgnoredFinding
	var add func(cause string)
	add = func(cause string) {
		siblings := children[cause]
		slices.SortStableFunc(siblings, func(a, b ignoredFinding) int {
			return cmp.Or(cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), a.Object.Compare(b.Object), strings.Compare(a.Check, b.Check))
		})
		for _, f := range siblings {
			list = append(list, newIgnored(in, f, cause))
			if len(list) < maxIgnored {
				add(f.ID)
			}
		}
	}
	add("")
	return list[:fitting(list, maxIgnored, maxIgnoredBytes)]
}

func newIgnored(in Input, f ignoredFinding, cause string) v1alpha1.IgnoredFinding {
	ignored := v1alpha1.IgnoredFinding{
		ID: f.ID, Check: f.Check, CausedBy: cause, Severity: f.Severity, Cluster: in.Graph.Cluster, Object: objectOf(in, f.Linked),
		Message: line(in, f.Message, maxIgnoredText),
	}
	if f.because != nil {
		ignored.Reason = line(in, f.because.Reason, maxIgnoredText)
	}
	return ignored
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
