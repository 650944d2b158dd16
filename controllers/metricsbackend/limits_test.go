package metricsbackend

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/limits"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/problem"
)

// TestASpecBeyondALimitIsNotProbed: a backend that a limit rejects costs nothing until its spec changes.
func TestASpecBeyondALimitIsNotProbed(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*v1alpha1.MetricsBackendSpec)
		want   string
	}{
		"a large response": {func(s *v1alpha1.MetricsBackendSpec) { s.QueryBudget = &v1alpha1.QueryBudget{MaxBytes: 1 << 30} },
			"spec.queryBudget.maxBytes is 1073741824, above the maximum of 67108864 (limits.maxQueryBytes in the manager's " +
				"configuration); set at most 67108864"},
		"a short interval": {func(s *v1alpha1.MetricsBackendSpec) { s.Interval = &metav1.Duration{Duration: 5 * time.Second} },
			"spec.interval is 5s, below the minimum of 10s (limits.minProbeInterval in the manager's configuration); set at least 10s"},
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			w := newWorld(t, s)
			w.env.Limits = limits.Limits{MinProbeInterval: 10 * time.Second}
			w.env.Backends.MaxQueryBytes = 64 << 20
			r := New(w.env, testsuite.Steady())
			w.backend(tc.change)
			result, err := testsuite.Reconcile(t, r, w.Key("b"))
			if problem.As(err) == nil || result.RequeueAfter != 0 || s.open != 0 {
				t.Errorf("got %v, %+v, %d connections; want a problem, and neither a probe nor a retry", err, result, s.open)
			}
			for of, message := range map[string]string{v1alpha1.ConditionReady: outcome.Short(tc.want), v1alpha1.ConditionStalled: tc.want} {
				if c := condition(w.get(), of); c.Reason != v1alpha1.ReasonLimitExceeded || c.Message != message {
					t.Errorf("%s: %+v", of, c)
				}
			}
			b := w.get()
			b.Spec.Interval = nil
			b.Spec.QueryBudget = nil
			w.Update(b)
			testsuite.MustReconcile(t, r, w.Tenant, b)
			if c := condition(b, v1alpha1.ConditionReady); c.Status != metav1.ConditionTrue {
				t.Errorf("Ready: %+v", c)
			}
		})
	}
}
