package notificationchannel

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

const (
	// mostRefused messages of a turn: where as many are refused, all are.
	mostRefused = 5
	// refusedFor is how long a message is sent again that the other side refuses while it takes others.
	refusedFor = time.Hour
)

// refusal of a message of a report.
type refusal struct {
	report  client.ObjectKey
	problem *problem.Problem
	// since the report was saved.
	since time.Time
}

// giveUp ends the trying of messages that have been refused for long, where the other side took others in this turn: what it refuses
// is the message, and not the channel. What is left of the problem is returned.
func (t *turn) giveUp(ctx context.Context, refused []refusal) error {
	if !t.others {
		return refused[0].problem
	}
	for _, r := range refused {
		if t.r.Clock.Since(r.since) < refusedFor {
			return r.problem
		}
		report := &v1alpha1.InspectionReport{}
		if err := t.r.Reader.Get(ctx, r.report, report); err != nil {
			return problem.Retrying(v1alpha1.ReasonRetrying, err, "InspectionReport %s/%s could not be read", r.report.Namespace, r.report.Name)
		}
		n := slices.IndexFunc(report.Deliveries, func(d v1alpha1.ReportDelivery) bool { return d.Channel == t.channel.Name })
		if n < 0 {
			continue
		}
		d := report.Deliveries[n]
		d.Refused++
		if err := t.note(ctx, report, n, d); err != nil {
			return err
		}
		t.r.Events.Eventf(t.channel, nil, corev1.EventTypeWarning, "MessageRefused", "Deliver",
			"a message of InspectionReport %s was refused for %s while others were taken, and is not sent any more: %s", report.Name, refusedFor, t.opened.Clean(r.problem.Message, 512))
		t.wait = time.Second // the rest of the report
	}
	return nil
}
