// Package controllers is the list of KubeOps' controllers: read it, and you know what the manager does.
package controllers

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"

	"kubeops.io/kubeops/controllers/inspection"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/checks"
)

// Options of the controllers.
type Options struct {
	// ParallelInspections run at the same time. Default 2.
	ParallelInspections int
	// Metrics is where the controllers register theirs.
	Metrics prometheus.Registerer
}

// Setup gives every controller what it needs and adds it to the manager.
func Setup(manager ctrl.Manager, options Options) error {
	metrics, err := inspection.NewMetrics(options.Metrics)
	if err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	inspections := &inspection.Reconciler{
		Client: manager.GetClient(), Reader: manager.GetAPIReader(), Config: manager.GetConfig(), Clock: clock.RealClock{},
		Events: manager.GetEventRecorder("kubeops"), Metrics: metrics, Checks: checks.Builtin(), Inspect: inspect.Run,
	}
	if err := inspections.SetupWithManager(manager, max(options.ParallelInspections, 1)); err != nil {
		return fmt.Errorf("set up the Inspection controller: %w", err)
	}
	return nil
}
