// Package installation lets the manager say that its CustomResourceDefinitions are older than it is, and that another manager leads.
package installation

import (
	"fmt"

	"k8s.io/client-go/discovery"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"

	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/internal/selfcheck"
	"kubeops.io/kubeops/internal/serverclock"
)

// The Leases of managers, by their name, in all namespaces.
// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,resourceNames=kubeops-manager.kubeops.io,verbs=list

// Setup adds the monitor of the installation to a manager.
func Setup(m ctrl.Manager, e *environment.Environment) error {
	monitor, err := newMonitor(m, e)
	if err != nil {
		return err
	}
	return m.Add(monitor)
}

func newMonitor(m ctrl.Manager, e *environment.Environment) (*selfcheck.Monitor, error) {
	schemas, err := discovery.NewDiscoveryClientForConfigAndClient(m.GetConfig(), m.GetHTTPClient())
	if err != nil {
		return nil, fmt.Errorf("prepare the comparison of CustomResourceDefinitions: %w", err)
	}
	server, err := serverclock.NewClient(m.GetConfig())
	if err != nil {
		return nil, fmt.Errorf("prepare the search for other managers: %w", err)
	}
	monitor := &selfcheck.Monitor{
		Schemas: schemas.RESTClient(), Reader: m.GetAPIReader(), Server: server, Namespace: e.Settings.LeaseNamespace,
		Single: len(e.Settings.Namespaces) > 0, Clock: clock.RealClock{}, Logger: m.GetLogger().WithName("installation"),
	}
	if err := monitor.Register(e.Settings.Metrics); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return monitor, nil
}
