package inspection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/kind"
)

// gate is an engine that holds the runs of one namespace until it is opened, or they are cancelled, and knows in which order runs
// started. Then the real engine runs.
type gate struct {
	namespace string
	opened    chan struct{}

	mutex  sync.Mutex
	starts []start
}

type start struct {
	namespace string
	at        time.Time
}

func (g *gate) run(ctx context.Context, input inspect.Input) (*inspect.Result, error) {
	g.mutex.Lock()
	g.starts = append(g.starts, start{input.Scope.Home, time.Now()})
	g.mutex.Unlock()
	if input.Scope.Home == g.namespace {
		select {
		case <-g.opened:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return inspect.Run(ctx, input)
}

// started is the number of runs of a namespace that started.
func (g *gate) started(namespace string) (count int) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	for _, s := range g.starts {
		if s.namespace == namespace {
			count++
		}
	}
	return count
}

// crowd is a manager with some slots, a namespace of many Inspections, and a neighbour.
type crowd struct {
	many, neighbour *world
	gate            *gate
	queue           string
}

func newCrowd(t *testing.T, slots, inspections int) *crowd {
	t.Helper()
	c := &crowd{many: newWorld(t), neighbour: newWorld(t)}
	c.gate = &gate{namespace: c.many.Namespace, opened: make(chan struct{})}
	c.queue = "fairness-" + c.many.Namespace
	for _, w := range []*world{c.many, c.neighbour} {
		w.Reader(false)
	}
	for n := range inspections {
		c.create(c.many, fmt.Sprintf("i%d", n))
	}
	m, err := ctrl.NewManager(realAPI, ctrl.Options{
		Scheme: c.many.Client.Scheme(), Metrics: metricsserver.Options{BindAddress: "0"},
		Cache:      cache.Options{DefaultNamespaces: map[string]cache.Config{c.many.Namespace: {}, c.neighbour.Namespace: {}}},
		Controller: ctrlconfig.Controller{SkipNameValidation: ptr.To(true)},
	})
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	metrics, err := NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	env, err := environment.New(m, environment.Settings{Metrics: registry})
	if err != nil {
		t.Fatal(err)
	}
	r := New(env, Options{Metrics: metrics, Checks: checks.Builtin(), Backends: env.Backends, Engine: c.gate.run})
	r.References = nil // a ServiceAccount that begins to be watched would be an item of its own
	if err := r.Build(m, c.queue, kind.Slots{Parallel: slots}.Interruptible()).Complete(r); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- m.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
	c.many.Eventually(func() error {
		if n := c.gate.started(c.many.Namespace); n != slots {
			return fmt.Errorf("%d runs hold slots, want %d", n, slots)
		}
		return nil
	})
	return c
}

func (c *crowd) create(w *world, name string) {
	w.t.Helper()
	w.Create(&v1alpha1.Inspection{ObjectMeta: w.Meta(name), Spec: v1alpha1.InspectionSpec{Namespaces: []string{w.Namespace}}})
}

// adds is how many items were added to the queue.
func (c *crowd) adds(t *testing.T) float64 {
	t.Helper()
	families, err := ctrlmetrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == "workqueue_adds_total" && metric.GetLabel()[0].GetValue() == c.queue {
				return metric.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// finished waits until each Inspection of a namespace has its report, and checks that it has one.
func (c *crowd) finished(t *testing.T, w *world, inspections int) {
	t.Helper()
	deadline := time.After(5 * time.Minute) // 300 runs on a busy machine
	for done := -1; done != inspections; {
		list := &v1alpha1.InspectionList{}
		if err := w.Client.List(t.Context(), list, client.InNamespace(w.Namespace)); err != nil {
			t.Fatal(err)
		}
		done = 0
		for _, i := range list.Items {
			if i.Status.LastReport != "" {
				done++
			}
		}
		select {
		case <-deadline:
			t.Fatalf("%d Inspections of %d have run", done, inspections)
		case <-time.After(50 * time.Millisecond):
		}
	}
	if n := len(w.Reports()); n != inspections {
		t.Errorf("%d reports of %d Inspections", n, inspections)
	}
}

// TestManyInspectionsOfOneNamespaceHoldNoOtherUp: 300 Inspections are due at once, and both slots are taken. The next run that
// starts is the neighbour's.
func TestManyInspectionsOfOneNamespaceHoldNoOtherUp(t *testing.T) {
	const inspections = 300
	c := newCrowd(t, 2, inspections)
	c.many.Eventually(func() error {
		if n := c.adds(t); n < inspections {
			return fmt.Errorf("%v Inspections are queued", n)
		}
		return nil
	})
	before := c.adds(t)
	created := time.Now()
	c.create(c.neighbour, "first")
	c.neighbour.Eventually(func() error {
		if c.adds(t) == before {
			return errors.New("not queued yet")
		}
		return nil
	})
	c.gate.opened <- struct{}{} // one slot only: of two reconciles that begin together, either could start its run first
	c.finished(t, c.neighbour, 1)
	close(c.gate.opened)
	c.gate.mutex.Lock()
	next := c.gate.starts[2]
	c.gate.mutex.Unlock()
	if next.namespace != c.neighbour.Namespace {
		t.Error("a run of the crowd started before the neighbour's")
	}
	t.Logf("the neighbour's run started %v after its Inspection was created, with both slots held at first", next.at.Sub(created))

	created = time.Now()
	c.create(c.neighbour, "second")
	c.finished(t, c.neighbour, 2)
	c.gate.mutex.Lock()
	last := slices.IndexFunc(c.gate.starts[3:], func(s start) bool { return s.namespace == c.neighbour.Namespace }) + 3
	t.Logf("another run started after %v, as number %d, amid the crowd's", c.gate.starts[last].at.Sub(created), last)
	c.gate.mutex.Unlock()
	c.finished(t, c.many, inspections)
}

// TestRunsThatNeverEndHoldNoOtherNamespaceUp: both slots are held by runs that only their timeout would end. The neighbour gets one of
// them, and the run that was interrupted is repeated.
func TestRunsThatNeverEndHoldNoOtherNamespaceUp(t *testing.T) {
	const inspections = 4
	c := newCrowd(t, 2, inspections)
	created := time.Now()
	c.create(c.neighbour, "first")
	c.finished(t, c.neighbour, 1)
	c.gate.mutex.Lock()
	t.Logf("the neighbour's run started after %v", c.gate.starts[2].at.Sub(created))
	c.gate.mutex.Unlock()
	c.create(c.neighbour, "second") // there is a slot for it now, without another interruption
	c.finished(t, c.neighbour, 2)
	if n := c.gate.started(c.many.Namespace); n != 2 {
		t.Errorf("%d runs of the crowd started, want 2: one slot stays free", n)
	}
	close(c.gate.opened)
	c.finished(t, c.many, inspections)
}

// TestARunThatNeverEndsDoesNotHoldTheOnlySlot for longer than another namespace waits for it, and is repeated.
func TestARunThatNeverEndsDoesNotHoldTheOnlySlot(t *testing.T) {
	c := newCrowd(t, 1, 1)
	for n, name := range []string{"first", "second"} {
		created := time.Now()
		c.create(c.neighbour, name)
		c.finished(t, c.neighbour, n+1)
		t.Logf("the neighbour's run ended after %v", time.Since(created))
	}
	if n := c.gate.started(c.many.Namespace); n < 2 {
		t.Errorf("the run that was interrupted started %d times, want it to be repeated", n)
	}
	close(c.gate.opened)
	c.finished(t, c.many, 1)
}
