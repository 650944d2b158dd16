package notificationchannel

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/message"
	"kubeops.io/kubeops/internal/probe"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/notify"
)

// unverifiedRetry is when to try again to deliver the message that verifies a channel, while it waits for explanations.
const unverifiedRetry = 10 * time.Second

// deliverer delivers to all channels.
type deliverer struct {
	client  client.Client
	reader  client.Reader
	clock   clock.PassiveClock
	events  events.EventRecorder
	limiter *RateLimiter
	metrics *metrics
}

// delivery is one reconcile of one channel.
type delivery struct {
	*deliverer
	*connection
	scope   *kind.Scope[*v1alpha1.NotificationChannel]
	channel *v1alpha1.NotificationChannel
	// proven says that the receiver accepted a message or answered a probe in this reconcile; changed, that the status has news.
	proven, changed bool
	// acceptedOthers says that a message was accepted after another had been refused.
	acceptedOthers bool
	// wait until another message is allowed, or worth trying.
	wait time.Duration
}

// prove sends the test message and what is pending, and probes where nothing else proved the channel.
func (d *deliverer) prove(ctx context.Context, scope *kind.Scope[*v1alpha1.NotificationChannel], c *connection) (probe.Result, error) {
	run := &delivery{deliverer: d, connection: c, scope: scope, channel: scope.Object}
	err := run.run(ctx)
	d.metrics.show(scope.Object)
	result := probe.Result{Message: "the receiver accepts messages", Changed: run.changed}
	if !run.proven && !run.provenBefore() {
		result.Reason = v1alpha1.ReasonNotYetVerified
		result.Message = "not verified: no message was sent yet; spec.sendTest: true sends a test message"
	}
	if p := problem.As(err); p != nil && p.Reason == v1alpha1.ReasonRateLimited {
		result.NoSoonerThan = p.After // as the receiver asked
	} else {
		result.NoLaterThan = run.wait
		if result.Reason == v1alpha1.ReasonNotYetVerified && run.wait > 0 {
			result.NoLaterThan = min(run.wait, unverifiedRetry)
		}
	}
	return result, err
}

// run tests, delivers and probes. A type that has no test but a message is Ready without one, with reason NotYetVerified: a channel that
// waits for the first problem of a healthy cluster would otherwise be not ready for as long as nothing is wrong.
func (d *delivery) run(ctx context.Context) error {
	if err := d.test(ctx); err != nil {
		return err
	}
	if err := d.deliver(ctx); err != nil {
		return err
	}
	if prober, can := d.Channel.Channel.(notify.Prober); can && !d.proven && d.needsProbe() {
		if err := prober.Probe(ctx); err != nil {
			return err
		}
		d.proven = true
	}
	if d.channel.Spec.SendTest && !d.proven && !d.provenBefore() {
		return problem.Waiting(v1alpha1.ReasonNotYetVerified, max(d.wait, time.Second),
			"the test message of spec.sendTest waits for spec.messagesPerMinute")
	}
	return nil
}

// needsProbe reports whether the last proof is old, or there is none. The controller also wakes for reports that are not for
// this channel.
func (d *delivery) needsProbe() bool {
	last := d.channel.Status.LastProbeTime
	if !d.provenBefore() || last == nil || d.scope.Requested() {
		return true
	}
	return d.clock.Since(last.Time) >= d.channel.Spec.ProbeInterval()*8/10
}

// provenBefore reports whether an earlier proof still counts: the channel was verified, and the spec is the same.
func (d *delivery) provenBefore() bool {
	ready := d.scope.Condition(v1alpha1.ConditionReady)
	if ready == nil || ready.ObservedGeneration != d.channel.Generation {
		return false
	}
	verified := ready.Status == metav1.ConditionTrue && ready.Reason != v1alpha1.ReasonNotYetVerified
	return verified || d.channel.Status.TestedGeneration == d.channel.Generation
}

// test sends the test message of spec.sendTest, once for each generation.
func (d *delivery) test(ctx context.Context) error {
	if !d.channel.Spec.SendTest || d.channel.Status.TestedGeneration == d.channel.Generation {
		return nil
	}
	sent, err := d.send(ctx, message.Test(d.channel))
	if sent {
		d.channel.Status.TestedGeneration = d.channel.Generation
	}
	return err
}

// send delivers one message, if the rate limit allows. An error is one of the receiver.
func (d *delivery) send(ctx context.Context, m notify.Message) (sent bool, err error) {
	if wait := d.limiter.Wait(d.channel, d.clock.Now()); wait > 0 {
		d.wait = wait
		return false, nil
	}
	limited, cancel := context.WithTimeout(ctx, d.channel.Spec.MessageTimeout())
	defer cancel()
	if err := d.Send(limited, m); err != nil {
		return false, err
	}
	d.channel.Status.Delivered++
	d.proven, d.changed = true, true
	return true, nil
}
