// Package notificationchannel delivers reports to NotificationChannels, each at least once. What is still to be delivered
// stands in the reports themselves, written together with them: a crash loses nothing, and what was sent but not recorded is
// sent again under the same key.
package notificationchannel

import (
	"context"
	"fmt"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/message"
	"kubeops.io/kubeops/internal/probe"
)

// +kubebuilder:rbac:groups=kubeops.io,resources=notificationchannels,verbs=get;list;watch
// +kubebuilder:rbac:groups=kubeops.io,resources=notificationchannels/status,verbs=patch
// +kubebuilder:rbac:groups=kubeops.io,resources=inspectionreports,verbs=get;list;watch;patch

const (
	kindName = "NotificationChannel"
	// minDeadline of one reconcile. What is left is delivered in the next.
	minDeadline = 2 * time.Minute
)

// connection to the receiver of a channel.
type connection struct {
	*backends.Channel
	composer *message.Composer
}

// Setup adds the controller to a manager. A report that waits for delivery wakes the channels of its namespace.
func Setup(m ctrl.Manager, e *environment.Environment) error {
	shown, err := newMetrics(e.Settings.Metrics)
	if err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	r := newReconciler(e, e.NewCadence(), e.Redact, shown)
	undelivered := predicate.NewPredicateFuncs(func(o client.Object) bool { return o.GetLabels()[v1alpha1.LabelUndelivered] == "true" })
	wake := handler.EnqueueRequestsFromMapFunc(channelsOf(m.GetClient()))
	return r.Build(m, "notificationchannel", kind.Slots{Parallel: probe.Parallel}).
		WatchesMetadata(kind.MetadataOf("InspectionReport"), wake, builder.WithPredicates(undelivered)).
		Complete(r)
}

// New is the reconciler of NotificationChannels, without metrics. Every text passes redactText on its way out.
func New(
	e *environment.Environment, cadence *probe.Cadence, redactText func(string) string,
) *kind.Reconciler[*v1alpha1.NotificationChannel] {
	return newReconciler(e, cadence, redactText, nil)
}

func newReconciler(
	e *environment.Environment, cadence *probe.Cadence, redactText func(string) string, shown *metrics,
) *kind.Reconciler[*v1alpha1.NotificationChannel] {
	d := &deliverer{client: e.Client, reader: e.Reader, clock: e.Clock, events: e.Events, limiter: NewRateLimiter(), metrics: shown}
	templates := e.Templates()
	logic := &probe.Logic[*v1alpha1.NotificationChannel, *connection]{
		Kind: kindName, Cadence: cadence, Metrics: e.Probes,
		Open: func(ctx context.Context, c *v1alpha1.NotificationChannel) (*connection, error) {
			shown.show(c) // also of a channel that cannot be opened
			alerts, err := e.Backends.HoldsAlerts(c)
			if err != nil {
				return nil, err
			}
			composer := message.NewComposer(&c.Spec, alerts, redactText, templates, e.Settings.DashboardURL)
			if err := composer.Verify(ctx); err != nil {
				return nil, err
			}
			opened, err := e.Backends.OpenChannel(ctx, c)
			if err != nil {
				return nil, err
			}
			return &connection{opened, composer}, nil
		},
		Prove: d.prove,
		Deadline: func(c *v1alpha1.NotificationChannel) time.Duration {
			return max(minDeadline, 2*c.Spec.MessageTimeout())
		},
		Forgotten: func(key client.ObjectKey) {
			d.limiter.forget(key)
			shown.forget(key)
		},
	}
	empty := func() *v1alpha1.NotificationChannel { return &v1alpha1.NotificationChannel{} }
	return probe.NewReconciler(e.Environment, "Deliver", empty, logic, func(c *v1alpha1.NotificationChannel) any { return c.Spec })
}

// channelsOf are the channels of the namespace of an object.
func channelsOf(reader client.Reader) handler.MapFunc {
	return func(ctx context.Context, o client.Object) (requests []reconcile.Request) {
		list := &v1alpha1.NotificationChannelList{}
		if err := reader.List(ctx, list, client.InNamespace(o.GetNamespace())); err != nil {
			log.FromContext(ctx).Error(err, "NotificationChannels not listed", "namespace", o.GetNamespace())
			return nil
		}
		for _, c := range list.Items {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&c)})
		}
		return requests
	}
}
