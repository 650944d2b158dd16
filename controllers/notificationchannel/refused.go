package notificationchannel

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/problem"
)

const (
	// maxRefused messages of one reconcile: a receiver that refuses as many refuses all.
	maxRefused = 5
	// refusedFor is how long a message is retried that the receiver refuses while it accepts others.
	refusedFor = time.Hour
)

// refusal of a message of a report.
type refusal struct {
	report  client.ObjectKey
	problem *problem.Problem
	// since the report was saved.
	since time.Time
}

// giveUp stops retrying messages that have been refused for long, if the receiver accepted others in this reconcile: then the
// message is at fault, and not the channel. It returns what is left of the problem.
func (d *delivery) giveUp(ctx context.Context, refused []refusal) error {
	if !d.acceptedOthers {
		return refused[0].problem
	}
	for _, r := range refused {
		if d.clock.Since(r.since) < refusedFor {
			return r.problem
		}
		report := &v1alpha1.InspectionReport{}
		if err := d.reader.Get(ctx, r.report, report); err != nil {
			return problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot read InspectionReport %s/%s", r.report.Namespace, r.report.Name)
		}
		n := d.entryIn(report)
		if n < 0 {
			continue
		}
		entry := report.Deliveries[n]
		entry.Refused++
		if err := d.recordProgress(ctx, report, n, entry); err != nil {
			return err
		}
		kind.Event(ctx, d.events, d.channel, corev1.EventTypeWarning, "MessageRefused", "Deliver", fmt.Sprintf(
			"gave up on a message of InspectionReport %s, which the receiver refused for %s while it accepted others: %s",
			report.Name, refusedFor, d.Redact(r.problem.Message, 512)))
		d.wait = time.Second // the rest of the report
	}
	return nil
}
