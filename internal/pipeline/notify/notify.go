// Package notify is the stage that sends a message to a NotificationChannel, at least once: a message whose acceptance is not known is sent
// again with the same key, by which receivers recognize it.
package notify

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/notify"
	"kubeops.io/kubeops/internal/text"
)

const (
	// resend is when to send again what may not have been accepted.
	resend = 30 * time.Second
	// maxTitle and maxText of a message, in characters.
	maxTitle = 200
	maxText  = 2000
)

// Channel is an open NotificationChannel.
type Channel struct {
	notify.Channel
	// Resource that it was opened from.
	Resource *v1alpha1.NotificationChannel
	// HoldsAlerts is set for an Alertmanager.
	HoldsAlerts bool
}

// Driver sends messages. All fields are required.
type Driver struct {
	// Open a NotificationChannel, which the driver closes. Errors are problems.
	Open func(ctx context.Context, key client.ObjectKey) (*Channel, error)
	// Limit returns how long to wait before the next message to a channel; 0 takes one from its messages per minute.
	Limit func(channel *v1alpha1.NotificationChannel, now time.Time) time.Duration
	// Redact replaces secrets in a text of several lines.
	Redact func(string) string
}

func (d *Driver) open(ctx context.Context, attempt pipeline.Attempt) (*Channel, error) {
	key := client.ObjectKey{Namespace: attempt.Namespace, Name: attempt.Stage.Notify.ChannelRef.Name}
	channel, err := d.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	if channel.HoldsAlerts {
		channel.Close()
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
			"NotificationChannel %s is an Alertmanager, which holds findings only; use a channel of another type", key.Name)
	}
	return channel, nil
}

// Check implements pipeline.Driver.
func (d *Driver) Check(ctx context.Context, attempt pipeline.Attempt) error {
	channel, err := d.open(ctx, attempt)
	if err != nil {
		return problem.In("stage "+attempt.Stage.Name, err)
	}
	channel.Close()
	return nil
}

// Start implements pipeline.Driver. What may recover is a problem that waits: the message is sent again.
func (d *Driver) Start(ctx context.Context, attempt pipeline.Attempt) (string, error) {
	channel, err := d.open(ctx, attempt)
	if err != nil {
		return "", patient(err)
	}
	defer channel.Close()
	if wait := d.Limit(channel.Resource, attempt.Now); wait > 0 {
		return "", problem.Waiting(v1alpha1.ReasonRateLimited, wait, "NotificationChannel %s has sent its messages of this minute",
			channel.Resource.Name)
	}
	limited, cancel := context.WithTimeout(ctx, channel.Resource.Spec.MessageTimeout())
	defer cancel()
	return attempt.Key, patient(channel.Send(limited, d.message(attempt)))
}

// patient turns an error that may recover into one that waits.
func patient(err error) error {
	found := problem.As(err)
	switch {
	case err == nil:
		return nil
	case found == nil:
		return problem.Waiting(v1alpha1.ReasonRetrying, resend, "the message was not accepted; see the manager's log")
	case found.Action == problem.Retry:
		return problem.Waiting(found.Reason, resend, "%s", found.Message)
	}
	return err
}

// message of an attempt. What expressions computed can come from other systems: its links are not clickable.
func (d *Driver) message(attempt pipeline.Attempt) notify.Message {
	stage := attempt.Stage.Notify
	safe := func(value string, computed bool) string {
		value = printable.Block(d.Redact(value))
		if computed {
			value = printable.Unlinked(value)
		}
		return value
	}
	title := strings.Join(strings.Fields(safe(attempt.Values[v1alpha1.ValueTitle], stage.Title.Expression != "")), " ")
	lines := []string{}
	if stage.Text != nil {
		lines = append(lines, text.Clip(safe(attempt.Values[v1alpha1.ValueText], stage.Text.Expression != ""), maxText))
	}
	lines = append(lines, fmt.Sprintf("Stage %s of PipelineRun %s/%s, Pipeline %s", attempt.Stage.Name, attempt.Namespace, attempt.Run,
		attempt.Pipeline))
	return notify.Message{
		Key: string(attempt.UID) + "/" + attempt.Key, Event: notify.EventPipeline, Time: attempt.Started.UTC(),
		Namespace: attempt.Namespace,
		Title:     text.Clip(printable.Line(title), maxTitle), Text: strings.Join(lines, "\n"),
	}
}

// Find implements pipeline.Driver. No receiver can be asked for a message: it is sent again.
func (d *Driver) Find(context.Context, pipeline.Attempt) (pipeline.Lookup, error) {
	return pipeline.Lookup{Presence: pipeline.Never}, nil
}

// Get implements pipeline.Driver.
func (d *Driver) Get(_ context.Context, attempt pipeline.Attempt, _ string) (pipeline.Observation, error) {
	return pipeline.Observation{
		State: pipeline.Succeeded, Message: "NotificationChannel " + attempt.Stage.Notify.ChannelRef.Name + " accepted the message",
	}, nil
}

// Cancel implements pipeline.Driver.
func (d *Driver) Cancel(context.Context, pipeline.Attempt, string) (bool, error) { return true, nil }
