package notificationchannel

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/notify"
)

// maxLastDeliveries that the status keeps.
const maxLastDeliveries = 10

// deliver sends all reports that wait for this channel, oldest first. The first message that the receiver does not accept ends
// it, which keeps the order; a message that is refused for what it contains blocks no other.
func (d *delivery) deliver(ctx context.Context) error {
	waiting, err := d.waiting(ctx)
	if err != nil {
		return err
	}
	pending := int32(0)
	var refused []refusal
	for _, m := range waiting {
		if d.wait > 0 || err != nil || len(refused) == maxRefused {
			pending++
			continue
		}
		key := client.ObjectKeyFromObject(&m)
		delivered := d.channel.Status.Delivered
		var done bool
		if done, err = d.report(ctx, key); !done {
			pending++
		}
		if d.channel.Status.Delivered > delivered && len(refused) > 0 {
			d.acceptedOthers = true
		}
		if p := problem.As(err); p != nil && p.Reason == v1alpha1.ReasonRejected {
			refused = append(refused, refusal{key, p, m.CreationTimestamp.Time})
			err = nil
		}
	}
	if d.channel.Status.Pending != pending {
		d.channel.Status.Pending = pending
		d.changed = true
	}
	if err == nil && len(refused) > 0 {
		return d.giveUp(ctx, refused)
	}
	return err
}

// waiting are the reports of the namespace that some channel still has to deliver, oldest first, as metadata: one may be large.
func (d *delivery) waiting(ctx context.Context) ([]metav1.PartialObjectMetadata, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(v1alpha1.GroupVersion().WithKind("InspectionReportList"))
	err := d.reader.List(ctx, list, client.InNamespace(d.channel.Namespace), client.MatchingLabels{v1alpha1.LabelUndelivered: "true"})
	if err != nil {
		return nil, problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot list the InspectionReports of namespace %s",
			d.channel.Namespace)
	}
	slices.SortFunc(list.Items, func(a, b metav1.PartialObjectMetadata) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return list.Items, nil
}

// report delivers what is left of one report. Done says that nothing is left of it for this channel.
func (d *delivery) report(ctx context.Context, key client.ObjectKey) (done bool, err error) {
	report := &v1alpha1.InspectionReport{}
	if err := d.reader.Get(ctx, key, report); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return true, nil
		}
		return false, problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot read InspectionReport %s/%s", key.Namespace, key.Name)
	}
	n := d.entryIn(report)
	if n < 0 || report.Deliveries[n].State == v1alpha1.DeliveryDone {
		return true, d.removeUndeliveredLabel(ctx, report)
	}
	if d.wait, err = d.explanationDelay(ctx, report); d.wait > 0 || err != nil {
		return false, err
	}
	messages, err := d.composer.Compose(ctx, report)
	if err != nil {
		return false, err
	}
	entry := report.Deliveries[n]
	for int(entry.Sent+entry.Refused) < len(messages) {
		sent, err := d.send(ctx, messages[entry.Sent+entry.Refused])
		if !sent || err != nil {
			return false, err
		}
		if entry.Sent++; int(entry.Sent+entry.Refused) < len(messages) {
			if err := d.recordProgress(ctx, report, n, entry); err != nil {
				return false, err
			}
		}
	}
	entry.State = v1alpha1.DeliveryDone
	if err := d.recordProgress(ctx, report, n, entry); err != nil {
		return false, err
	}
	d.recordDelivery(report, entry, messages)
	return true, d.removeUndeliveredLabel(ctx, report)
}

// entryIn is the position of this channel among the deliveries of a report, or -1.
func (d *delivery) entryIn(report *v1alpha1.InspectionReport) int {
	return slices.IndexFunc(report.Deliveries, func(entry v1alpha1.ReportDelivery) bool { return entry.Channel == d.channel.Name })
}

// explanationDelay is how long a report still waits for its explanations. Each explanation that is added wakes the controller.
func (d *delivery) explanationDelay(ctx context.Context, report *v1alpha1.InspectionReport) (time.Duration, error) {
	wanted := d.channel.Spec.ExplanationWait
	if wanted == nil || report.Summary.Problems.Total+report.Summary.Recommendations.Total == 0 {
		return 0, nil
	}
	left := wanted.Duration - d.clock.Since(report.CreationTimestamp.Time)
	isLast := func(e v1alpha1.Explanation) bool { return e.ID == v1alpha1.OverallExplanation }
	if left <= 0 || slices.ContainsFunc(report.Explanations, isLast) {
		return 0, nil
	}
	inspection := &v1alpha1.Inspection{}
	err := d.reader.Get(ctx, client.ObjectKey{Namespace: report.Namespace, Name: report.Summary.Inspection}, inspection)
	if client.IgnoreNotFound(err) != nil {
		return 0, problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot read Inspection %s/%s", report.Namespace,
			report.Summary.Inspection)
	}
	if inspection.Spec.AI == nil { // nor has one that is gone
		return 0, nil
	}
	return left, nil
}

// recordProgress writes into the report how much of it was delivered.
func (d *delivery) recordProgress(ctx context.Context, report *v1alpha1.InspectionReport, n int, entry v1alpha1.ReportDelivery) error {
	now := metav1.NewTime(d.clock.Now().Truncate(time.Second))
	entry.Time = &now
	path := "/deliveries/" + strconv.Itoa(n)
	return d.patch(ctx, report, []operation{
		{Op: "test", Path: "/metadata/uid", Value: report.UID},
		{Op: "test", Path: path + "/channel", Value: d.channel.Name},
		{Op: "replace", Path: path, Value: entry},
	})
}

// removeUndeliveredLabel removes the label from a report that every channel has delivered. Two channels that finish at the
// same moment both see the other's entry in the API server's answer, or in the next reconcile.
func (d *delivery) removeUndeliveredLabel(ctx context.Context, report *v1alpha1.InspectionReport) error {
	for _, entry := range report.Deliveries {
		if entry.State != v1alpha1.DeliveryDone {
			return nil
		}
	}
	if _, has := report.Labels[v1alpha1.LabelUndelivered]; !has {
		return nil
	}
	return d.patch(ctx, report, []operation{
		{Op: "test", Path: "/metadata/uid", Value: report.UID},
		{Op: "remove", Path: "/metadata/labels/kubeops.io~1undelivered"},
	})
}

// patch changes a report, and takes over the API server's answer. A report that is gone needs no change.
func (d *delivery) patch(ctx context.Context, report *v1alpha1.InspectionReport, operations []operation) error {
	content, err := json.Marshal(operations)
	if err != nil {
		return err
	}
	err = d.client.Patch(ctx, report, client.RawPatch(types.JSONPatchType, content))
	if client.IgnoreNotFound(err) != nil {
		return problem.Retrying(v1alpha1.ReasonRetrying, err,
			"cannot record the delivery in InspectionReport %s/%s; it is sent again with the same key", report.Namespace, report.Name)
	}
	return nil
}

// operation of a JSON patch, RFC 6902.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// recordDelivery puts a delivery into the status.
func (d *delivery) recordDelivery(report *v1alpha1.InspectionReport, entry v1alpha1.ReportDelivery, messages []notify.Message) {
	record := v1alpha1.Delivery{
		Report: report.Name, Time: metav1.NewTime(d.clock.Now().Truncate(time.Second)), Messages: entry.Sent, Refused: entry.Refused,
	}
	for _, m := range messages {
		record.Findings += int32(len(m.Findings) + m.More) //nolint:gosec // bounded by the size of a report
		record.Fixed += int32(len(m.Fixed))                //nolint:gosec // bounded by the size of a report
	}
	status := &d.channel.Status
	status.LastDeliveries = append([]v1alpha1.Delivery{record}, status.LastDeliveries...)
	status.LastDeliveries = status.LastDeliveries[:min(len(status.LastDeliveries), maxLastDeliveries)]
	d.changed = true
}
