package aibench_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/explain"
	"kubeops.io/kubeops/internal/explain/aibench"
)

// remembering is a store in memory.
type remembering struct {
	mutex sync.Mutex
	kept  map[string]v1alpha1.Explanation
	added []v1alpha1.Explanation
}

func (r *remembering) Lookup(context.Context, []string) (map[string]v1alpha1.Explanation, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return maps.Clone(r.kept), nil
}

func (r *remembering) Add(_ context.Context, explanations ...v1alpha1.Explanation) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, e := range explanations {
		r.kept[e.Key] = e
		r.added = append(r.added, e)
	}
	return nil
}

// crashOn changes what changes in a cluster while Pods crash on: restarts, times, and the state of containers between two starts.
func crashOn(value any, n int) {
	switch v := value.(type) {
	case map[string]any:
		if restarts, ok := v["restartCount"].(float64); ok && restarts > 0 {
			v["restartCount"] = restarts + float64(n)
			state, _ := v["state"].(map[string]any)
			waiting, _ := state["waiting"].(map[string]any)
			if waiting["reason"] == "CrashLoopBackOff" && n%3 == 1 {
				v["state"] = map[string]any{"terminated": v["lastState"].(map[string]any)["terminated"]}
			}
			if waiting["reason"] == "CrashLoopBackOff" && n%3 == 2 {
				waiting["message"] = fmt.Sprintf("back-off %dm0s restarting failed container", n)
			}
		}
		for _, child := range v {
			crashOn(child, n)
		}
	case []any:
		for _, child := range v {
			crashOn(child, n)
		}
	}
}

// TestAnUnchangedClusterCostsNothing runs failures with crashing Pods ten times again.
func TestAnUnchangedClusterCostsNothing(t *testing.T) {
	const reruns = 10
	crashing := []string{"lab-rollout-misspells-host", "memory-limit-too-small", "policy-denies-egress", "migration-fails"}
	for _, name := range crashing {
		t.Run(name, func(t *testing.T) {
			store := &remembering{kept: map[string]v1alpha1.Explanation{}}
			for n := range reruns + 1 {
				all, err := aibench.Read("testdata")
				if err != nil {
					t.Fatal(err)
				}
				s := all[slices.IndexFunc(all, func(s aibench.Scenario) bool { return s.Name == name })]
				for _, object := range s.Objects {
					crashOn(object, n)
				}
				for key, log := range s.Logs { // streams in another order, and times
					lines := strings.SplitAfter(strings.TrimSuffix(log, "\n")+"\n", "\n")
					slices.Reverse(lines[:len(lines)-1])
					if n%2 == 1 {
						log = strings.Join(lines, "")
					}
					s.Logs[key] = fmt.Sprintf("2026-01-15T11:%02d:00Z started\n%s", n, log)
				}
				model := &recorder{}
				store.added = nil
				if _, err := explain.Run(t.Context(), input(t, inspectScenario(t, s), model, store, true)); err != nil {
					t.Fatal(err)
				}
				if len(store.added) == 0 {
					t.Fatal("nothing was explained")
				}
				if n > 0 && len(model.asked) > 0 {
					t.Fatalf("rerun %d asked %d times: %s", n, len(model.asked), model.asked[0].User)
				}
			}
		})
	}
}
