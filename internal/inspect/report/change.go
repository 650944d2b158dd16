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
	// maxFixed is how many findings that are gone a report remembers.
	maxFixed = 100
	// maxFixedMessage of one of them, in runes.
	maxFixedMessage = 512
)

// memory is what the report before knows of findings.
type memory struct {
	// there are the findings that it has, gone those that it remembers as fixed.
	there map[string]v1alpha1.Finding
	gone  map[string]v1alpha1.FixedFinding
	// omitted are the checks of which it left findings out: whether one of theirs is new cannot be told.
	omitted map[string]bool
	// start of the run that made it.
	start metav1.Time
}

func remember(in Input) memory {
	m := memory{there: map[string]v1alpha1.Finding{}, gone: map[string]v1alpha1.FixedFinding{}, omitted: map[string]bool{}}
	if in.Previous == nil {
		return m
	}
	m.start = in.Previous.Summary.StartTime
	for _, f := range in.Previous.Findings {
		m.there[f.ID] = f
	}
	for _, f := range in.Previous.Fixed {
		if recent(in, f.FixedAt) {
			m.gone[f.ID] = f
		}
	}
	for _, o := range in.Previous.Omitted {
		m.omitted[o.Check] = true
	}
	return m
}

// recent says whether a time is within the window that reports remember. A clock that was set back makes times of the
// future; those are remembered as well.
func recent(in Input, at metav1.Time) bool { return in.Start.Sub(at.Time) < v1alpha1.FlappingWindow }

// compare fills in what the finding was in earlier reports: state, firstSeen, returns and previously. Its severity and its cause must be
// known.
func compare(in Input, finding *v1alpha1.Finding, m memory) {
	seen := metav1.NewTime(in.Start.Truncate(time.Second))
	finding.State, finding.FirstSeen = v1alpha1.FindingNew, &seen
	before, there := m.there[finding.ID]
	gone, back := m.gone[finding.ID]
	switch {
	case there:
		finding.State, finding.Returns = v1alpha1.FindingPersisting, before.Returns
		if before.Severity != finding.Severity || (before.CausedBy == "") != (finding.CausedBy == "") {
			finding.Previously = &v1alpha1.PreviousFinding{Severity: before.Severity, CausedBy: before.CausedBy}
		}
		if before.FirstSeen != nil {
			finding.FirstSeen = before.FirstSeen.DeepCopy()
		}
		if !recent(in, *finding.FirstSeen) { // it has stayed for a day: it no longer comes and goes
			finding.Returns = 0
		}
	case back:
		finding.Returns = gone.Returns + 1
	case m.omitted[finding.Check]:
		finding.State, finding.FirstSeen = v1alpha1.FindingPersisting, m.start.DeepCopy()
	}
	if finding.Returns >= v1alpha1.FlappingReturns {
		finding.State = v1alpha1.FindingFlapping
	}
}

// changes compares with the previous report. A finding that is gone counts as fixed only when its check could judge this
// time: one that is hidden by a gap, an ignore rule or a narrower selection of checks was not fixed by anyone.
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
	judged, found := map[string]bool{}, map[string]bool{}
	for _, c := range in.Checks {
		judged[c.ID] = true
	}
	for _, gap := range in.Gaps { // those that the report has no room for too
		for _, id := range hurt(in, gap) {
			judged[id] = false
		}
	}
	for _, f := range in.Findings {
		found[f.ID] = true
	}
	var fixed []v1alpha1.FixedFinding
	for _, f := range in.Previous.Findings {
		if judged[f.Check] && !found[f.ID] {
			counts.Fixed++
			fixed = append(fixed, v1alpha1.FixedFinding{
				ID: f.ID, Check: f.Check, Category: f.Category, CausedBy: f.CausedBy, Severity: f.Severity, Object: f.Object, Message: facts.Clip(f.Message, maxFixedMessage),
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
