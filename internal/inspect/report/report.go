// Package report builds an InspectionReport from linked findings and gaps. It drops ignored findings, compares the others with the
// previous report, and scores, sorts, redacts and bounds them.
package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/causes"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// Input of a report.
type Input struct {
	Graph *facts.Graph
	// Findings, linked to their causes.
	Findings []causes.Linked
	Gaps     []facts.Gap
	// Checks that were selected, and how many of them ran.
	Checks    []check.Check
	ChecksRun int
	// Ignore hides findings. ExcludeNamespaces are names or globs of namespaces to exclude.
	Ignore            []v1alpha1.IgnoreRule
	ExcludeNamespaces []string
	// NamespacesOnly is set if the inspection is limited to some namespaces. Findings on cluster-scoped objects are then reported only
	// if they cause findings in those namespaces.
	NamespacesOnly bool
	// StartupGrace of the checks: workloads that have not been ready for less are counted as starting.
	StartupGrace time.Duration
	// Previous report, or nil.
	Previous *v1alpha1.InspectionReport
	// Start and Duration of the run.
	Start    time.Time
	Duration time.Duration
	// Bounds of the report.
	Bounds Bounds
	// Redact is applied to every text from the cluster; required.
	Redact func(string) string
}

// New returns the report. It has no metadata; its summary has no inspection and no trigger. The input is not modified.
func New(in Input) *v1alpha1.InspectionReport {
	checks := make(map[string]check.Check, len(in.Checks))
	for _, c := range in.Checks {
		checks[c.ID] = c
	}
	kept, ignored, expired := applyIgnores(in)
	classify(checks, kept)
	kept, also := foldSubjects(checks, kept)
	findings := order(kept)
	previous := indexPrevious(in)

	report := &v1alpha1.InspectionReport{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion().String(), Kind: "InspectionReport"},
	}
	for _, linked := range findings {
		finding := newFinding(in, linked, checks[linked.Check].Category)
		finding.Also = related(in, also[linked.ID])
		if linked.CausedBy >= 0 {
			finding.CausedBy = findings[linked.CausedBy].ID
		}
		compare(in, &finding, previous)
		report.Findings = append(report.Findings, finding)
	}
	report.Ignored = listIgnored(in, ignored)
	gaps, total, required := newGaps(in, expired)
	report.Gaps = gaps
	report.Summary = v1alpha1.ReportSummary{
		StartTime:    metav1.NewTime(in.Start.Truncate(time.Second)),
		Duration:     metav1.Duration{Duration: in.Duration.Round(time.Millisecond)},
		Ignored:      int32(len(ignored)), //nolint:gosec // bounded by the number of findings
		Starting:     starting(in),
		Objects:      int32(in.Graph.Len()),
		ChecksRun:    int32(in.ChecksRun),
		Gaps:         int32(total),    //nolint:gosec // bounded by kinds and namespaces
		RequiredGaps: int32(required), //nolint:gosec // at most the number of gaps
	}
	if required == 0 {
		score := Score(report.Findings)
		report.Summary.Score = &score
	}
	gone := notFound(in)
	report.Summary.Changes, report.Fixed = changes(in, report, gone)
	if required > 0 {
		report.Unverified = unverified(gone.unverified)
	}
	for _, f := range report.Findings {
		report.Summary.Counts.Add(f.Severity)
	}
	report.Summary.Problems, report.Summary.Recommendations = countRootCauses(report.Findings)
	truncate(report, in.Bounds)
	return report
}

// order sorts root causes: problems before recommendations, then by severity and the number of symptoms. Each is followed by its symptoms.
func order(findings []causes.Linked) []causes.Linked {
	children := map[int][]int{}
	for i, f := range findings {
		children[f.CausedBy] = append(children[f.CausedBy], i)
	}
	for _, siblings := range children {
		slices.SortFunc(siblings, func(a, b int) int {
			fa, fb := findings[a], findings[b]
			return cmp.Or(strings.Compare(string(fa.Class), string(fb.Class)), // Problem before Recommendation
				cmp.Compare(fa.Severity.Rank(), fb.Severity.Rank()), cmp.Compare(fb.Affects, fa.Affects),
				fa.Object.Compare(fb.Object), strings.Compare(fa.Check, fb.Check), strings.Compare(fa.ID, fb.ID))
		})
	}
	position := make([]int, len(findings))
	ordered := make([]causes.Linked, 0, len(findings))
	// No recursion: a chain can be as long as the list of findings.
	stack := slices.Clone(children[-1])
	slices.Reverse(stack)
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		position[i] = len(ordered)
		ordered = append(ordered, findings[i])
		below := slices.Clone(children[i])
		slices.Reverse(below)
		stack = append(stack, below...)
	}
	for i := range ordered {
		if ordered[i].CausedBy >= 0 {
			ordered[i].CausedBy = position[ordered[i].CausedBy]
		}
	}
	return ordered
}
