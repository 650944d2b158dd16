package inspection

import (
	"context"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/secretref"
)

// fakeServer is behind every back end of a test.
type fakeServer struct {
	down                 bool
	open, closed, probes int
}

func (s *fakeServer) ask() error {
	s.probes++
	if s.down {
		return problem.Retrying(v1alpha1.ReasonUnreachable, nil, "server:80 does not answer")
	}
	return nil
}

type fakeMetrics struct{ *fakeServer }

func (f fakeMetrics) Probe(context.Context) (metrics.Health, error) { return metrics.Health{}, f.ask() }

func (f fakeMetrics) Query(context.Context, string, time.Time) (metrics.Vector, error) {
	return nil, nil
}

func (f fakeMetrics) QueryRange(context.Context, string, metrics.Range) ([]metrics.Series, error) {
	return nil, nil
}

func (f fakeMetrics) Close() { f.closed++ }

type fakeLogs struct{ *fakeServer }

func (f fakeLogs) Health(context.Context) (logs.Health, error) { return logs.Health{}, f.ask() }

func (f fakeLogs) Search(context.Context, logs.Query) (logs.Page, error) { return logs.Page{}, nil }

func (f fakeLogs) Close() { f.closed++ }

// resolver opens the fake under two types.
func (s *fakeServer) resolver(w *world) *backends.Resolver {
	w.t.Helper()
	metricsTypes := provider.NewRegistry[metrics.Settings, metrics.Provider]()
	logTypes := provider.NewRegistry[logs.Settings, logs.Provider]()
	if err := metricsTypes.Add("prometheus", func(metrics.Settings) (metrics.Provider, error) { s.open++; return fakeMetrics{s}, nil }); err != nil {
		w.t.Fatal(err)
	}
	if err := logTypes.Add("loki", func(logs.Settings) (logs.Provider, error) { s.open++; return fakeLogs{s}, nil }); err != nil {
		w.t.Fatal(err)
	}
	return &backends.Resolver{
		Secrets:      &secretref.Source{Reader: w.Client, Config: realAPI},
		MetricsTypes: metricsTypes,
		LogTypes:     logTypes,
	}
}

// backEnds makes a MetricsBackend m and a LogBackend l; ready is the status of their condition Ready, none where it is empty.
func (w *world) backEnds(auth *v1alpha1.BackendAuth, ready metav1.ConditionStatus) {
	w.t.Helper()
	w.backEndsAt("http://server", auth, ready)
}

// backEndsAt is backEnds with the URL of the servers.
func (w *world) backEndsAt(url string, auth *v1alpha1.BackendAuth, ready metav1.ConditionStatus) {
	w.t.Helper()
	m := &v1alpha1.MetricsBackend{ObjectMeta: w.Meta("m"), Spec: v1alpha1.MetricsBackendSpec{
		Type: "prometheus", Prometheus: &v1alpha1.PrometheusBackend{URL: url}, BackendAccess: v1alpha1.BackendAccess{Auth: auth},
	}}
	l := &v1alpha1.LogBackend{ObjectMeta: w.Meta("l"), Spec: v1alpha1.LogBackendSpec{
		Type: "loki", Loki: &v1alpha1.LokiBackend{URL: url}, BackendAccess: v1alpha1.BackendAccess{Auth: auth},
	}}
	w.Create(m)
	w.Create(l)
	if ready == "" {
		return
	}
	condition := metav1.Condition{
		Type:               v1alpha1.ConditionReady,
		Status:             ready,
		Reason:             "Told",
		Message:            "as it was told",
		ObservedGeneration: 1,
	}
	m.Status.ObservedGeneration, l.Status.ObservedGeneration = 1, 1
	meta.SetStatusCondition(&m.Status.Conditions, condition)
	meta.SetStatusCondition(&l.Status.Conditions, condition)
	if err := w.Client.Status().Update(w.t.Context(), m); err != nil {
		w.t.Fatal(err)
	}
	if err := w.Client.Status().Update(w.t.Context(), l); err != nil {
		w.t.Fatal(err)
	}
}

func TestBackEndsThatTheSpecNamesAreReadOrAreGaps(t *testing.T) {
	for name, tc := range map[string]struct {
		make   func(*world)
		down   bool
		opened bool   // for the run
		probes int    // made for the run
		gap    string // part of both messages; empty means none
		reason v1alpha1.GapReason
	}{
		"proven":  {make: func(w *world) { w.backEnds(nil, metav1.ConditionTrue) }, opened: true},
		"missing": {make: func(*world) {}, gap: "does not exist", reason: v1alpha1.GapUnavailable},
		"not Ready": {
			make: func(w *world) { w.backEnds(nil, metav1.ConditionFalse) },
			gap:  "is not Ready, so nothing was read from it. Told: as it was told", reason: v1alpha1.GapUnavailable,
		},
		"applied at the same time":           {make: func(w *world) { w.backEnds(nil, "") }, opened: true, probes: 1},
		"applied at the same time, and down": {make: func(w *world) { w.backEnds(nil, "") }, down: true, probes: 1, gap: "Unreachable: server:80 does not answer", reason: v1alpha1.GapUnavailable},
		"with a Secret that may not be read,": {make: func(w *world) {
			w.backEnds(&v1alpha1.BackendAuth{Basic: &v1alpha1.SecretReference{Name: "login"}}, metav1.ConditionTrue)
		}, gap: "SecretForbidden: ServiceAccount", reason: v1alpha1.GapForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Reader(false)
			tc.make(w)
			s := &fakeServer{down: tc.down}
			w.Inspection(
				v1alpha1.InspectionSpec{MetricsRef: &v1alpha1.LocalReference{Name: "m"}, LogsRef: &v1alpha1.LocalReference{Name: "l"}},
			)
			ran := false
			w.Settle(w.reconciler(func(on *setup) {
				on.options.Backends = s.resolver(w)
				on.options.Engine = func(ctx context.Context, in inspect.Input) (*inspect.Result, error) {
					ran = true
					if (in.Metrics != nil) != tc.opened || (in.Logs != nil) != tc.opened {
						t.Errorf("metrics %v, logs %v; want them: %v", in.Metrics, in.Logs, tc.opened)
					}
					if tc.opened && s.closed != 0 {
						t.Error("closed before the run is over")
					}
					return inspect.Run(ctx, in)
				}
			}))
			if !ran || s.open != s.closed || s.probes != 2*tc.probes {
				t.Errorf("ran %v; %d opened, %d closed, %d probes", ran, s.open, s.closed, s.probes)
			}
			var got []v1alpha1.Gap
			for _, gap := range w.Reports()[0].Gaps {
				if strings.HasPrefix(gap.Source, "metricsbackends/") || strings.HasPrefix(gap.Source, "logbackends/") {
					got = append(got, gap)
				}
			}
			if tc.gap == "" {
				if len(got) != 0 {
					t.Errorf("gaps: %+v", got)
				}
				return
			}
			if len(got) != 2 {
				t.Fatalf("want one gap for each: %+v", got)
			}
			for n, object := range []string{"LogBackend " + w.Namespace + "/l (spec.logsRef)", "MetricsBackend " + w.Namespace + "/m (spec.metricsRef)"} {
				if !strings.HasPrefix(got[n].Message, object) || !strings.Contains(got[n].Message, tc.gap) ||
					got[n].Reason != tc.reason ||
					got[n].Remediation == "" {
					t.Errorf("%+v", got[n])
				}
			}
		})
	}
}

// TestBackEndsAreClosedWhateverBecomesOfTheRun.
func TestBackEndsAreClosedWhateverBecomesOfTheRun(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.backEnds(nil, metav1.ConditionTrue)
	s := &fakeServer{}
	w.Inspection(v1alpha1.InspectionSpec{MetricsRef: &v1alpha1.LocalReference{Name: "m"}, LogsRef: &v1alpha1.LocalReference{Name: "l"}})
	if _, err := w.Reconcile(w.reconciler(crashing, func(on *setup) { on.options.Backends = s.resolver(w) })); err == nil {
		t.Fatal("want the crash")
	}
	if s.open != 2 || s.closed != 2 {
		t.Errorf("%d opened, %d closed", s.open, s.closed)
	}
}
