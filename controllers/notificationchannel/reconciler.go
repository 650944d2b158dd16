// Package notificationchannel carries reports to NotificationChannels, each at least once. What is still to be told stands in the
// reports themselves, written together with them: a crash loses nothing, and what was sent but not yet noted is sent again under
// the same key.
package notificationchannel

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/backend"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/message"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/notify"
)

// Reconciler delivers to NotificationChannels. All fields are required.
type Reconciler struct {
	backend.Keeper
	// Backends opens channels.
	Backends *backends.Resolver
	// Redact is the gate that every text passes.
	Redact func(string) string
	// Pace keeps each channel to its messages a minute.
	Pace *Pace
}

// +kubebuilder:rbac:groups=kubeops.io,resources=notificationchannels,verbs=get;list;watch
// +kubebuilder:rbac:groups=kubeops.io,resources=notificationchannels/status,verbs=patch
// +kubebuilder:rbac:groups=kubeops.io,resources=inspectionreports,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// turnTime bounds one turn. What is left is told in the next.
const turnTime = 2 * time.Minute

// Reconcile tells what is to be told, and says when to look next.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	c := &v1alpha1.NotificationChannel{}
	gone, err := r.Get(ctx, request.NamespacedName, c)
	if gone || err != nil {
		if gone {
			r.Pace.forget(request.NamespacedName)
		}
		return ctrl.Result{}, err
	}
	stored := c.DeepCopy()
	if c.Spec.Suspend {
		return r.Suspended(ctx, subject(stored), subject(c))
	}
	limited, cancel := context.WithTimeout(ctx, max(turnTime, 2*c.Spec.MessageTimeout()))
	defer cancel()
	verdict := backend.Verdict{Began: r.Clock.Now()}
	t := &turn{r: r, channel: c}
	verdict.Message, verdict.Err = t.take(limited, &verdict)
	if t.told {
		// What was delivered is noted at once; the conditions follow.
		if err := outcome.PatchStatus(ctx, r.Client, stored, c); err != nil {
			return ctrl.Result{}, err
		}
		stored = c.DeepCopy()
	}
	result, err := r.Finish(ctx, subject(stored), subject(c), verdict)
	if err == nil {
		result.RequeueAfter = t.next(result.RequeueAfter, verdict.Err)
	}
	return result, err
}

// turn is one turn for one channel.
type turn struct {
	r       *Reconciler
	channel *v1alpha1.NotificationChannel
	opened  *backends.Channel
	// proven says that the other side took a message or answered a probe in this turn; told, that the status has news of it.
	proven, told bool
	// others says that a message was taken after another had been refused.
	others bool
	// wait until the pace allows another message.
	wait time.Duration
}

// next says when the next turn is: no later than the pace allows what waits, and no sooner than the other side asked for.
func (t *turn) next(planned time.Duration, err error) time.Duration {
	if p := problem.As(err); p != nil && p.Reason == v1alpha1.ReasonRateLimited {
		return max(planned, p.After)
	}
	if t.wait > 0 && (planned == 0 || t.wait < planned) {
		return t.wait
	}
	return planned
}

// take does what there is to do: the test, what is pending, and a probe where nothing else proved the channel.
func (t *turn) take(ctx context.Context, verdict *backend.Verdict) (text string, err error) {
	c := t.channel
	composer, err := message.NewComposer(&c.Spec, t.r.Redact)
	if err != nil {
		return "", err
	}
	if t.opened, err = t.r.Backends.OpenChannel(ctx, c); err != nil {
		return "", err
	}
	defer t.opened.Close()
	verdict.Clean = t.opened.Clean
	if err := t.test(ctx); err != nil {
		return "", err
	}
	if err := t.deliver(ctx, composer); err != nil {
		return "", err
	}
	if prober, can := t.opened.Channel.(notify.Prober); can && !t.proven && t.r.wantsProbe(c) {
		if err := prober.Probe(ctx); err != nil {
			return "", err
		}
		t.proven = true
	}
	if !t.proven && !t.r.proven(c) {
		return "", problem.Waiting(v1alpha1.ReasonNotYetVerified, c.Spec.ProbeInterval(),
			"nothing was told yet, and type %s cannot be tried without telling somebody something; set spec.sendTest: true to send a test message", c.Spec.Type)
	}
	return "messages are taken", nil
}

// wantsProbe says whether the last proof is old, or none. Reports of others wake a channel, too.
func (r *Reconciler) wantsProbe(c *v1alpha1.NotificationChannel) bool {
	if !r.proven(c) || c.Status.LastProbeTime == nil || backend.Requested(c) != c.Status.LastHandledRequest {
		return true
	}
	return r.Clock.Since(c.Status.LastProbeTime.Time) >= c.Spec.ProbeInterval()*8/10
}

// proven says whether what was taken before still proves the channel: it was Ready, and the spec is the same.
func (r *Reconciler) proven(c *v1alpha1.NotificationChannel) bool {
	ready := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.ObservedGeneration != c.Generation {
		return false
	}
	return ready.Status == metav1.ConditionTrue || c.Status.TestedGeneration == c.Generation
}

// test sends the test message of spec.sendTest, once for each generation.
func (t *turn) test(ctx context.Context) error {
	c := t.channel
	if !c.Spec.SendTest || c.Status.TestedGeneration == c.Generation {
		return nil
	}
	sent, err := t.send(ctx, message.Test(c))
	if sent {
		c.Status.TestedGeneration = c.Generation
	}
	return err
}

// send delivers one message, if the pace allows. An error is one of the channel.
func (t *turn) send(ctx context.Context, m notify.Message) (sent bool, err error) {
	c := t.channel
	if wait := t.r.Pace.wait(c, t.r.Clock.Now()); wait > 0 {
		t.wait = wait
		return false, nil
	}
	limited, cancel := context.WithTimeout(ctx, c.Spec.MessageTimeout())
	defer cancel()
	if err := t.opened.Send(limited, m); err != nil {
		return false, err
	}
	c.Status.Delivered++
	t.proven, t.told = true, true
	return true, nil
}

// subject is the part of a NotificationChannel that all back ends have.
func subject(c *v1alpha1.NotificationChannel) backend.Subject {
	return backend.Subject{
		Object: c, Access: &v1alpha1.BackendAccess{
			ServiceAccountName: c.Spec.ServiceAccountName, Timeout: &metav1.Duration{Duration: c.Spec.MessageTimeout()}, Interval: &metav1.Duration{Duration: c.Spec.ProbeInterval()},
		},
		Conditions: &c.Status.Conditions, Observed: &c.Status.ObservedGeneration, LastProbe: &c.Status.LastProbeTime, LastHandled: &c.Status.LastHandledRequest,
	}
}
