package inspection

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/child"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/runner"
)

// runArgument makes the test binary run one Inspection as a child process, with the engine of the argument after it.
const runArgument = "run-inspection"

// engines that a child can have; all but the first do what a fault in a limit would let a tenant do.
func engines() map[string]runner.Engine {
	return map[string]runner.Engine{
		"engine": inspect.Run,
		"hog": func(context.Context, inspect.Input) (*inspect.Result, error) {
			kept := make([][]byte, 0)
			for {
				if kept = append(kept, make([]byte, 1<<20)); kept == nil {
					return nil, nil
				}
			}
		},
		"loop": func(context.Context, inspect.Input) (*inspect.Result, error) {
			for n := 0; ; n++ {
				if n < 0 {
					return nil, nil
				}
			}
		},
		"panic":   func(context.Context, inspect.Input) (*inspect.Result, error) { panic("a bug in a check") },
		"error":   func(context.Context, inspect.Input) (*inspect.Result, error) { return nil, errors.New("unexpected") },
		"problem": func(context.Context, inspect.Input) (*inspect.Result, error) { return nil, unreachable() },
	}
}

func unreachable() *problem.Problem {
	return problem.Retrying(v1alpha1.ReasonClusterUnreachable, errors.New("refused"), "the cluster does not answer")
}

// hogBeside is an engine of a child that needs more memory than it may have, whatever it is asked for.
const hogBeside = "hog beside"

func serveRun(engine string) error {
	connection, err := child.Enter()
	if err != nil {
		return err
	}
	if engine == hogBeside {
		go engines()["hog"](context.Background(), inspect.Input{}) //nolint:errcheck // it never returns
	}
	return runner.Serve(context.Background(), connection, engines()[engine])
}

func TestTheReportIsTheSameWhereverTheWorkIsDone(t *testing.T) {
	findings := map[string]string{}
	summaries := map[string]v1alpha1.ReportSummary{}
	places := where()
	places["local"] = func(*world, string) func(*setup) { return func(*setup) {} }
	for place, with := range places {
		w := newWorld(t)
		w.Reader(false)
		w.LostService("a")
		w.Inspection(v1alpha1.InspectionSpec{CustomChecks: []v1alpha1.CustomCheck{{
			ID: "custom-labels", Resource: v1alpha1.CustomResource{Version: "v1", Resource: "services"},
			Expression: "has(object.metadata.labels)", Message: "Service has no labels",
		}}})
		w.Settle(w.reconciler(with(w, "engine")))
		testsuite.WantReady(t, w.Get(), metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "1 problem, 1 recommendation")
		report := w.Newest()
		summaries[place] = report.Summary
		for _, f := range report.Findings {
			findings[place] += strings.ReplaceAll(f.Check+" "+f.Object.Name+" "+f.Message+"\n", w.Namespace, "namespace")
		}
	}
	ignored := cmpopts.IgnoreFields(v1alpha1.ReportSummary{}, "StartTime", "Duration")
	for place := range where() {
		if diff := cmp.Diff(findings["local"], findings[place]); diff != "" || findings["local"] == "" {
			t.Errorf("%s: %s", place, diff)
		}
		if diff := cmp.Diff(summaries["local"], summaries[place], ignored); diff != "" {
			t.Errorf("%s: %s", place, diff)
		}
	}
}

func TestARunThatALimitEndsIsAConditionThatNamesTheLimit(t *testing.T) {
	for engine, want := range map[string]struct{ reason, message string }{
		"hog":     {v1alpha1.ReasonMemoryLimitExceeded, "it needed more than 256Mi of memory"},
		"loop":    {v1alpha1.ReasonDeadlineExceeded, "did not end within spec.timeout (5s)"},
		"panic":   {v1alpha1.ReasonRetrying, "the process of the run ended early; see the manager's log"},
		"error":   {v1alpha1.ReasonRetrying, "unexpected error while inspecting; see the manager's log"},
		"problem": {v1alpha1.ReasonClusterUnreachable, "the cluster does not answer"},
	} {
		for place, with := range where() {
			t.Run(engine+" in "+place, func(t *testing.T) { aLimitEnds(t, with, engine, want.reason, want.message) })
		}
	}
}

func aLimitEnds(t *testing.T, with func(*world, string) func(*setup), engine, reason, message string) {
	w := newWorld(t)
	w.Reader(false)
	w.LostService("a")
	w.Inspection(v1alpha1.InspectionSpec{Timeout: &metav1.Duration{Duration: 5 * time.Second}})
	if _, err := w.Reconcile(w.reconciler(with(w, engine))); err != nil && reason != v1alpha1.ReasonRetrying &&
		reason != v1alpha1.ReasonClusterUnreachable {
		t.Error(err)
	}
	testsuite.WantReady(t, w.Get(), metav1.ConditionFalse, reason, message)
	if len(w.Reports()) != 0 {
		t.Error("a report was saved")
	}
	w.Clock.SetTime(w.Clock.Now().Add(time.Hour))
	w.Settle(w.reconciler(with(w, "engine")))
	testsuite.WantReady(t, w.Get(), metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "1 problem")
}

func TestAnInvalidSpecIsNotAnnouncedByAChild(t *testing.T) {
	for place, with := range where() {
		t.Run(place, func(t *testing.T) {
			w := newWorld(t)
			w.Inspection(v1alpha1.InspectionSpec{})
			if _, err := w.Reconcile(w.reconciler(with(w, "engine"))); err != nil {
				t.Fatal(err)
			}
			testsuite.WantReady(t, w.Get(), metav1.ConditionFalse, v1alpha1.ReasonServiceAccountNotFound, "kubeops")
			if w.Get().Status.ActiveRun != nil {
				t.Error("a run is active that could not start")
			}
		})
	}
}
