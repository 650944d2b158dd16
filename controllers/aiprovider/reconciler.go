// Package aiprovider proves AIProviders: it looks whether the model is there, has it answer a small question now and then, and says
// in the status what came of it and what was spent.
package aiprovider

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/backend"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/provider/ai"
)

// Reconciler proves AIProviders. Both fields are required.
type Reconciler struct {
	backend.Keeper
	// Backends opens them.
	Backends *backends.Resolver
}

// +kubebuilder:rbac:groups=kubeops.io,resources=aiproviders,verbs=get;list;watch
// +kubebuilder:rbac:groups=kubeops.io,resources=aiproviders/status,verbs=patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile looks once, and says when to look next.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	p := &v1alpha1.AIProvider{}
	if gone, err := r.Get(ctx, request.NamespacedName, p); gone || err != nil {
		if gone {
			r.Backends.Meters.Forget(request.NamespacedName)
		}
		return ctrl.Result{}, err
	}
	stored, s := subject(p.DeepCopy()), subject(p)
	meter := r.Backends.Meters.Of(p)
	if p.Spec.Suspend {
		return r.finish(p, meter, func() (ctrl.Result, error) { return r.Suspended(ctx, stored, s) })
	}
	limited, cancel := backend.Limited(ctx, s.Access, 0)
	defer cancel()
	verdict := backend.Verdict{Began: r.Clock.Now()}
	opened, err := r.Backends.OpenModel(limited, p)
	if err != nil {
		p.Status.Latency = nil
		verdict.Err = err
	} else {
		defer opened.Close()
		verdict.Clean = opened.Clean
		verdict.Message, verdict.Err = r.probe(limited, p, opened)
	}
	return r.finish(p, meter, func() (ctrl.Result, error) { return r.Finish(ctx, stored, s, verdict) })
}

// finish writes the status with what was spent until then. Nobody else stores that meanwhile, so that no older number comes after a
// newer one.
func (r *Reconciler) finish(p *v1alpha1.AIProvider, meter *ai.Meter, write func() (ctrl.Result, error)) (result ctrl.Result, err error) {
	err = meter.Saving(func(u ai.Usage, left *int64) (err error) {
		p.Status.Usage = backends.UsageStatus(u, left)
		result, err = write()
		return err
	})
	return result, err
}

// subject is the part of an AIProvider that all back ends have.
func subject(p *v1alpha1.AIProvider) backend.Subject {
	return backend.Subject{
		Object: p, Access: &v1alpha1.BackendAccess{
			ServiceAccountName: p.Spec.ServiceAccountName, Timeout: &metav1.Duration{Duration: p.Spec.RequestTimeout()}, Interval: &metav1.Duration{Duration: p.Spec.ProbeInterval()},
		},
		Conditions: &p.Status.Conditions, Observed: &p.Status.ObservedGeneration, LastProbe: &p.Status.LastProbeTime, LastHandled: &p.Status.LastHandledRequest,
	}
}

// proofHolds is how long an answer proves a model, if nothing happens meanwhile.
const proofHolds = time.Hour

// SetupWithManager starts the controller with the manager.
func (r *Reconciler) SetupWithManager(manager ctrl.Manager) error {
	return backend.Setup(manager, "aiprovider", &v1alpha1.AIProvider{}, r)
}
