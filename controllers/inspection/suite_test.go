package inspection

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/checks"
)

// realAPI is the configuration of the real API server of this package's tests, as a cluster administrator.
var realAPI *rest.Config

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == runArgument {
		if err := serveRun(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(testsuite.Run(m, &realAPI))
}

// world is one namespace with a reconciler that is called directly.
type world struct {
	*testsuite.Inspections
	t *testing.T
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{Inspections: testsuite.NewInspections(t, realAPI), t: t}
}

// setup is what a reconciler is made of.
type setup struct {
	env     *environment.Environment
	options Options
}

// reconciler is a new one each time, as after a restart; with may change what it is made of.
func (w *world) reconciler(with ...func(*setup)) reconcile.Reconciler {
	w.t.Helper()
	registry := prometheus.NewRegistry()
	metrics, err := NewMetrics(registry)
	if err != nil {
		w.t.Fatal(err)
	}
	env := testsuite.NewEnvironment(w.t, w.Tenant, registry)
	s := &setup{env: env, options: Options{Metrics: metrics, Checks: checks.Builtin(), Backends: env.Backends, Engine: inspect.Run}}
	for _, change := range with {
		change(s)
	}
	return New(s.env, s.options)
}

// crashing makes a reconciler whose engine ends the process.
func crashing(s *setup) {
	s.options.Engine = func(context.Context, inspect.Input) (*inspect.Result, error) { panic("the process is gone") }
}
