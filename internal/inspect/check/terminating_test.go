package check

import (
	"testing"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// twoPods are a Pod that is being deleted and one that is not.
func twoPods() (g *facts.Graph, going, staying *facts.PodNode) {
	now := time.Unix(1_000_000, 0)
	pod := func(name string) *facts.PodNode {
		return &facts.PodNode{Meta: facts.Meta{Ref: facts.Ref{Kind: facts.Pod, Namespace: "shop", Name: name}}, Phase: "Running"}
	}
	going, staying = pod("going"), pod("staying")
	going.Deleting = now.Add(-time.Hour)
	b := facts.NewBuilder("test", now)
	b.Add(going, staying)
	return b.Graph(), going, staying
}

func TestPodsThatAreBeingDeletedHaveNoOtherFindings(t *testing.T) {
	g, going, staying := twoPods()
	findings := func(*facts.Graph, Params) []Finding { return []Finding{{Object: going.Ref}, {Object: staying.Ref}} }
	for name, tc := range map[string]struct {
		check Check
		want  int
	}{
		"any check":                          {Check{ID: "a", Run: findings}, 1},
		"a check of Pods that stay too long": {Check{ID: "b", Run: findings, Terminating: true}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			if got, _, _ := Run(g, []Check{tc.check}, DefaultParams()); len(got) != tc.want {
				t.Errorf("got %+v, want %d findings", got, tc.want)
			}
		})
	}
}

func TestRollUpOmitsPodsThatAreBeingDeleted(t *testing.T) {
	g, going, staying := twoPods()
	failures := []FailingPod{{Pod: going}, {Pod: staying}}
	if got := RollUp(g, failures); len(got) != 1 || got[0].Object != staying.Ref {
		t.Errorf("got %+v, want only %s", got, staying.Name)
	}
	failures[0].Terminating = true
	if got := RollUp(g, failures); len(got) != 2 {
		t.Errorf("got %+v, want the Pod that is not removed, too", got)
	}
}
