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
	"kubeops.io/kubeops/internal/notification"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/notify"
)

// lastDeliveries that the status keeps.
const lastDeliveries = 10

// deliver tells of all reports that wait for this channel, oldest first. The first message that is not taken ends it, so that the
// order stays; but one that is refused by itself stands in nobody's way.
func (t *turn) deliver(ctx context.Context, composer *notification.Composer) error {
	waiting, err := t.waiting(ctx)
	if err != nil {
		return err
	}
	pending := int32(0)
	var refused []refusal
	for _, m := range waiting {
		if t.wait > 0 || err != nil || len(refused) == mostRefused {
			pending++
			continue
		}
		var done bool
		key, taken := client.ObjectKeyFromObject(&m), t.channel.Status.Delivered
		if done, err = t.report(ctx, composer, key); !done {
			pending++
		}
		if t.channel.Status.Delivered > taken && len(refused) > 0 {
			t.others = true
		}
		if p := problem.As(err); p != nil && p.Reason == v1alpha1.ReasonRejected {
			refused, err = append(refused, refusal{key, p, m.CreationTimestamp.Time}), nil
		}
	}
	if t.channel.Status.Pending != pending {
		t.channel.Status.Pending, t.told = pending, true
	}
	if err == nil && len(refused) > 0 {
		return t.giveUp(ctx, refused)
	}
	return err
}

// waiting are the reports of the namespace that some channel has still to tell of, oldest first, as metadata: one may be large.
func (t *turn) waiting(ctx context.Context) ([]metav1.PartialObjectMetadata, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(v1alpha1.GroupVersion().WithKind("InspectionReportList"))
	err := t.r.Reader.List(ctx, list, client.InNamespace(t.channel.Namespace), client.MatchingLabels{v1alpha1.LabelUndelivered: "true"})
	if err != nil {
		return nil, problem.Retrying(v1alpha1.ReasonRetrying, err, "the reports of namespace %s could not be listed", t.channel.Namespace)
	}
	slices.SortFunc(list.Items, func(a, b metav1.PartialObjectMetadata) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return list.Items, nil
}

// report tells of one report, as far as it was not told. Done says that nothing is left of it for this channel.
func (t *turn) report(ctx context.Context, composer *notification.Composer, key client.ObjectKey) (done bool, err error) {
	report := &v1alpha1.InspectionReport{}
	if err := t.r.Reader.Get(ctx, key, report); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return true, nil
		}
		return false, problem.Retrying(v1alpha1.ReasonRetrying, err, "InspectionReport %s/%s could not be read", key.Namespace, key.Name)
	}
	n := slices.IndexFunc(report.Deliveries, func(d v1alpha1.ReportDelivery) bool { return d.Channel == t.channel.Name })
	if n < 0 || report.Deliveries[n].State == v1alpha1.DeliveryDone {
		return true, t.tidy(ctx, report)
	}
	if t.wait, err = t.hold(ctx, report); t.wait > 0 || err != nil {
		return false, err
	}
	messages, err := composer.Compose(report)
	if err != nil {
		return false, err
	}
	d := report.Deliveries[n]
	for int(d.Sent+d.Refused) < len(messages) {
		sent, err := t.send(ctx, messages[d.Sent+d.Refused])
		if !sent || err != nil {
			return false, err
		}
		if d.Sent++; int(d.Sent+d.Refused) < len(messages) {
			if err := t.note(ctx, report, n, d); err != nil {
				return false, err
			}
		}
	}
	d.State = v1alpha1.DeliveryDone
	if err := t.note(ctx, report, n, d); err != nil {
		return false, err
	}
	t.remember(report, d, messages)
	return true, t.tidy(ctx, report)
}

// hold says how long a report is still to wait for its explanations.
func (t *turn) hold(ctx context.Context, report *v1alpha1.InspectionReport) (time.Duration, error) {
	wanted := t.channel.Spec.ExplanationWait
	if wanted == nil || report.Summary.RootCauses == 0 {
		return 0, nil
	}
	left := wanted.Duration - t.r.Clock.Since(report.CreationTimestamp.Time)
	if left <= 0 || slices.ContainsFunc(report.Explanations, func(e v1alpha1.Explanation) bool { return e.ID == v1alpha1.OverallExplanation }) {
		return 0, nil
	}
	i := &v1alpha1.Inspection{}
	err := t.r.Reader.Get(ctx, client.ObjectKey{Namespace: report.Namespace, Name: report.Summary.Inspection}, i)
	if client.IgnoreNotFound(err) != nil {
		return 0, problem.Retrying(v1alpha1.ReasonRetrying, err, "Inspection %s/%s could not be read", report.Namespace, report.Summary.Inspection)
	}
	if i.Spec.AI == nil { // nor has one that is gone
		return 0, nil
	}
	const look = 10 * time.Second // explanations wake nobody
	return min(left, look), nil
}

// note writes into the report how far it was told.
func (t *turn) note(ctx context.Context, report *v1alpha1.InspectionReport, n int, d v1alpha1.ReportDelivery) error {
	now := metav1.NewTime(t.r.Clock.Now().Truncate(time.Second))
	d.Time = &now
	return t.patch(ctx, report, []operation{
		{Op: "test", Path: "/metadata/uid", Value: report.UID},
		{Op: "test", Path: "/deliveries/" + strconv.Itoa(n) + "/channel", Value: t.channel.Name},
		{Op: "replace", Path: "/deliveries/" + strconv.Itoa(n), Value: d},
	})
}

// tidy takes the label away from a report of which every channel has told. Two channels that end at the same moment both see the
// other's delivery in what the API server answered, or in the next turn.
func (t *turn) tidy(ctx context.Context, report *v1alpha1.InspectionReport) error {
	for _, d := range report.Deliveries {
		if d.State != v1alpha1.DeliveryDone {
			return nil
		}
	}
	if _, has := report.Labels[v1alpha1.LabelUndelivered]; !has {
		return nil
	}
	return t.patch(ctx, report, []operation{
		{Op: "test", Path: "/metadata/uid", Value: report.UID},
		{Op: "remove", Path: "/metadata/labels/kubeops.io~1undelivered"},
	})
}

// patch changes a report, and takes over what the API server answers. A report that is gone needs no change.
func (t *turn) patch(ctx context.Context, report *v1alpha1.InspectionReport, operations []operation) error {
	content, err := json.Marshal(operations)
	if err != nil {
		return err
	}
	err = t.r.Client.Patch(ctx, report, client.RawPatch(types.JSONPatchType, content))
	if client.IgnoreNotFound(err) != nil {
		return problem.Retrying(v1alpha1.ReasonRetrying, err,
			"what was told of InspectionReport %s/%s could not be noted there; it is told again with the same key", report.Namespace, report.Name)
	}
	return nil
}

// operation of a JSON patch, RFC 6902.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// remember puts a delivery into the status.
func (t *turn) remember(report *v1alpha1.InspectionReport, d v1alpha1.ReportDelivery, messages []notify.Message) {
	entry := v1alpha1.Delivery{Report: report.Name, Time: metav1.NewTime(t.r.Clock.Now().Truncate(time.Second)), Messages: d.Sent, Refused: d.Refused}
	for _, m := range messages {
		entry.Findings += int32(len(m.Findings) + m.More) //nolint:gosec // bounded by the size of a report
		entry.Fixed += int32(len(m.Fixed))                //nolint:gosec // bounded by the size of a report
	}
	status := &t.channel.Status
	status.LastDeliveries = append([]v1alpha1.Delivery{entry}, status.LastDeliveries...)
	status.LastDeliveries = status.LastDeliveries[:min(len(status.LastDeliveries), lastDeliveries)]
	t.told = true
}
