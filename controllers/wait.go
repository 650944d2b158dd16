package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
)

// discoveryInterval is how often the cluster is asked for kinds that it does not serve, or that the manager cannot list. No watch tells,
// since that would take permission to watch CustomResourceDefinitions.
const discoveryInterval = 15 * time.Second

// apiWaiter adds controllers to a running manager once the cluster serves the kinds that they watch, and permits it. Their caches would
// wait two minutes for such a kind, and then end the manager.
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
		logger.Info("A controller lacks kinds of the cluster; it starts when it has them, and `kubeops doctor` says what to do",
			"controller", c.name, "missing", c.missing)
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
			missing, err := w.missing(ctx, c)
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

// missing is which kinds of KubeOps the cluster does not serve, or the manager cannot list, or watch, as a controller does.
func (w *apiWaiter) missing(ctx context.Context, c controller) (missing []string, err error) {
	for _, kind := range slices.Concat(c.kinds, c.reads) {
		group := schema.GroupKind{Group: v1alpha1.Group, Kind: kind}
		mapping, err := w.manager.GetRESTMapper().RESTMapping(group, v1alpha1.GroupVersion().Version)
		switch {
		case meta.IsNoMatchError(err):
			missing = append(missing, kind+": the CustomResourceDefinition is not installed")
			continue
		case err != nil:
			return nil, err
		}
		verbs := []string{"list", "watch"}
		if slices.Contains(c.reads, kind) {
			verbs = verbs[:1]
		}
		for _, verb := range verbs {
			allowed, err := w.allowed(ctx, mapping.Resource, verb)
			if err != nil {
				return nil, err
			}
			if !allowed {
				missing = append(missing, fmt.Sprintf("%s: cannot %s %s (RBAC)", kind, verb, mapping.Resource.GroupResource()))
			}
		}
	}
	return missing, nil
}

// maxReviewed is in how many of the manager's namespaces its permissions are reviewed: a role that is missing is so in all of them, and
// each namespace takes a request for each kind and verb before the manager starts.
const maxReviewed = 20

// allowed reports whether the manager has a permission in the namespaces that it serves. A manager that may not ask finds out when it
// watches.
func (w *apiWaiter) allowed(ctx context.Context, resource schema.GroupVersionResource, verb string) (bool, error) {
	namespaces := w.environment.Settings.Namespaces
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	for _, namespace := range namespaces[:min(len(namespaces), maxReviewed)] {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: namespace, Verb: verb, Group: resource.Group, Resource: resource.Resource,
			},
		}}
		err := w.manager.GetClient().Create(ctx, review)
		if apierrors.IsForbidden(err) {
			return true, nil
		}
		if err != nil {
			return false, fmt.Errorf("review the permissions of the manager: %w", err)
		}
		if !review.Status.Allowed {
			return false, nil
		}
	}
	return true, nil
}
