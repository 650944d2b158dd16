// Package metricsbackend proves MetricsBackends: it asks each a real query, again and again, and says in its status what came
// of it.
package metricsbackend

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/backend"
	"kubeops.io/kubeops/internal/backends"
)

// Reconciler proves MetricsBackends. Both fields are required.
type Reconciler struct {
	backend.Keeper
	// Backends opens them.
	Backends *backends.Resolver
}

// +kubebuilder:rbac:groups=kubeops.io,resources=metricsbackends,verbs=get;list;watch
// +kubebuilder:rbac:groups=kubeops.io,resources=metricsbackends/status,verbs=patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile makes one round trip, and says when the next one is due.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	b := &v1alpha1.MetricsBackend{}
	if gone, err := r.Get(ctx, request.NamespacedName, b); gone || err != nil {
		return ctrl.Result{}, err
	}
	stored, s := subject(b.DeepCopy()), subject(b)
	if b.Spec.Suspend {
		return r.Suspended(ctx, stored, s)
	}
	limited, cancel := backend.Limited(ctx, &b.Spec.BackendAccess, 0)
	defer cancel()
	verdict := backend.Verdict{Began: r.Clock.Now()}
	opened, err := r.Backends.OpenMetrics(limited, b)
	if err != nil {
		unmeasured(&b.Status)
		r.unasked(b, err)
		r.DataSource(ctx, stored, s, b.Spec.Grafana, nil)
		verdict.Err = err
		return r.Finish(ctx, stored, s, verdict)
	}
	defer opened.Close()
	verdict.Clean = opened.Clean
	verdict.Message, verdict.Err = probe(limited, b, opened)
	alerts, cancelAlerts := backend.Limited(ctx, &b.Spec.BackendAccess, 0)
	defer cancelAlerts()
	r.alertmanager(alerts, b, opened)
	r.DataSource(ctx, stored, s, b.Spec.Grafana, opened.DataSource(b))
	return r.Finish(ctx, stored, s, verdict)
}

// subject is the part of a MetricsBackend that all back ends have.
func subject(b *v1alpha1.MetricsBackend) backend.Subject {
	s := backend.Subject{
		Object: b, Access: &b.Spec.BackendAccess, Known: []string{v1alpha1.ConditionAlertmanagerReady},
		Conditions: &b.Status.Conditions, Observed: &b.Status.ObservedGeneration, LastProbe: &b.Status.LastProbeTime, LastHandled: &b.Status.LastHandledRequest,
	}
	if b.Spec.Alertmanager != nil {
		s.Asides = append(s.Asides, v1alpha1.ConditionAlertmanagerReady)
	}
	if b.Spec.Grafana != nil {
		s.Asides = append(s.Asides, v1alpha1.ConditionDataSourceReady)
	}
	return s
}

// unasked says that the Alertmanager was not asked, because the back end could not be opened.
func (r *Reconciler) unasked(b *v1alpha1.MetricsBackend, err error) {
	if b.Spec.Alertmanager != nil {
		r.aside(b, metav1.ConditionUnknown, reason(err), "not asked, since the credentials of the back end could not be read; see Ready")
	}
}

func (r *Reconciler) aside(b *v1alpha1.MetricsBackend, status metav1.ConditionStatus, reason, message string) {
	r.ConditionsOf(subject(b)).Aside(v1alpha1.ConditionAlertmanagerReady, status, reason, message)
}

// SetupWithManager starts the controller with the manager.
func (r *Reconciler) SetupWithManager(manager ctrl.Manager) error {
	return backend.Setup(manager, "metricsbackend", &v1alpha1.MetricsBackend{}, r)
}
