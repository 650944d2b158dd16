package notificationchannel

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

func TestAReportIsToldOnceAndNotedInItAndInTheStatus(t *testing.T) {
	w := newWorld(t)
	w.channel()
	c, _ := w.reconcile()
	if got := ready(c); got.Status != metav1.ConditionTrue || got.Reason != v1alpha1.ReasonNotYetVerified ||
		!strings.Contains(got.Message, "spec.sendTest: true") {
		t.Errorf("before anything was told: %+v", got)
	}
	r := w.report("one", []v1alpha1.Finding{broken("f1")}, "c")
	c, after := w.reconcile()
	if got := ready(c); got.Status != metav1.ConditionTrue || after != 10*time.Minute {
		t.Fatalf("Ready: %+v, next turn after %s", got, after)
	}
	events, _ := w.receiver.taken()
	if len(events) != 1 || events[0].Key != string(r.UID) || events[0].Data.Report != "one" ||
		!strings.Contains(events[0].Data.Text, "no Pod matches the selector") {
		t.Errorf("got %+v", events)
	}
	told := w.stored("one")
	if d := told.Deliveries[0]; d.State != v1alpha1.DeliveryDone || d.Sent != 1 || d.Time == nil ||
		told.Labels[v1alpha1.LabelUndelivered] != "" {
		t.Errorf("the report says %+v, labels %v", told.Deliveries, told.Labels)
	}
	if s := c.Status; s.Delivered != 1 || s.Pending != 0 || len(s.LastDeliveries) != 1 || s.LastDeliveries[0].Report != "one" ||
		s.LastDeliveries[0].Findings != 1 {
		t.Errorf("status %+v", s)
	}
	w.reconcile()
	w.restart()
	w.reconcile()
	if events, _ := w.receiver.taken(); len(events) != 1 {
		t.Errorf("told %d times", len(events))
	}
	for _, line := range w.Table("notificationchannels", false) {
		if len([]rune(line)) > tenant.Screen {
			t.Errorf("wider than a screen: %s", line)
		}
	}
}

func TestAReportWithNothingToTellIsDelivered(t *testing.T) {
	w := newWorld(t)
	w.channel()
	f := broken("f1")
	f.State = v1alpha1.FindingPersisting
	w.report("one", []v1alpha1.Finding{f}, "c")
	c, _ := w.reconcile()
	if _, asked := w.receiver.taken(); asked != 0 || w.stored("one").Deliveries[0].State != v1alpha1.DeliveryDone ||
		c.Status.Pending != 0 {
		t.Errorf("asked %d times, status %+v", asked, c.Status)
	}
}

func TestACrashAtAnyPointLosesNothing(t *testing.T) {
	for name, crash := range map[string]*failing{
		"sent and not noted":            {before: 1},
		"noted in the middle":           {after: 1},
		"the second sent and not noted": {before: 2},
		"all noted, the label is there": {before: 3},
		"all noted":                     {after: 3},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.channel(func(s *v1alpha1.NotificationChannelSpec) { s.Mode = v1alpha1.DeliverEach })
			r := w.report("one", []v1alpha1.Finding{broken("f1"), broken("f2")}, "c")
			w.crash(crash)
			w.reconcile()
			keys := map[string][]string{}
			events, _ := w.receiver.taken()
			for _, e := range events {
				keys[e.Key] = append(keys[e.Key], e.Body)
			}
			for _, id := range []string{"f1", "f2"} {
				if len(keys[string(r.UID)+"/"+id]) == 0 {
					t.Errorf("%s was not told", id)
				}
			}
			for key, bodies := range keys {
				for _, body := range bodies {
					if body != bodies[0] {
						t.Errorf("key %s has two contents: %s and %s", key, bodies[0], body)
					}
				}
			}
			if len(events) > 3 || len(keys) != 2 {
				t.Errorf("told %d times under %d keys", len(events), len(keys))
			}
			if told := w.stored("one"); told.Labels[v1alpha1.LabelUndelivered] != "" ||
				told.Deliveries[0].State != v1alpha1.DeliveryDone {
				t.Errorf("left undelivered: %+v", told.Deliveries)
			}
		})
	}
}

func TestWhatIsNotTakenWaitsInItsOrder(t *testing.T) {
	w := newWorld(t)
	w.channel()
	w.receiver.answers(status(http.StatusServiceUnavailable))
	for n := range 3 {
		w.report(fmt.Sprintf("r%d", n), []v1alpha1.Finding{broken("f1")}, "c")
	}
	c, after := w.reconcile()
	if got := ready(c); got.Status != metav1.ConditionFalse || got.Reason != v1alpha1.ReasonServerError || c.Status.Pending != 3 ||
		after > 8*time.Second {
		t.Errorf("Ready: %+v, %d pending, next turn after %s", got, c.Status.Pending, after)
	}
	if _, asked := w.receiver.taken(); asked != 1 {
		t.Errorf("a server that is down was asked %d times in a turn", asked)
	}
	w.receiver.answers(nil)
	c, _ = w.reconcile()
	if got := w.receiver.reports(); !reflect.DeepEqual(got, []string{"r0", "r1", "r2"}) || c.Status.Pending != 0 ||
		ready(c).Status != metav1.ConditionTrue {
		t.Errorf("told %q, status %+v", got, c.Status)
	}
}

func TestAMessageThatIsRefusedByItselfStandsInNobodysWay(t *testing.T) {
	w := newWorld(t)
	w.channel(func(s *v1alpha1.NotificationChannelSpec) { s.Mode = v1alpha1.DeliverEach })
	w.receiver.refuses = func(e event) bool { return strings.HasSuffix(e.Key, "/poison") }
	w.report("r0", []v1alpha1.Finding{broken("f1"), broken("poison"), broken("f2")}, "c")
	if c, _ := w.reconcile(); ready(c).Reason != v1alpha1.ReasonRejected || c.Status.Pending != 1 || c.Status.Delivered != 1 {
		t.Errorf("alone: Ready: %+v, status %+v", ready(c), c.Status)
	}
	w.report("r1", []v1alpha1.Finding{broken("f1")}, "c")
	if c, _ := w.reconcile(); ready(c).Reason != v1alpha1.ReasonRejected || c.Status.Pending != 1 || c.Status.Delivered != 2 {
		t.Errorf("with another behind it: Ready: %+v, status %+v", ready(c), c.Status)
	}
	w.Clock.SetTime(time.Now().Add(refusedFor + time.Minute))
	if c, _ := w.reconcile(); ready(c).Reason != v1alpha1.ReasonRejected || c.Status.Pending != 1 {
		t.Errorf("after an hour in which nothing else was taken: Ready: %+v, status %+v", ready(c), c.Status)
	}
	w.report("r2", []v1alpha1.Finding{broken("f1")}, "c")
	if _, after := w.reconcile(); after > time.Second {
		t.Errorf("the rest of the report is told after %s", after)
	}
	c, _ := w.reconcile()
	if ready(c).Status != metav1.ConditionTrue || c.Status.Pending != 0 || c.Status.LastDeliveries[0].Report != "r0" ||
		c.Status.LastDeliveries[0].Refused != 1 {
		t.Errorf("in the end: Ready: %+v, status %+v", ready(c), c.Status)
	}
	if d := w.stored("r0").Deliveries[0]; d.Sent != 2 || d.Refused != 1 || d.State != v1alpha1.DeliveryDone {
		t.Errorf("got %+v", d)
	}
	if got := w.receiver.reports(); !reflect.DeepEqual(got, []string{"r0", "r1", "r2", "r0"}) {
		t.Errorf("told of %q", got)
	}
	for len(w.Events.Events) > 0 {
		if event := <-w.Events.Events; strings.Contains(event, "MessageRefused") && strings.Contains(event, "InspectionReport r0") &&
			strings.Contains(event, "(400)") {
			return
		}
	}
	t.Error("no event tells of it")
}

func TestAServerThatRefusesEverythingLosesNothing(t *testing.T) {
	w := newWorld(t)
	w.channel()
	w.receiver.answers(status(http.StatusBadRequest))
	for n := range maxRefused + 2 {
		w.report(fmt.Sprintf("r%d", n), []v1alpha1.Finding{broken("f1")}, "c")
	}
	w.Clock.SetTime(time.Now().Add(refusedFor + time.Minute))
	for turn := range 2 {
		if c, _ := w.reconcile(); ready(c).Reason != v1alpha1.ReasonRejected || c.Status.Pending != maxRefused+2 {
			t.Errorf("turn %d: Ready: %+v, status %+v", turn, ready(c), c.Status)
		}
	}
	if _, asked := w.receiver.taken(); asked != 2*maxRefused {
		t.Errorf("it was asked %d times in two turns", asked)
	}
	w.receiver.answers(nil)
	if c, _ := w.reconcile(); ready(c).Status != metav1.ConditionTrue || c.Status.Pending != 0 || c.Status.Delivered != maxRefused+2 {
		t.Errorf("in the end: Ready: %+v, status %+v", ready(c), c.Status)
	}
}

func TestAServerThatAsksToBeLeftAloneIs(t *testing.T) {
	w := newWorld(t)
	w.channel()
	w.receiver.answers(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Retry-After", "1800")
		rw.WriteHeader(http.StatusTooManyRequests)
	})
	w.report("one", []v1alpha1.Finding{broken("f1")}, "c")
	if c, after := w.reconcile(); ready(c).Reason != v1alpha1.ReasonRateLimited || after != 30*time.Minute {
		t.Errorf("Ready: %+v, next turn after %s", ready(c), after)
	}
}

func TestTheRateLimitSpreadsMessages(t *testing.T) {
	w := newWorld(t)
	w.channel(func(s *v1alpha1.NotificationChannelSpec) {
		s.Mode = v1alpha1.DeliverEach
		s.MessagesPerMinute = 2
	})
	w.report("one", []v1alpha1.Finding{broken("f1"), broken("f2"), broken("f3")}, "c")
	c, after := w.reconcile()
	if events, _ := w.receiver.taken(); len(events) != 2 || after != 30*time.Second || c.Status.Pending != 1 ||
		ready(c).Status != metav1.ConditionTrue {
		t.Errorf("told %d, next turn after %s, status %+v", len(events), after, c.Status)
	}
	w.Clock.SetTime(w.Clock.Now().Add(30 * time.Second))
	if c, _ := w.reconcile(); c.Status.Pending != 0 || c.Status.Delivered != 3 {
		t.Errorf("status %+v", c.Status)
	}
}

func TestTwoChannelsAreToldIndependently(t *testing.T) {
	w := newWorld(t)
	w.channel()
	w.report("one", []v1alpha1.Finding{broken("f1")}, "c", "other")
	w.reconcile()
	if r := w.stored("one"); r.Deliveries[0].State != v1alpha1.DeliveryDone || r.Deliveries[1].State != v1alpha1.DeliveryPending ||
		r.Labels[v1alpha1.LabelUndelivered] != "true" {
		t.Errorf("got %+v, labels %v", r.Deliveries, r.Labels)
	}
	w.Create(&v1alpha1.NotificationChannel{ObjectMeta: w.Meta("other"), Spec: v1alpha1.NotificationChannelSpec{
		Type: v1alpha1.ChannelWebhook, Webhook: &v1alpha1.WebhookReceiver{URL: w.receiver.url},
	}})
	if _, err := w.r.Reconcile(t.Context(), ctrl.Request{NamespacedName: w.Key("other")}); err != nil {
		t.Fatal(err)
	}
	if r := w.stored("one"); r.Labels[v1alpha1.LabelUndelivered] != "" {
		t.Errorf("got %+v, labels %v", r.Deliveries, r.Labels)
	}
}

func TestATestMessageIsSentOncePerSpec(t *testing.T) {
	w := newWorld(t)
	w.channel(func(s *v1alpha1.NotificationChannelSpec) { s.SendTest = true })
	if c, _ := w.reconcile(); ready(c).Status != metav1.ConditionTrue || c.Status.TestedGeneration != c.Generation {
		t.Errorf("status %+v", c.Status)
	}
	w.reconcile()
	w.restart()
	w.reconcile()
	events, _ := w.receiver.taken()
	if len(events) != 1 || events[0].Type != "io.kubeops.test" || !strings.Contains(events[0].Data.Text, w.Namespace+"/c") {
		t.Errorf("got %+v", events)
	}
	w.change(func(c *v1alpha1.NotificationChannel) { c.Spec.MessagesPerMinute = 7 })
	w.reconcile()
	if events, _ := w.receiver.taken(); len(events) != 2 || events[0].Key == events[1].Key {
		t.Errorf("after a change: %+v", events)
	}
}

func TestProblemsOfTheSpecAreTold(t *testing.T) {
	for name, tc := range map[string]struct {
		change  func(*v1alpha1.NotificationChannelSpec)
		reason  string
		message string
		stalled bool
	}{
		"a template that does not parse":            {func(s *v1alpha1.NotificationChannelSpec) { s.Template.Title = "{{" }, v1alpha1.ReasonInvalidTemplate, "spec.template.title does not parse", true},
		"a template that fails on no report so far": {func(s *v1alpha1.NotificationChannelSpec) { s.Template.Text = "a\n{{.Nothing}}" }, v1alpha1.ReasonInvalidTemplate, "spec.template.text failed: 2:", true},
		"a template that fails":                     {func(s *v1alpha1.NotificationChannelSpec) { s.Template.Text = "{{range 2000000000}}{{end}}" }, v1alpha1.ReasonInvalidTemplate, "spec.template.text failed", true},
		"no ServiceAccount": {func(s *v1alpha1.NotificationChannelSpec) {
			s.Webhook.SigningKey = &v1alpha1.SecretKeyReference{Name: "s", Key: "k"}
		}, "", "kubeops", false},
		"nobody there":   {func(s *v1alpha1.NotificationChannelSpec) { s.Webhook.URL = "http://127.0.0.1:1/" }, v1alpha1.ReasonUnreachable, "cannot connect to 127.0.0.1:1", false},
		"cloud metadata": {func(s *v1alpha1.NotificationChannelSpec) { s.Webhook.URL = "http://169.254.169.254/" }, v1alpha1.ReasonEgressDenied, "169.254.169.254", true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.channel(tc.change)
			w.report("one", []v1alpha1.Finding{broken("f1")}, "c")
			c, _ := w.reconcile()
			got := ready(c)
			if got.Status != metav1.ConditionFalse || tc.reason != "" && got.Reason != tc.reason ||
				!strings.Contains(got.Message, tc.message) {
				t.Errorf("Ready: %+v", got)
			}
			stalled := false
			for _, condition := range c.Status.Conditions {
				stalled = stalled || condition.Type == v1alpha1.ConditionStalled && condition.Status == metav1.ConditionTrue
			}
			if stalled != tc.stalled {
				t.Errorf("Stalled is %t: %+v", stalled, c.Status.Conditions)
			}
			if r := w.stored("one"); r.Deliveries[0].State != v1alpha1.DeliveryPending || r.Labels[v1alpha1.LabelUndelivered] != "true" {
				t.Errorf("the report does not wait: %+v", r.Deliveries)
			}
			before := c.ResourceVersion
			if c, _ := w.reconcile(); c.ResourceVersion != before {
				t.Error("the status changes from try to try")
			}
		})
	}
}

func TestSecretsOfAChannelStayWhereTheyAre(t *testing.T) {
	w := newWorld(t)
	w.Account()
	w.Secret("hook", "url", "http://127.0.0.1:1/services/"+strings.Repeat("hidden", 3)+"?sig=hidden2")
	w.Grant("hook")
	w.channel(func(s *v1alpha1.NotificationChannelSpec) {
		s.Type = v1alpha1.ChannelSlack
		s.Webhook = nil
		s.Slack = &v1alpha1.ChatWebhook{WebhookURL: v1alpha1.SecretKeyReference{Name: "hook", Key: "url"}}
	})
	w.report("one", []v1alpha1.Finding{broken("f1")}, "c")
	w.Eventually(func() error {
		if c, _ := w.reconcile(); ready(c).Reason != v1alpha1.ReasonUnreachable {
			return fmt.Errorf("Ready: %+v", ready(c))
		}
		return nil
	})
	for _, text := range append(w.Told(), fmt.Sprintf("%+v", w.get().Status)) {
		if strings.Contains(text, "hidden") {
			t.Errorf("a secret is told: %s", text)
		}
	}
}

func TestExplanationsAreWaitedForWhereTheyAreAskedFor(t *testing.T) {
	w := newWorld(t)
	w.channel(func(s *v1alpha1.NotificationChannelSpec) {
		s.ExplanationWait = &metav1.Duration{Duration: 10 * time.Minute}
	})
	w.Create(
		&v1alpha1.Inspection{
			ObjectMeta: w.Meta("all"),
			Spec:       v1alpha1.InspectionSpec{AI: &v1alpha1.AIUse{ProviderRef: v1alpha1.LocalReference{Name: "p"}}},
		},
	)
	w.report("one", []v1alpha1.Finding{broken("f1")}, "c")
	w.Clock.SetTime(w.stored("one").CreationTimestamp.Add(time.Minute))
	if c, after := w.reconcile(); c.Status.Pending != 1 || after > 10*time.Second {
		t.Errorf("status %+v, next turn after %s", c.Status, after)
	}
	r := w.stored("one")
	r.Explanations = []v1alpha1.Explanation{
		{
			ID: "f1", Model: "tiny-1", Language: v1alpha1.LanguageEnglish, Confidence: v1alpha1.ConfidenceHigh,
			Summary: "The label is misspelt.",
		},
		{
			ID:         v1alpha1.OverallExplanation,
			Model:      "tiny-1",
			Language:   v1alpha1.LanguageEnglish,
			Confidence: v1alpha1.ConfidenceHigh,
			Summary:    "One Service.",
		},
	}
	w.Update(r)
	w.reconcile()
	if events, _ := w.receiver.taken(); len(events) != 1 || !strings.Contains(events[0].Data.Text, "The label is misspelt.") {
		t.Errorf("got %+v", events)
	}
	w.report("two", []v1alpha1.Finding{broken("f1")}, "c")
	w.Clock.SetTime(w.stored("two").CreationTimestamp.Add(11 * time.Minute))
	w.reconcile()
	if got := w.receiver.reports(); len(got) != 2 {
		t.Errorf("a model that is down keeps everybody from being told: %q", got)
	}
}

func TestASuspendedChannelIsSilentAndKeepsWhatWaits(t *testing.T) {
	w := newWorld(t)
	w.channel(func(s *v1alpha1.NotificationChannelSpec) { s.Suspend = true })
	w.report("one", []v1alpha1.Finding{broken("f1")}, "c")
	w.reconcile()
	if _, asked := w.receiver.taken(); asked != 0 {
		t.Errorf("asked %d times", asked)
	}
	w.change(func(c *v1alpha1.NotificationChannel) { c.Spec.Suspend = false })
	w.reconcile()
	if got := w.receiver.reports(); len(got) != 1 {
		t.Errorf("told %q", got)
	}
}

func TestSpecsThatCannotBeAreRefused(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*v1alpha1.NotificationChannelSpec){
		"no member of the type": func(s *v1alpha1.NotificationChannelSpec) { s.Type = v1alpha1.ChannelSlack },
		"two members":           func(s *v1alpha1.NotificationChannelSpec) { s.WeCom = &v1alpha1.ChatWebhook{} },
		"an unknown type":       func(s *v1alpha1.NotificationChannelSpec) { s.Type = "pager" },
		"no URL":                func(s *v1alpha1.NotificationChannelSpec) { s.Webhook.URL = "" },
		"two URLs": func(s *v1alpha1.NotificationChannelSpec) {
			s.Webhook.URLFrom = &v1alpha1.SecretKeyReference{Name: "a", Key: "b"}
		},
		"a password in the URL": func(s *v1alpha1.NotificationChannelSpec) { s.Webhook.URL = "http://a:b@c/" },
		"an unknown severity":   func(s *v1alpha1.NotificationChannelSpec) { s.Filter.MinSeverity = "bad" },
		"a long wait": func(s *v1alpha1.NotificationChannelSpec) {
			s.ExplanationWait = &metav1.Duration{Duration: 2 * time.Hour}
		},
		"a login in the clear": func(s *v1alpha1.NotificationChannelSpec) {
			s.Type = v1alpha1.ChannelEmail
			s.Webhook = nil
			s.Email = &v1alpha1.EmailReceivers{Host: "mail", From: "a@b", To: []string{"c@d"}, Security: v1alpha1.EmailPlain, Auth: &v1alpha1.SecretReference{Name: "x"}}
		},
		"a subject with a wildcard": func(s *v1alpha1.NotificationChannelSpec) {
			s.Type = v1alpha1.ChannelNATS
			s.Webhook = nil
			s.NATS = &v1alpha1.NATSSubject{URL: "nats://n:4222", Subject: "a.>"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := &v1alpha1.NotificationChannel{ObjectMeta: w.Meta("bad"), Spec: v1alpha1.NotificationChannelSpec{
				Type: v1alpha1.ChannelWebhook, Webhook: &v1alpha1.WebhookReceiver{URL: "http://x/"}, Filter: v1alpha1.NotificationFilter{NewOnly: ptr.To(true)},
			}}
			change(&c.Spec)
			if err := w.Client.Create(t.Context(), c); !apierrors.IsInvalid(err) {
				t.Errorf("got %v, want a refusal", err)
			}
		})
	}
}
