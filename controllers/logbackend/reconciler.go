// Package logbackend proves LogBackends: it writes a line to each and reads it back, again and again, and says in its status
// what came of it. What a LogBackend collects is handed to the router.
package logbackend

import (
	"context"
	"errors"
	"sync"

	ctrl "sigs.k8s.io/controller-runtime"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/backend"
	"kubeops.io/kubeops/internal/backends"
)

// Reconciler proves LogBackends. All fields but Routes are required.
type Reconciler struct {
	backend.Keeper
	// Backends opens them.
	Backends *backends.Resolver
	// Routes brings lines to them; nil routes nothing, and the condition says so.
	Routes Routes
	// one turn of the router at a time, since each is about all LogBackends.
	routing sync.Mutex
}

// +kubebuilder:rbac:groups=kubeops.io,resources=logbackends,verbs=get;list;watch
// +kubebuilder:rbac:groups=kubeops.io,resources=logbackends/status,verbs=patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile makes one round trip, and says when the next one is due.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	states, routeErr := r.routes(ctx)
	b := &v1alpha1.LogBackend{}
	gone, err := r.Get(ctx, request.NamespacedName, b)
	if gone || err != nil {
		return ctrl.Result{}, errors.Join(err, routeErr) // of one that is gone, its routes must go, too
	}
	stored, s := subject(b.DeepCopy()), r.subject(b)
	if b.Spec.Suspend {
		return r.Suspended(ctx, stored, s)
	}
	r.routed(b, states[request.NamespacedName], routeErr)
	limited, cancel := backend.Limited(ctx, &b.Spec.BackendAccess, patience(b))
	defer cancel()
	verdict := backend.Verdict{Began: r.Clock.Now()}
	opened, err := r.Backends.OpenLogs(limited, b)
	if err != nil {
		unmeasured(&b.Status)
		r.unasked(b, err)
		r.DataSource(ctx, stored, s, b.Spec.Grafana, nil)
		verdict.Err = err
		return r.Finish(ctx, stored, s, verdict)
	}
	defer opened.Close()
	verdict.Clean = opened.Clean
	verdict.Message, verdict.Err = r.probe(limited, b, opened)
	if verdict.Err != nil {
		r.unasked(b, verdict.Err)
	} else {
		r.retention(limited, b, opened)
		r.dataView(limited, b, opened)
	}
	r.DataSource(ctx, stored, s, b.Spec.Grafana, opened.DataSource(b))
	return r.Finish(ctx, stored, s, verdict)
}

// subject is the part of a LogBackend that all back ends have.
func subject(b *v1alpha1.LogBackend) backend.Subject {
	return backend.Subject{
		Object: b, Access: &b.Spec.BackendAccess, Known: []string{v1alpha1.ConditionRetentionMatches, v1alpha1.ConditionCollectionReady, v1alpha1.ConditionDataViewReady},
		Conditions: &b.Status.Conditions, Observed: &b.Status.ObservedGeneration, LastProbe: &b.Status.LastProbeTime, LastHandled: &b.Status.LastHandledRequest,
	}
}

func (r *Reconciler) subject(b *v1alpha1.LogBackend) backend.Subject {
	s := subject(b)
	if b.Spec.Retention != nil {
		s.Asides = append(s.Asides, v1alpha1.ConditionRetentionMatches)
	}
	if b.Spec.Collect != nil {
		s.Asides = append(s.Asides, v1alpha1.ConditionCollectionReady)
	}
	if wantsDataView(b) {
		s.Asides = append(s.Asides, v1alpha1.ConditionDataViewReady)
	}
	if b.Spec.Grafana != nil {
		s.Asides = append(s.Asides, v1alpha1.ConditionDataSourceReady)
	}
	return s
}

// SetupWithManager starts the controller with the manager.
func (r *Reconciler) SetupWithManager(manager ctrl.Manager) error {
	return backend.Setup(manager, "logbackend", &v1alpha1.LogBackend{}, r)
}
