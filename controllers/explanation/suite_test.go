package explanation

import (
	"os"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/controllers/inspection"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/checks"
)

// realAPI is the configuration of the real API server of this package's tests, as a cluster administrator.
var realAPI *rest.Config

func TestMain(m *testing.M) {
	os.Exit(testsuite.Run(m, &realAPI))
}

// world is one namespace with the controllers of an Inspection and of its explanations, which are called directly.
type world struct {
	*testsuite.Inspections
	t *testing.T
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{Inspections: testsuite.NewInspections(t, realAPI), t: t}
}

// setup is what the reconcilers are made of.
type setup struct{ env *environment.Environment }

// reconciler is a new one each time, as after a restart; with may change what it is made of.
func (w *world) reconciler(with ...func(*setup)) reconcile.Reconciler {
	w.t.Helper()
	registry := prometheus.NewRegistry()
	metrics, err := inspection.NewMetrics(registry)
	if err != nil {
		w.t.Fatal(err)
	}
	s := &setup{env: testsuite.NewEnvironment(w.t, w.Tenant, registry)}
	for _, change := range with {
		change(s)
	}
	runs := inspection.New(s.env, inspection.Options{
		Metrics: metrics, Checks: checks.Builtin(), Backends: s.env.Backends, Engine: inspect.Run,
	})
	return testsuite.Chain{runs, New(s.env)}
}
