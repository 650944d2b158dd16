package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
)

// discoveryInterval is how often the cluster is asked for kinds that it does not serve. No watch tells, since that would take
// permission to watch CustomResourceDefinitions.
const discoveryInterval = 15 * time.Second

// apiWaiter adds controllers to a running manager once the cluster serves the kinds that they watch.
type apiWaiter struct {
	manager     ctrl.Manager
	environment *environment.Environment
	controllers []controller
	// interval between two looks. Default discoveryInterval.
	interval time.Duration
}

// NeedLeaderElection implements manager.LeaderElectionRunnable. Every replica adds the controllers: those of the leader wait for the Lease,
// and every replica receives webhooks.
func (w *apiWaiter) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (w *apiWaiter) Start(ctx context.Context) error {
	logger := log.FromContext(ctx)
	for _, c := range w.controllers {
		logger.Info("The cluster does not serve the kinds of a controller; it starts when it does", "controller", c.name, "kinds",
			c.kinds)
	}
	ticker := time.NewTicker(cmp.Or(w.interval, discoveryInterval))
	defer ticker.Stop()
	for len(w.controllers) > 0 {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		var failed error
		w.controllers = slices.DeleteFunc(w.controllers, func(c controller) bool {
			missing, err := missingKinds(w.manager.GetRESTMapper(), c.kinds)
			if err != nil || len(missing) > 0 {
				return false // an API server that does not answer is asked again
			}
			if err := c.setup(w.manager, w.environment); err != nil {
				failed = fmt.Errorf("set up the %s controller: %w", c.name, err)
			} else {
				logger.Info("Started a controller whose kinds appeared", "controller", c.name)
			}
			return true
		})
		if failed != nil {
			return failed
		}
	}
	return nil
}

// missingKinds are the kinds of KubeOps that the cluster does not serve.
func missingKinds(mapper meta.RESTMapper, kinds []string) (missing []string, err error) {
	for _, kind := range kinds {
		_, err := mapper.RESTMapping(schema.GroupKind{Group: v1alpha1.Group, Kind: kind}, v1alpha1.GroupVersion().Version)
		switch {
		case meta.IsNoMatchError(err):
			missing = append(missing, kind)
		case err != nil:
			return nil, err
		}
	}
	return missing, nil
}
