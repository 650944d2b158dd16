package child_test

import (
	"context"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kubeops.io/kubeops/internal/child"
)

func TestProcessesAreCountedByWhatEndedThem(t *testing.T) {
	for name, want := range map[string]string{
		"echo": "done", "one large allocation": "memory", "endless loop": "deadline", "waits": "canceled", "panic": "crash",
	} {
		t.Run(name, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			counted := command(name)
			counted.Work = child.WorkTemplate
			var err error
			if counted.Metrics, err = child.NewMetrics(registry); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if want == "deadline" {
				defer time.AfterFunc(time.Second, func() { cancel(child.ErrDeadline) }).Stop()
			}
			var answer string
			err = counted.Run(ctx, func(connection io.ReadWriteCloser) error {
				if running := value(t, registry, "kubeops_child_processes", "template"); running != 1 {
					t.Errorf("%v processes are running", running)
				}
				if want == "canceled" {
					cancel(nil)
				}
				return ask(&answer)(connection)
			})
			if (err == nil) != (want == "done") {
				t.Errorf("error %v", err)
			}
			if running := value(t, registry, "kubeops_child_processes", "template"); running != 0 {
				t.Errorf("%v processes are running after the end", running)
			}
			for _, result := range []string{"done", "memory", "deadline", "canceled", "crash", "failed"} {
				expected := 0.0
				if result == want {
					expected = 1
				}
				if got := value(t, registry, "kubeops_child_processes_ended_total", result, "template"); got != expected {
					t.Errorf("%v processes ended with result %s", got, result)
				}
			}
		})
	}
}

// value of the series of a metric with these values of its labels, which are in the order of their names.
func value(t *testing.T, registry *prometheus.Registry, name string, labels ...string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, series := range family.GetMetric() {
			var found []string
			for _, label := range series.GetLabel() {
				found = append(found, label.GetValue())
			}
			if family.GetName() == name && slices.Equal(found, labels) {
				return series.GetGauge().GetValue() + series.GetCounter().GetValue() // one of them is there
			}
		}
	}
	t.Fatalf("%s has no series %q", name, labels)
	return 0
}
