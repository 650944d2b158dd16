package pipelinerun_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/controllers/pipelinerun"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/expression"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// fake does the work of Jobs in memory: it ends when it is looked at a second time.
type fake struct {
	// namespaces whose runs count. The manager also advances runs that other tests left in progress.
	namespaces map[string]bool

	mutex sync.Mutex
	// starts and looks by key.
	starts, looks map[string]int
	calls         int
}

func (f *fake) count(counters map[string]int, a pipeline.Attempt) int {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if !f.namespaces[a.Namespace] {
		return 2 // it ends
	}
	f.calls++
	counters[a.Key]++
	return counters[a.Key]
}

func (f *fake) Check(context.Context, pipeline.Attempt) error { return nil }

func (f *fake) Start(_ context.Context, a pipeline.Attempt) (string, error) {
	f.count(f.starts, a)
	return a.Key, nil
}

func (f *fake) Find(_ context.Context, a pipeline.Attempt) (pipeline.Lookup, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if !f.namespaces[a.Namespace] {
		return pipeline.Lookup{Presence: pipeline.Found, Handle: a.Key}, nil
	}
	f.calls++
	if f.starts[a.Key] > 0 {
		return pipeline.Lookup{Presence: pipeline.Found, Handle: a.Key}, nil
	}
	return pipeline.Lookup{Presence: pipeline.Absent}, nil
}

func (f *fake) Get(_ context.Context, a pipeline.Attempt, _ string) (pipeline.Observation, error) {
	if f.count(f.looks, a) < 2 {
		return pipeline.Observation{After: 100 * time.Millisecond}, nil
	}
	return pipeline.Observation{State: pipeline.Succeeded}, nil
}

func (f *fake) Cancel(context.Context, pipeline.Attempt, string) (bool, error) { return true, nil }

// TestManyRunsOfTwoNamespacesEndAndThenCostNothing runs the real manager with 200 runs, most of one namespace.
func TestManyRunsOfTwoNamespacesEndAndThenCostNothing(t *testing.T) {
	const greedy, modest = 190, 10
	names := map[*tenant.Tenant]int{tenant.New(t, realAPI): greedy, tenant.New(t, realAPI): modest}
	work := &fake{starts: map[string]int{}, looks: map[string]int{}, namespaces: map[string]bool{}}
	for n := range names {
		work.namespaces[n.Namespace] = true
	}
	requests := &interceptor{}
	redactText := redactor(t)
	config := rest.CopyConfig(realAPI)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &transport{next: next, state: requests} })
	testsuite.StartManager(t, config, func(m ctrl.Manager, e *environment.Environment) error {
		return pipelinerun.SetupWith(m, e, pipelinerun.Options{
			Drivers: map[v1alpha1.StageType]pipeline.Driver{v1alpha1.StageJob: work}, Expressions: expression.Local{}, Redact: redactText,
		})
	})
	for n, count := range names {
		n.Create(&v1alpha1.Pipeline{ObjectMeta: n.Meta("p"), Spec: v1alpha1.PipelineSpec{
			Concurrency: v1alpha1.ConcurrencyAllow, Stages: []v1alpha1.PipelineStage{jobStage("a"), jobStage("b", "a")},
		}})
		for i := range count {
			n.Create(&v1alpha1.PipelineRun{
				ObjectMeta: n.Meta(fmt.Sprintf("r%d", i)), Spec: v1alpha1.PipelineRunSpec{PipelineRef: v1alpha1.LocalReference{Name: "p"}},
			})
		}
	}
	for n, count := range names {
		n.Within(2*time.Minute, func() error {
			list := &v1alpha1.PipelineRunList{}
			if err := n.Client.List(t.Context(), list, client.InNamespace(n.Namespace)); err != nil {
				return err
			}
			ended := 0
			for _, run := range list.Items {
				if run.Status.Phase == v1alpha1.RunSucceeded {
					ended++
				}
			}
			if ended < count {
				return fmt.Errorf("%d of %d runs succeeded", ended, count)
			}
			return nil
		})
	}
	work.mutex.Lock()
	if len(work.starts) != 2*(greedy+modest) {
		t.Errorf("%d attempts were started, want %d", len(work.starts), 2*(greedy+modest))
	}
	for key, starts := range work.starts {
		if starts != 1 {
			t.Errorf("%s was started %d times", key, starts)
		}
	}
	calls := work.calls
	work.mutex.Unlock()

	// An event of another run shows that the queue is empty; finished runs then ask for nothing.
	last := tenant.New(t, realAPI)
	last.Create(&v1alpha1.PipelineRun{ObjectMeta: last.Meta("last"), Spec: v1alpha1.PipelineRunSpec{
		PipelineRef: v1alpha1.LocalReference{Name: "missing"}, StartingDeadline: &metav1.Duration{Duration: time.Second},
	}})
	last.Eventually(func() error {
		run := &v1alpha1.PipelineRun{}
		if err := last.Client.Get(t.Context(), last.Key("last"), run); err != nil || run.Status.Phase == v1alpha1.RunFailed {
			return err
		}
		return fmt.Errorf("the run is %s", run.Status.Phase)
	})
	work.mutex.Lock()
	defer work.mutex.Unlock()
	if work.calls != calls {
		t.Errorf("finished runs cost %d calls", work.calls-calls)
	}
}
