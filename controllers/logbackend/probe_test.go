package logbackend

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/logs"
)

func TestALineIsWrittenAndReadBackAndTheStatusSaysAll(t *testing.T) {
	s := healthy()
	w := newWorld(t, s)
	w.backend(func(s *v1alpha1.LogBackendSpec) { s.Retention = &metav1.Duration{Duration: 720 * time.Hour} })
	if observed := w.get().Status.ObservedGeneration; observed != -1 {
		t.Errorf("observedGeneration begins as %d, want -1", observed)
	}
	b, after := w.reconcile()
	if len(s.written) != 1 || after != time.Minute {
		t.Errorf("%d lines were written; next after %s", len(s.written), after)
	}
	if c := condition(b, v1alpha1.ConditionReady); c.Status != metav1.ConditionTrue || c.Message != "a line was written and read back" {
		t.Errorf("Ready: %+v", c)
	}
	if c := condition(b, v1alpha1.ConditionRetentionMatches); c.Status != metav1.ConditionTrue ||
		c.Message != "logs are kept for 30d (ILM policy logs-30d)" {
		t.Errorf("RetentionMatches: %+v", c)
	}
	b.Status.Conditions = nil
	began := metav1.NewTime(w.Clock.Now().Local())
	want := v1alpha1.LogBackendStatus{
		ObservedGeneration: 1, LastProbeTime: &began, Version: "8.14.0", Flavor: "elasticsearch", Health: "yellow",
		Shards: &v1alpha1.ShardCounts{Active: 10, Unassigned: 1}, Warnings: []string{"one shard is unassigned"},
		IngestLag: &metav1.Duration{}, QueryLatency: &metav1.Duration{}, Retention: "30d", Schema: v1alpha1.FieldSchemaECS,
		Capabilities: []string{"retention", "search", "write"},
	}
	if diff := cmp.Diff(want, b.Status); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

func TestAReadOnlyProbeWritesNothing(t *testing.T) {
	for name, change := range map[string]func(*server, *v1alpha1.LogBackendSpec){
		"spec.probe":                   func(_ *server, spec *v1alpha1.LogBackendSpec) { spec.Probe = v1alpha1.ProbeReadOnly },
		"a back end that cannot write": func(s *server, _ *v1alpha1.LogBackendSpec) { s.bare = true },
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			w := newWorld(t, s)
			w.backend(func(spec *v1alpha1.LogBackendSpec) { change(s, spec) })
			b, _ := w.reconcile()
			if c := condition(b, v1alpha1.ConditionReady); len(s.written) != 0 || s.searches != 1 ||
				c.Message != "the server answers searches" ||
				b.Status.IngestLag != nil {
				t.Errorf("%d lines, %d searches: %+v", len(s.written), s.searches, b.Status)
			}
		})
	}
}

func TestWhateverIsWrongIsNamedAndRecovers(t *testing.T) {
	for name, tc := range map[string]struct {
		damage          func(*server)
		reason, message string
		health          string // what the server told of itself all the same
	}{
		"unreachable": {func(s *server) {
			s.health = func(logs.Settings) (logs.Health, error) {
				return logs.Health{}, problem.Retrying(v1alpha1.ReasonUnreachable, nil, "es:9200 does not answer")
			}
		}, v1alpha1.ReasonUnreachable, "es:9200 does not answer", ""},
		"a red cluster": {func(s *server) {
			s.health = func(logs.Settings) (logs.Health, error) {
				return logs.Health{Version: "8.14.0", Flavor: "elasticsearch", State: "red", Failed: "the cluster is red"}, nil
			}
		}, v1alpha1.ReasonUnhealthy, "the cluster is red", "red"},
		"no right to write": {func(s *server) {
			s.write = problem.Retrying(v1alpha1.ReasonForbidden, nil, "es:9200 forbids this")
		}, v1alpha1.ReasonForbidden, "es:9200 forbids this", "yellow"},
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			w := newWorld(t, s)
			w.backend(func(s *v1alpha1.LogBackendSpec) { s.Retention = &metav1.Duration{Duration: 720 * time.Hour} })
			w.reconcile()
			w.Told()
			tc.damage(s)
			b, after := w.reconcile()
			if c := condition(b, v1alpha1.ConditionReady); c.Status != metav1.ConditionFalse || c.Reason != tc.reason ||
				c.Message != tc.message ||
				after != 5*time.Second {
				t.Errorf("Ready: %+v; next after %s", c, after)
			}
			if c := condition(b, v1alpha1.ConditionRetentionMatches); c.Status != metav1.ConditionUnknown || c.Reason != tc.reason {
				t.Errorf("RetentionMatches: %+v", c)
			}
			if b.Status.Health != tc.health || b.Status.IngestLag != nil || b.Status.Retention != "" || b.Status.Version != "8.14.0" {
				t.Errorf("%+v", b.Status)
			}
			w.reconcile()
			if told := w.Told(); len(told) != 1 || told[0] != "Warning "+tc.reason+" "+tc.message {
				t.Errorf("events: %q", told)
			}
			good := healthy()
			s.health = good.health
			s.write = nil
			if b, after = w.reconcile(); condition(b, v1alpha1.ConditionReady).Status != metav1.ConditionTrue || after != time.Minute {
				t.Errorf("it did not recover: %+v", b.Status)
			}
		})
	}
}

// TestABackEndThatLosesLinesIsNotReady, and is found out after 10s where the interval is that short.
func TestABackEndThatLosesLinesIsNotReady(t *testing.T) {
	s := healthy()
	s.loses = true
	w := newWorld(t, s)
	w.backend(func(s *v1alpha1.LogBackendSpec) { s.Interval = &metav1.Duration{Duration: 5 * time.Second} })
	began := time.Now()
	b, _ := w.reconcile()
	if c := condition(b, v1alpha1.ConditionReady); c.Reason != v1alpha1.ReasonNotIngesting {
		t.Errorf("%+v", c)
	}
	if took := time.Since(began); took > 25*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestRetentionIsComparedAndNeverTakesReadyAway(t *testing.T) {
	for name, tc := range map[string]struct {
		change          func(*server)
		status          metav1.ConditionStatus
		reason, message string
		shown           string
	}{
		"shorter": {func(s *server) {
			s.retention = func() (logs.Retention, bool, error) {
				return logs.Retention{Keeps: 168 * time.Hour, Source: "ILM policy short"}, true, nil
			}
		}, metav1.ConditionFalse, v1alpha1.ReasonRetentionTooShort, "logs are kept for 7d (ILM policy short), shorter than spec.retention (30d)", "7d"},
		"longer": {func(s *server) {
			s.retention = func() (logs.Retention, bool, error) { return logs.Retention{Keeps: 2000 * time.Hour}, true, nil }
		}, metav1.ConditionFalse, v1alpha1.ReasonRetentionTooLong, "logs are kept for 2000h, longer than spec.retention (30d)", "2000h"},
		"forever": {func(s *server) {
			s.retention = func() (logs.Retention, bool, error) { return logs.Retention{}, true, nil }
		}, metav1.ConditionFalse, v1alpha1.ReasonRetentionTooLong, "logs are kept forever, longer than", "forever"},
		"a little longer": {func(s *server) {
			s.retention = func() (logs.Retention, bool, error) { return logs.Retention{Keeps: 724 * time.Hour}, true, nil }
		}, metav1.ConditionTrue, v1alpha1.ReasonRetentionMatches, "logs are kept for 724h", "724h"},
		"not told": {func(s *server) {
			s.retention = func() (logs.Retention, bool, error) { return logs.Retention{}, false, nil }
		}, metav1.ConditionUnknown, v1alpha1.ReasonRetentionUnknown, "does not report", ""},
		"not known to this type": {func(s *server) { s.bare = true }, metav1.ConditionUnknown, v1alpha1.ReasonRetentionUnknown, "does not report", ""},
		"not allowed": {func(s *server) {
			s.retention = func() (logs.Retention, bool, error) {
				return logs.Retention{}, false, problem.Retrying(v1alpha1.ReasonForbidden, nil, "es:9200 forbids this")
			}
		}, metav1.ConditionUnknown, v1alpha1.ReasonForbidden, "es:9200 forbids this", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			tc.change(s)
			w := newWorld(t, s)
			w.backend(func(s *v1alpha1.LogBackendSpec) { s.Retention = &metav1.Duration{Duration: 720 * time.Hour} })
			b, _ := w.reconcile()
			c := condition(b, v1alpha1.ConditionRetentionMatches)
			if c.Status != tc.status || c.Reason != tc.reason || !strings.Contains(c.Message, tc.message) ||
				b.Status.Retention != tc.shown {
				t.Errorf("%+v; retention %q", c, b.Status.Retention)
			}
			if condition(b, v1alpha1.ConditionReady).Status != metav1.ConditionTrue {
				t.Error("Ready was taken away")
			}
			w.change(func(b *v1alpha1.LogBackend) { b.Spec.Retention = nil })
			if b, _ = w.reconcile(); condition(b, v1alpha1.ConditionRetentionMatches).Type != "" {
				t.Error("the condition stayed without spec.retention")
			}
		})
	}
}

func TestWhatAServerTellsIsBounded(t *testing.T) {
	s := healthy()
	many := make([]string, 100)
	for n := range many {
		many[n] = strings.Repeat("é", 2000) + "\x00\xff"
	}
	s.health = func(logs.Settings) (logs.Health, error) {
		return logs.Health{
			Version:  strings.Repeat("9", 5000),
			Flavor:   "<script>",
			State:    "yellow",
			Warnings: many,
			Schema:   "none of ours",
		}, nil
	}
	w := newWorld(t, s)
	w.backend()
	b, _ := w.reconcile()
	if len(b.Status.Warnings) != 16 || len([]rune(b.Status.Warnings[0])) > 512 || len(b.Status.Version) > 64 ||
		b.Status.Flavor != "unknown" ||
		b.Status.Schema != "" {
		t.Errorf("%d warnings, version %q, flavor %q, schema %q", len(b.Status.Warnings), b.Status.Version, b.Status.Flavor,
			b.Status.Schema)
	}
}

func TestSecretsOfALogBackendAreReadAnewInEachTurn(t *testing.T) {
	s := healthy()
	good := s.health
	s.health = func(settings logs.Settings) (logs.Health, error) {
		if settings.Endpoint.Auth.APIKey != "right" {
			return logs.Health{}, problem.Retrying(v1alpha1.ReasonUnauthorized, nil, "es:9200 does not accept the credentials (401)")
		}
		return good(settings)
	}
	w := newWorld(t, s)
	w.Account()
	w.Grant("es")
	w.backend(func(s *v1alpha1.LogBackendSpec) {
		s.Auth = &v1alpha1.BackendAuth{APIKey: &v1alpha1.SecretKeyReference{Name: "es", Key: "key"}}
	})
	for _, step := range []struct{ value, reason string }{{"wrong", v1alpha1.ReasonUnauthorized}, {"right\n", v1alpha1.ReasonSucceeded}, {"", v1alpha1.ReasonInvalidSecret}} {
		w.Secret("es", "key", step.value)
		w.Eventually(func() error {
			b, _ := w.reconcile()
			if c := condition(b, v1alpha1.ConditionReady); c.Reason != step.reason {
				return fmt.Errorf("want %s: %+v", step.reason, c)
			}
			return nil
		})
	}
}
