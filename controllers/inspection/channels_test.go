package inspection

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/testsuite"
)

func TestAReportIsSavedWithWhatIsToBeToldOfIt(t *testing.T) {
	w := newWorld(t)
	w.Reader(true)
	w.Inspection(v1alpha1.InspectionSpec{Channels: []v1alpha1.LocalReference{{Name: "a"}, {Name: "b"}}})
	w.Settle(w.reconciler())
	r := w.Newest()
	if len(r.Deliveries) != 2 || r.Deliveries[0].Channel != "a" || r.Deliveries[1].State != v1alpha1.DeliveryPending ||
		r.Labels[v1alpha1.LabelUndelivered] != "true" {
		t.Errorf("got %+v, labels %v", r.Deliveries, r.Labels)
	}
	r.Deliveries = r.Deliveries[:1]
	if err := w.Client.Update(t.Context(), &r); err == nil || !strings.Contains(err.Error(), "channels of a report cannot be changed") {
		t.Errorf("a delivery was taken away: %v", err)
	}
}

func TestAChannelThatDoesNotExistIsNamed(t *testing.T) {
	w := newWorld(t)
	w.Reader(true)
	w.Inspection(v1alpha1.InspectionSpec{Channels: []v1alpha1.LocalReference{{Name: "lost"}}})
	w.Settle(w.reconciler())
	i := w.Get()
	c := meta.FindStatusCondition(i.Status.Conditions, v1alpha1.ConditionNotified)
	if c == nil || c.Status != metav1.ConditionFalse || c.Reason != v1alpha1.ReasonChannelNotFound ||
		!strings.Contains(c.Message, w.Namespace+"/lost") {
		t.Fatalf("Notified: %+v", c)
	}
	testsuite.WantReady(t, i, metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "no findings")
	w.Create(&v1alpha1.NotificationChannel{ObjectMeta: w.Meta("lost"), Spec: v1alpha1.NotificationChannelSpec{
		Type: v1alpha1.ChannelWebhook, Webhook: &v1alpha1.WebhookReceiver{URL: "http://x/"},
	}})
	w.Request("again")
	w.Settle(w.reconciler())
	if c := meta.FindStatusCondition(w.Get().Status.Conditions, v1alpha1.ConditionNotified); c != nil {
		t.Errorf("Notified: %+v", c)
	}
}

func TestReportsThatWaitToBeToldAreKeptForADay(t *testing.T) {
	w := newWorld(t)
	w.Reader(true)
	w.Create(&v1alpha1.NotificationChannel{ObjectMeta: w.Meta("a"), Spec: v1alpha1.NotificationChannelSpec{
		Type: v1alpha1.ChannelWebhook, Webhook: &v1alpha1.WebhookReceiver{URL: "http://x/"},
	}})
	w.Inspection(v1alpha1.InspectionSpec{KeepReports: 1, Channels: []v1alpha1.LocalReference{{Name: "a"}, {Name: "lost"}}})
	w.Settle(w.reconciler())
	for _, n := range []string{"1", "2"} {
		w.Request(n)
		w.Settle(w.reconciler())
	}
	if n := len(w.Reports()); n != 3 {
		t.Fatalf("%d reports are kept", n)
	}
	w.Clock.SetTime(w.Clock.Now().Add(25 * time.Hour))
	w.Request("a day later")
	w.Settle(w.reconciler())
	if n := len(w.Reports()); n != 1 {
		t.Errorf("%d reports are kept", n)
	}
	undelivered := 0
	for len(w.Events.Events) > 0 {
		if strings.Contains(<-w.Events.Events, "ReportNotDelivered") {
			undelivered++
		}
	}
	if undelivered != 3 {
		t.Errorf("%d reports of which nobody was told are named, want 3", undelivered)
	}
}

func TestAChannelThatDoesNotExistHoldsNoReportsBeyondKeepReports(t *testing.T) {
	w := newWorld(t)
	w.Reader(true)
	w.Inspection(v1alpha1.InspectionSpec{KeepReports: 1, Channels: []v1alpha1.LocalReference{{Name: "lost"}}})
	w.Settle(w.reconciler())
	for _, n := range []string{"1", "2"} {
		w.Request(n)
		w.Settle(w.reconciler())
	}
	if n := len(w.Reports()); n != 1 {
		t.Errorf("%d reports are kept, want 1", n)
	}
	named := 0
	for len(w.Events.Events) > 0 {
		if strings.Contains(<-w.Events.Events, "because NotificationChannel lost does not exist") {
			named++
		}
	}
	if named != 2 {
		t.Errorf("%d events name the channel, want 2", named)
	}
}
