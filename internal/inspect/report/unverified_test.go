package report

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/causes"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// run is the report of a run that could list some kinds and found some findings of two checks.
func run(previous *v1alpha1.InspectionReport, gaps []facts.Gap, covered []facts.Kind, found ...string) *v1alpha1.InspectionReport {
	builder := facts.NewBuilder("local", time.Unix(1_000_000, 0))
	for _, kind := range covered {
		builder.Covered(kind, "")
	}
	in := Input{
		Graph: builder.Graph(), Previous: previous, Gaps: gaps, Start: time.Unix(1_000_000, 0), Redact: func(text string) string { return text },
		Checks: []check.Check{
			{ID: "ingress-class-missing", Class: v1alpha1.ClassProblem, Needs: []facts.Kind{facts.Ingress, facts.IngressClass}},
			{ID: "service-selector-matches-nothing", Class: v1alpha1.ClassProblem, Needs: []facts.Kind{facts.Service}},
		},
	}
	if previous != nil {
		in.Start = previous.Summary.StartTime.Add(time.Hour)
	}
	for _, id := range found {
		in.Findings = append(in.Findings, causes.Linked{ID: id, CausedBy: -1, Finding: check.Finding{
			Check: id, Severity: v1alpha1.SeverityHigh, Message: id,
			Object: facts.Ref{Kind: facts.Service, Namespace: "shop", Name: id},
		}})
	}
	return New(in)
}

func TestABlindRunNeitherFixesFindingsNorMakesThemNewAgain(t *testing.T) {
	const class, service = "ingress-class-missing", "service-selector-matches-nothing"
	all := []facts.Kind{facts.Ingress, facts.IngressClass, facts.Service}
	forbidden := []facts.Gap{{Kind: facts.Service, Source: "services", Reason: v1alpha1.GapForbidden}}
	first := run(nil, nil, all, class, service)
	// IngressClasses cannot be listed either, which is no gap: they only help to find causes.
	blind := run(first, forbidden, []facts.Kind{facts.Ingress})
	ids := func(r *v1alpha1.InspectionReport) (list []string) {
		for _, f := range r.Unverified {
			list = append(list, f.ID)
		}
		slices.Sort(list)
		return list
	}
	if c := blind.Summary.Changes; c.Fixed != 0 || len(blind.Fixed) != 0 || !slices.Equal(ids(blind), []string{class, service}) {
		t.Fatalf("changes %+v, fixed %+v, unverified %q", c, blind.Fixed, ids(blind))
	}
	blinder := run(blind, forbidden, nil)
	if !slices.Equal(ids(blinder), []string{class, service}) {
		t.Fatalf("after two blind runs: unverified %q", ids(blinder))
	}
	full := run(blinder, nil, all, class)
	want := v1alpha1.ChangeCounts{Persisting: 1, Fixed: 1, FixedRootCauses: 1}
	if full.Summary.Changes != want || len(full.Fixed) != 1 || full.Fixed[0].ID != service || len(full.Unverified) != 0 {
		t.Errorf("changes %+v, fixed %+v, unverified %q", full.Summary.Changes, full.Fixed, ids(full))
	}
	if f := full.Findings[0]; f.State != v1alpha1.FindingPersisting || !f.FirstSeen.Equal(&metav1.Time{Time: time.Unix(1_000_000, 0)}) {
		t.Errorf("finding %+v", f)
	}
}
