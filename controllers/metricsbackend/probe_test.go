package metricsbackend

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/metrics"
)

func TestARoundTripFillsTheWholeStatus(t *testing.T) {
	w := newWorld(t, healthy())
	w.backend(func(s *v1alpha1.MetricsBackendSpec) {
		s.Alertmanager = &v1alpha1.AlertmanagerAccess{URL: "http://alertmanager.monitoring:9093"}
	})
	if observed := w.get().Status.ObservedGeneration; observed != -1 {
		t.Errorf("observedGeneration begins as %d, want -1, so that nobody takes an empty status for a good one", observed)
	}
	b, after := w.reconcile()
	if c := condition(b, v1alpha1.ConditionReady); c.Status != metav1.ConditionTrue || c.Message != "the server answers queries" {
		t.Errorf("Ready: %+v", c)
	}
	if c := condition(b, v1alpha1.ConditionAlertmanagerReady); c.Status != metav1.ConditionTrue {
		t.Errorf("AlertmanagerReady: %+v", c)
	}
	b.Status.Conditions = nil
	began := metav1.NewTime(w.Clock.Now().Local())
	want := v1alpha1.MetricsBackendStatus{
		ObservedGeneration: 1, LastProbeTime: &began, Version: "2.53.1", Flavor: "prometheus", QueryLatency: &metav1.Duration{Duration: 3 * time.Millisecond},
		Freshness: &metav1.Duration{
			Duration: 7 * time.Second,
		}, Targets: &v1alpha1.MetricsTargets{Up: 12, Down: 2}, Series: ptr.To[int64](1234),
		Retention: "15d", FiringAlerts: ptr.To[int32](1), Alertmanager: &v1alpha1.AlertmanagerStatus{Version: "0.27.0", Receivers: 2, Firing: 1},
		Capabilities: []string{"alertmanager", "alerts", "query", "targets"},
	}
	if diff := cmp.Diff(want, b.Status); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if after != time.Minute || w.ready() != 1 {
		t.Errorf("next turn after %s, gauge %v", after, w.ready())
	}
	if told := w.Told(); len(told) != 1 || told[0] != "Normal Succeeded the server answers queries" {
		t.Errorf("events: %q", told)
	}
}

func TestWhateverIsWrongIsNamedLookedAtAgainAndRecoversByItself(t *testing.T) {
	for name, tc := range map[string]struct {
		err     error
		reason  string
		message string
		stalled bool
	}{
		"retry":        {problem.Retrying(v1alpha1.ReasonUnreachable, errors.New("dial"), "prometheus:9090 does not answer"), v1alpha1.ReasonUnreachable, "prometheus:9090 does not answer", false},
		"wait":         {problem.Waiting(v1alpha1.ReasonTimeout, time.Hour, "too slow"), v1alpha1.ReasonTimeout, "too slow", false},
		"the user":     {problem.UserError(v1alpha1.ReasonEgressDenied, nil, "never called"), v1alpha1.ReasonEgressDenied, "never called", true},
		"no problem":   {errors.New("something with id 4711"), v1alpha1.ReasonRetrying, "unexpected error while probing; see the manager's log", false},
		"its deadline": {context.DeadlineExceeded, v1alpha1.ReasonTimeout, "the probe did not finish in time", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			good := s.probe
			w := newWorld(t, s)
			w.backend()
			w.reconcile()
			w.Told()
			s.probe = func(metrics.Settings) (metrics.Health, error) { return metrics.Health{Version: "9"}, tc.err }
			waits := []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, time.Minute}
			if tc.reason == v1alpha1.ReasonUnreachable || tc.reason == v1alpha1.ReasonTimeout {
				waits = []time.Duration{
					5 * time.Second,
					8 * time.Second,
					8 * time.Second,
					8 * time.Second,
				} // an outage may be over at any time
			}
			for n, want := range waits {
				w.Clock.SetTime(w.Clock.Now().Add(5 * time.Second))
				b, after := w.reconcile()
				c := condition(b, v1alpha1.ConditionReady)
				if c.Status != metav1.ConditionFalse || c.Reason != tc.reason || !strings.HasPrefix(c.Message, tc.message) {
					t.Fatalf("Ready: %+v", c)
				}
				if stalled := condition(b, v1alpha1.ConditionStalled).Status == metav1.ConditionTrue; stalled != tc.stalled {
					t.Errorf("Stalled is %v", stalled)
				}
				if b.Status.Targets != nil || b.Status.QueryLatency != nil || b.Status.FiringAlerts != nil ||
					b.Status.Version != "2.53.1" {
					t.Errorf("what was not measured is still there, or what the server is was lost: %+v", b.Status)
				}
				if after != want || w.ready() != 0 {
					t.Errorf("turn %d: next after %s, want %s; gauge %v", n, after, want, w.ready())
				}
			}
			if told := w.Told(); len(told) != 1 || !strings.HasPrefix(told[0], "Warning "+tc.reason+" "+tc.message) {
				t.Errorf("events: %q; want one, when Ready changed", told)
			}
			s.probe = good
			b, after := w.reconcile()
			if condition(b, v1alpha1.ConditionReady).Status != metav1.ConditionTrue || after != time.Minute || w.ready() != 1 ||
				len(w.Told()) != 1 {
				t.Errorf("it did not recover: %+v", b.Status)
			}
		})
	}
}

func TestAStatusIsWrittenWhenAConditionChangesAndOtherwiseSeldom(t *testing.T) {
	s := healthy()
	good := s.probe
	w := newWorld(t, s)
	w.backend()
	b, _ := w.reconcile()
	version := b.ResourceVersion
	same := func(what string, want bool) {
		t.Helper()
		b, _ := w.reconcile()
		if (b.ResourceVersion == version) != want {
			t.Errorf("%s: the status was written: %v", what, want)
		}
		version = b.ResourceVersion
	}
	w.Clock.SetTime(w.Clock.Now().Add(5 * time.Second))
	same("soon again", true)
	s.probe = func(metrics.Settings) (metrics.Health, error) {
		return metrics.Health{}, problem.Retrying(v1alpha1.ReasonUnreachable, nil, "gone")
	}
	same("the first problem", false)
	w.Clock.SetTime(w.Clock.Now().Add(10 * time.Second))
	same("the same problem", true)
	w.Clock.SetTime(w.Clock.Now().Add(54 * time.Second))
	same("an interval later, with nothing new", true)
	w.Clock.SetTime(w.Clock.Now().Add(10 * time.Minute))
	same("a heartbeat later", false)
	s.probe = good
	same("recovered", false)
	s.targets = func() (metrics.Targets, error) { return metrics.Targets{Up: 11, Down: 3}, nil }
	w.Clock.SetTime(w.Clock.Now().Add(5 * time.Second))
	same("another measurement, soon", true)
	w.Clock.SetTime(w.Clock.Now().Add(time.Minute))
	same("another measurement, an interval later", false)
}

func TestWhatIsBesideTheQueryTakesNoPartInReady(t *testing.T) {
	s := healthy()
	s.targets = func() (metrics.Targets, error) {
		return metrics.Targets{}, problem.Retrying(v1alpha1.ReasonNotFound, nil, "no such path")
	}
	s.alerts = func() ([]metrics.Alert, error) { return nil, errors.New("no") }
	w := newWorld(t, s)
	w.backend()
	b, after := w.reconcile()
	if condition(b, v1alpha1.ConditionReady).Status != metav1.ConditionTrue || after != time.Minute || b.Status.Targets != nil ||
		b.Status.FiringAlerts != nil {
		t.Errorf("%+v", b.Status)
	}
	if condition(b, v1alpha1.ConditionAlertmanagerReady).Type != "" {
		t.Error("AlertmanagerReady without spec.alertmanager")
	}
}

func TestTheAlertmanagerHasAConditionOfItsOwn(t *testing.T) {
	unreachable := problem.Retrying(v1alpha1.ReasonTLSFailed, nil,
		"no TLS connection to am:9093: name the CA in spec.alertmanager.tls.ca")
	for name, tc := range map[string]struct {
		change  func(*server, *v1alpha1.MetricsBackendSpec)
		ready   metav1.ConditionStatus
		status  metav1.ConditionStatus
		reason  string
		message string
	}{
		"unreachable": {func(s *server, _ *v1alpha1.MetricsBackendSpec) {
			s.alertmanager = func() (metrics.AlertmanagerHealth, error) { return metrics.AlertmanagerHealth{}, unreachable }
		}, metav1.ConditionTrue, metav1.ConditionFalse, v1alpha1.ReasonTLSFailed, "name the CA in spec.alertmanager.tls.ca"},
		"no receivers": {func(s *server, _ *v1alpha1.MetricsBackendSpec) {
			s.alertmanager = func() (metrics.AlertmanagerHealth, error) { return metrics.AlertmanagerHealth{Version: "0.27.0"}, nil }
		}, metav1.ConditionTrue, metav1.ConditionFalse, v1alpha1.ReasonNoReceivers, "no receiver"},
		"a Secret of its own that is not there": {func(_ *server, spec *v1alpha1.MetricsBackendSpec) {
			spec.Alertmanager.Auth = &v1alpha1.BackendAuth{BearerToken: &v1alpha1.SecretKeyReference{Name: "am", Key: "token"}}
		}, metav1.ConditionTrue, metav1.ConditionFalse, v1alpha1.ReasonSecretNotFound, "does not exist (referenced by spec.alertmanager.auth.bearerToken)"},
		"a type that has none": {func(s *server, _ *v1alpha1.MetricsBackendSpec) {
			s.targets, s.alerts = nil, nil
		}, metav1.ConditionTrue, metav1.ConditionFalse, v1alpha1.ReasonInvalidSpec, "remove spec.alertmanager"},
		"a factory that refuses it alone": {func(s *server, _ *v1alpha1.MetricsBackendSpec) {
			s.refuse = func(settings metrics.Settings) error {
				if settings.Alertmanager != nil {
					return problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "cannot be used")
				}
				return nil
			}
		}, metav1.ConditionTrue, metav1.ConditionFalse, v1alpha1.ReasonInvalidSpec, "cannot be used"},
		"a server that is down": {func(s *server, _ *v1alpha1.MetricsBackendSpec) {
			s.probe = func(metrics.Settings) (metrics.Health, error) {
				return metrics.Health{}, problem.Retrying(v1alpha1.ReasonUnreachable, nil, "gone")
			}
		}, metav1.ConditionFalse, metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "has receivers"},
		"credentials that cannot be read": {func(_ *server, spec *v1alpha1.MetricsBackendSpec) {
			spec.Auth = &v1alpha1.BackendAuth{Basic: &v1alpha1.SecretReference{Name: "lost"}}
		}, metav1.ConditionFalse, metav1.ConditionUnknown, v1alpha1.ReasonSecretNotFound, "not probed"},
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			w := newWorld(t, s)
			w.Account()
			w.Grant("am")
			w.Grant("lost")
			w.backend(func(spec *v1alpha1.MetricsBackendSpec) {
				spec.Alertmanager = &v1alpha1.AlertmanagerAccess{URL: "http://am:9093"}
				tc.change(s, spec)
			})
			var b *v1alpha1.MetricsBackend
			w.Eventually(func() error { // rights that were just granted take a moment
				b, _ = w.reconcile()
				if c := condition(b, v1alpha1.ConditionAlertmanagerReady); c.Reason != tc.reason {
					return errors.New(c.Message)
				}
				return nil
			})
			c := condition(b, v1alpha1.ConditionAlertmanagerReady)
			if c.Status != tc.status || !strings.Contains(c.Message, tc.message) ||
				condition(b, v1alpha1.ConditionReady).Status != tc.ready {
				t.Errorf("%+v, Ready %+v", c, condition(b, v1alpha1.ConditionReady))
			}
			w.change(func(b *v1alpha1.MetricsBackend) { b.Spec.Alertmanager = nil })
			if b, _ = w.reconcile(); condition(b, v1alpha1.ConditionAlertmanagerReady).Type != "" {
				t.Error("AlertmanagerReady stayed without spec.alertmanager")
			}
		})
	}
}

func TestSuspendedNothingIsAskedAndWhatWasFoundStays(t *testing.T) {
	s := healthy()
	w := newWorld(t, s)
	w.backend(func(s *v1alpha1.MetricsBackendSpec) {
		s.Alertmanager = &v1alpha1.AlertmanagerAccess{URL: "http://am:9093"}
	})
	w.reconcile()
	asked := s.open
	w.change(func(b *v1alpha1.MetricsBackend) {
		b.Spec.Suspend = true
		b.Annotations = map[string]string{v1alpha1.AnnotationRequestedAt: "now"}
	})
	b, after := w.reconcile()
	if s.open != asked || after != 0 || b.Status.Version != "2.53.1" ||
		condition(b, v1alpha1.ConditionReady).Status != metav1.ConditionTrue ||
		w.ready() != -1 {
		t.Errorf("asked %d times more, next after %s, gauge %v: %+v", s.open-asked, after, w.ready(), b.Status)
	}
	w.change(func(b *v1alpha1.MetricsBackend) { b.Spec.Suspend = false })
	if b, after = w.reconcile(); s.open != asked+1 || after != time.Minute || b.Status.LastHandledRequest != "now" {
		t.Errorf("it did not resume: %+v", b.Status)
	}

	never := newWorld(t, healthy())
	never.backend(func(s *v1alpha1.MetricsBackendSpec) { s.Suspend = true })
	if b, _ := never.reconcile(); condition(b, v1alpha1.ConditionReady).Reason != v1alpha1.ReasonSuspended {
		t.Errorf("%+v", b.Status.Conditions)
	}
}

func TestARequestIsRecordedOnceItWasHandled(t *testing.T) {
	w := newWorld(t, healthy())
	w.backend()
	w.reconcile()
	w.Clock.SetTime(w.Clock.Now().Add(2 * time.Second))
	w.change(func(b *v1alpha1.MetricsBackend) {
		b.Annotations = map[string]string{v1alpha1.AnnotationRequestedAt: strings.Repeat("x", 4096)}
	})
	b, _ := w.reconcile()
	if !strings.HasPrefix(b.Status.LastHandledRequest, "sha256:") || !b.Status.LastProbeTime.Time.Equal(w.Clock.Now()) {
		t.Errorf("%+v", b.Status)
	}
}

func TestADeletedBackEndIsForgotten(t *testing.T) {
	w := newWorld(t, healthy())
	w.backend()
	w.reconcile()
	w.Delete(w.get())
	result, err := w.r.Reconcile(t.Context(), ctrl.Request{NamespacedName: w.Key("b")})
	if err != nil || result != (ctrl.Result{}) || w.ready() != -1 {
		t.Errorf("got %v, %v; gauge %v", result, err, w.ready())
	}
}

func TestASpecThatChangesBeginsAnewAtOnce(t *testing.T) {
	s := healthy()
	s.probe = func(metrics.Settings) (metrics.Health, error) {
		return metrics.Health{}, problem.Retrying(v1alpha1.ReasonUnreachable, nil, "gone")
	}
	w := newWorld(t, s)
	w.backend()
	for range 4 {
		w.reconcile()
	}
	w.change(func(b *v1alpha1.MetricsBackend) { b.Spec.Prometheus.URL = "http://other:9090" })
	if b, after := w.reconcile(); after != 5*time.Second || b.Status.ObservedGeneration != 2 ||
		s.last().Endpoint.URL != "http://other:9090" {
		t.Errorf("next after %s: %+v", after, b.Status)
	}
}

func TestAStatusThatCannotBeWrittenIsAnErrorAndNoEvent(t *testing.T) {
	w := newWorld(t, healthy())
	w.backend()
	w.r.Client = interceptor.NewClient(w.Client, interceptor.Funcs{
		SubResourcePatch: func(context.Context, client.Client, string, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
			return apierrors.NewTooManyRequests("slow down", 1)
		},
	})
	_, err := w.r.Reconcile(t.Context(), ctrl.Request{NamespacedName: w.Key("b")})
	if err == nil || len(w.Told()) != 0 {
		t.Errorf("got %v", err)
	}
}

func TestAManagerThatStopsBlamesNobody(t *testing.T) {
	s := healthy()
	w := newWorld(t, s)
	w.backend()
	w.reconcile()
	ctx, cancel := context.WithCancel(t.Context())
	s.probe = func(metrics.Settings) (metrics.Health, error) {
		cancel()
		return metrics.Health{}, problem.Retrying(v1alpha1.ReasonUnreachable, ctx.Err(), "gone")
	}
	if _, err := w.r.Reconcile(ctx, ctrl.Request{NamespacedName: w.Key("b")}); err == nil {
		t.Error("want the context's error")
	}
	if c := condition(w.get(), v1alpha1.ConditionReady); c.Status != metav1.ConditionTrue {
		t.Errorf("%+v", c)
	}
}
