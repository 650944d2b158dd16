package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

const (
	// maxFixed findings are kept in a report.
	maxFixed = 100
	// maxUnverified findings are kept in a report, within a part of its bytes.
	maxUnverified      = 500
	maxUnverifiedBytes = 96 << 10
	// maxFixedMessage is their maximum message length, in runes.
	maxFixedMessage = 512
)

// previousReport indexes the previous report.
type previousReport struct {
	// findings by id, and recently fixed ones.
	findings map[string]v1alpha1.Finding
	fixed    map[string]v1alpha1.FixedFinding
	// omitted are the checks with omitted findings: their findings may not be new although the report lacks them.
	omitted map[string]bool
	// start of its run.
	start metav1.Time
}

func indexPrevious(in Input) previousReport {
	previous := previousReport{
		findings: map[string]v1alpha1.Finding{}, fixed: map[string]v1alpha1.FixedFinding{}, omitted: map[string]bool{},
	}
	if in.Previous == nil {
		return previous
	}
	previous.start = in.Previous.Summary.StartTime
	for _, f := range in.Previous.Findings {
		previous.findings[f.ID] = f
		for _, also := range f.Also {
			previous.findings[also.ID] = v1alpha1.Finding{
				ID: also.ID, Check: also.Check, Class: v1alpha1.ClassRecommendation, Severity: also.Severity, FirstSeen: f.FirstSeen,
			}
		}
	}
	for _, f := range in.Previous.Unverified {
		previous.findings[f.ID] = earlier(f)
	}
	for _, f := range in.Previous.Fixed {
		if recent(in, f.FixedAt) {
			previous.fixed[f.ID] = f
		}
	}
	for _, omitted := range in.Previous.Omitted {
		previous.omitted[omitted.Check] = true
	}
	return previous
}

// recent reports whether a time is within FlappingWindow before the run. Times in the future, after a clock was set back, count too.
func recent(in Input, at metav1.Time) bool { return in.Start.Sub(at.Time) < v1alpha1.FlappingWindow }

// compare sets state, firstSeen, returns and previously. The severity and cause of the finding must be set.
func compare(in Input, finding *v1alpha1.Finding, previous previousReport) {
	seen := metav1.NewTime(in.Start.Truncate(time.Second))
	finding.State = v1alpha1.FindingNew
	finding.FirstSeen = &seen
	before, persists := previous.findings[finding.ID]
	fixed, returned := previous.fixed[finding.ID]
	switch {
	case persists:
		finding.State = v1alpha1.FindingPersisting
		finding.Returns = before.Returns
		otherClass := before.Class != "" && before.Class != finding.Class // older reports have none
		if before.Severity != finding.Severity || otherClass || (before.CausedBy == "") != (finding.CausedBy == "") {
			finding.Previously = &v1alpha1.PreviousFinding{Class: before.Class, Severity: before.Severity, CausedBy: before.CausedBy}
		}
		if before.FirstSeen != nil {
			finding.FirstSeen = before.FirstSeen.DeepCopy()
		}
		if !recent(in, *finding.FirstSeen) { // stable for a day
			finding.Returns = 0
		}
	case returned:
		finding.Returns = fixed.Returns + 1
	case previous.omitted[finding.Check]:
		finding.State = v1alpha1.FindingPersisting
		finding.FirstSeen = previous.start.DeepCopy()
	}
	if finding.Returns >= v1alpha1.FlappingReturns {
		finding.State = v1alpha1.FindingFlapping
	}
}

// earlier is an unverified finding as the report had it in which it was found.
func earlier(f v1alpha1.UnverifiedFinding) v1alpha1.Finding {
	return v1alpha1.Finding{
		ID: f.ID, Check: f.Check, Category: f.Category, Class: f.Class, CausedBy: f.CausedBy, Severity: f.Severity, Cluster: f.Cluster,
		Object: f.Object, Message: f.Message, FirstSeen: f.FirstSeen, Returns: f.Returns,
	}
}

// repeated is what this report repeats of a finding that it does not have.
func repeated(f v1alpha1.Finding) v1alpha1.EarlierFinding {
	return v1alpha1.EarlierFinding{
		ID: f.ID, Check: f.Check, Category: f.Category, Class: f.Class, CausedBy: f.CausedBy, Severity: f.Severity, Cluster: f.Cluster,
		Object: f.Object, Message: facts.Clip(f.Message, maxFixedMessage), Returns: f.Returns,
	}
}

// missing are the findings of the previous report, and those that it could not verify, that this run did not find.
type missing struct {
	// found are the ids of this run's findings.
	found map[string]bool
	// fixed, because their checks ran completely.
	fixed []v1alpha1.Finding
	// unverified, because their checks did not. Those of checks that are no longer selected are in neither list.
	unverified []v1alpha1.Finding
}

// notFound compares the findings, before any is hidden, with the previous report. A finding that is missing counts as fixed only if its
// check ran completely: a finding hidden by a gap, an ignore rule or a different selection of checks is not fixed.
func notFound(in Input) missing {
	if in.Previous == nil {
		return missing{}
	}
	m := missing{found: map[string]bool{}}
	for _, f := range in.Findings {
		m.found[f.ID] = true
	}
	previous := slices.Clone(in.Previous.Findings)
	for _, f := range in.Previous.Unverified {
		previous = append(previous, earlier(f))
	}
	checks := newVerifier(in)
	for _, f := range previous {
		switch {
		case m.found[f.ID]:
		case checks.verifies(&f):
			m.fixed = append(m.fixed, f)
		case checks.selected(f.Check):
			m.unverified = append(m.unverified, f)
		}
	}
	return m
}

// notRead is what a report about several clusters repeats of the previous report about a cluster of which nothing was read: nothing is
// fixed, and nothing is new when the cluster is back.
func notRead(previous *v1alpha1.InspectionReport, start time.Time) ([]v1alpha1.UnverifiedFinding, []v1alpha1.FixedFinding) {
	if previous == nil {
		return nil, nil
	}
	fixed := slices.DeleteFunc(slices.Clone(previous.Fixed), func(f v1alpha1.FixedFinding) bool {
		return !recent(Input{Start: start}, f.FixedAt)
	})
	return append(unverified(previous.Findings), previous.Unverified...), fixed
}

// unverified are the missing findings that an incomplete run cannot call fixed, worst first.
func unverified(candidates []v1alpha1.Finding) []v1alpha1.UnverifiedFinding {
	var list []v1alpha1.UnverifiedFinding
	for _, f := range candidates {
		list = append(list, v1alpha1.UnverifiedFinding{EarlierFinding: repeated(f), FirstSeen: f.FirstSeen})
	}
	return boundUnverified(list)
}

// boundUnverified sorts the worst first, and keeps what fits into a report.
func boundUnverified(list []v1alpha1.UnverifiedFinding) []v1alpha1.UnverifiedFinding {
	slices.SortStableFunc(list, func(a, b v1alpha1.UnverifiedFinding) int { return cmp.Compare(a.Severity.Rank(), b.Severity.Rank()) })
	return list[:fitting(list, maxUnverified, maxUnverifiedBytes)]
}

// boundFixed sorts the latest first, and keeps what fits into a report.
func boundFixed(list []v1alpha1.FixedFinding) []v1alpha1.FixedFinding {
	slices.SortStableFunc(list, func(a, b v1alpha1.FixedFinding) int {
		return cmp.Or(b.FixedAt.Compare(a.FixedAt.Time), cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), strings.Compare(a.ID, b.ID))
	})
	return list[:min(len(list), maxFixed)]
}

// verifier decides whether the absence of a finding means that it is fixed.
type verifier struct {
	graph *facts.Graph
	// needs of the selected checks, and whether no gap affects them.
	needs    map[string][]facts.Kind
	complete map[string]bool
}

func newVerifier(in Input) verifier {
	v := verifier{graph: in.Graph, needs: map[string][]facts.Kind{}, complete: completeChecks(in)}
	for _, c := range in.Checks {
		v.needs[c.ID] = c.Needs
	}
	return v
}

func (v verifier) selected(check string) bool {
	_, selected := v.needs[check]
	return selected
}

// verifies reports whether the check of a finding ran on everything that it needs. Kinds that only help to find causes are no gap if they
// cannot be listed, but a check that needs them has not run.
func (v verifier) verifies(f *v1alpha1.Finding) bool {
	return v.complete[f.Check] && !slices.ContainsFunc(v.needs[f.Check], func(kind facts.Kind) bool {
		if kind == facts.Custom || kind.IsCustom() {
			return false // its gaps are all reported
		}
		namespace := ""
		if kind.Namespaced() {
			namespace = f.Object.Namespace
		}
		return !v.graph.Complete(kind, namespace)
	})
}

// changes counts what differs from the previous report, and lists what was fixed now and shortly before.
func changes(in Input, report *v1alpha1.InspectionReport, m missing) (v1alpha1.ChangeCounts, []v1alpha1.FixedFinding) {
	counts := v1alpha1.ChangeCounts{Fixed: int32(len(m.fixed))} //nolint:gosec // at most the findings of a report
	for _, f := range m.fixed {
		if f.CausedBy == "" {
			counts.FixedRootCauses++
		}
	}
	for _, f := range report.Findings {
		switch f.State {
		case v1alpha1.FindingFlapping:
			counts.Flapping++
		case v1alpha1.FindingPersisting:
			counts.Persisting++
		default:
			counts.New++
			if f.CausedBy == "" {
				counts.NewRootCauses++
			}
		}
	}
	if in.Previous == nil {
		return counts, nil
	}
	var fixed []v1alpha1.FixedFinding
	for _, f := range m.fixed {
		fixed = append(fixed, v1alpha1.FixedFinding{
			EarlierFinding: repeated(f), FixedAt: metav1.NewTime(in.Start.Truncate(time.Second)),
		})
	}
	for _, f := range in.Previous.Fixed {
		if !m.found[f.ID] && recent(in, f.FixedAt) {
			fixed = append(fixed, f)
		}
	}
	return counts, boundFixed(fixed)
}

// completeChecks are the selected checks that no gap affects, including gaps that do not fit into the report.
func completeChecks(in Input) map[string]bool {
	complete := map[string]bool{}
	for _, check := range in.Checks {
		complete[check.ID] = true
	}
	for _, gap := range in.Gaps {
		for _, id := range affectedChecks(in, gap) {
			complete[id] = false
		}
	}
	return complete
}
