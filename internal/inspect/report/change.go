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

// previousFindings are those of the previous report, and those that it could not verify.
func previousFindings(report *v1alpha1.InspectionReport) []v1alpha1.Finding {
	all := slices.Clone(report.Findings)
	for _, f := range report.Unverified {
		all = append(all, earlier(f))
	}
	return all
}

// unverified are the findings of the previous report that an incomplete run neither found nor can call fixed. Those of checks that are no
// longer selected are dropped.
func unverified(in Input, report *v1alpha1.InspectionReport) []v1alpha1.UnverifiedFinding {
	if in.Previous == nil || report.Summary.RequiredGaps == 0 {
		return nil
	}
	verifiable := newVerifier(in)
	found := foundIDs(in)
	var list []v1alpha1.UnverifiedFinding
	for _, f := range previousFindings(in.Previous) {
		if found[f.ID] || !verifiable.selected(f.Check) || verifiable.verifies(&f) {
			continue
		}
		list = append(list, v1alpha1.UnverifiedFinding{
			ID: f.ID, Check: f.Check, Category: f.Category, Class: f.Class, CausedBy: f.CausedBy, Severity: f.Severity, Cluster: f.Cluster,
			Object: f.Object, Message: facts.Clip(f.Message, maxFixedMessage), FirstSeen: f.FirstSeen, Returns: f.Returns,
		})
	}
	slices.SortStableFunc(list, func(a, b v1alpha1.UnverifiedFinding) int { return cmp.Compare(a.Severity.Rank(), b.Severity.Rank()) })
	return list[:fitting(list, maxUnverified, maxUnverifiedBytes)]
}

func foundIDs(in Input) map[string]bool {
	found := map[string]bool{}
	for _, f := range in.Findings {
		found[f.ID] = true
	}
	return found
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

// changes compares the report with the previous one. A finding that is missing counts as fixed only if its check ran completely: a
// finding hidden by a gap, an ignore rule or a different selection of checks is not fixed.
func changes(in Input, report *v1alpha1.InspectionReport) (v1alpha1.ChangeCounts, []v1alpha1.FixedFinding) {
	var counts v1alpha1.ChangeCounts
	for _, f := range report.Findings {
		switch f.State {
		case v1alpha1.FindingFlapping:
			counts.Flapping++
		case v1alpha1.FindingPersisting:
			counts.Persisting++
		default:
			counts.New++
		}
	}
	if in.Previous == nil {
		return counts, nil
	}
	verifiable := newVerifier(in)
	found := foundIDs(in)
	var fixed []v1alpha1.FixedFinding
	for _, f := range previousFindings(in.Previous) {
		if verifiable.verifies(&f) && !found[f.ID] {
			counts.Fixed++
			fixed = append(fixed, v1alpha1.FixedFinding{
				ID: f.ID, Check: f.Check, Category: f.Category, Class: f.Class, CausedBy: f.CausedBy, Severity: f.Severity,
				Cluster: f.Cluster, Object: f.Object,
				Message: facts.Clip(f.Message, maxFixedMessage),
				FixedAt: metav1.NewTime(in.Start.Truncate(time.Second)), Returns: f.Returns,
			})
		}
	}
	for _, f := range in.Previous.Fixed {
		if !found[f.ID] && recent(in, f.FixedAt) {
			fixed = append(fixed, f)
		}
	}
	slices.SortStableFunc(fixed, func(a, b v1alpha1.FixedFinding) int {
		return cmp.Or(b.FixedAt.Compare(a.FixedAt.Time), cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), strings.Compare(a.ID, b.ID))
	})
	return counts, fixed[:min(len(fixed), maxFixed)]
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
