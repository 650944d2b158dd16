package inspection

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"kubeops.io/kubeops/api/v1alpha1"
)

// measured is a reconciler with a registry to read.
func (w *world) measured() (reconcile.Reconciler, *prometheus.Registry) {
	w.t.Helper()
	registry := prometheus.NewRegistry()
	metrics, err := NewMetrics(registry)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.reconciler(func(s *setup) { s.options.Metrics = metrics }), registry
}

func TestMetricsShowTheLastReport(t *testing.T) {
	w := newWorld(t)
	w.LostService("lost")
	w.LostService("lost-too")
	w.Inspection(v1alpha1.InspectionSpec{Checks: &v1alpha1.CheckSelection{Include: []string{"service-*"}}})
	r, registry := w.measured()
	if _, err := w.Reconcile(r); err != nil { // without its ServiceAccount
		t.Fatal(err)
	}
	w.Reader(false)
	w.Settle(r)
	check := w.Get().Status.RootCauses[0].Check
	severity := string(w.Get().Status.RootCauses[0].Severity)
	findings := `
# HELP kubeops_inspection_findings Findings of the last report, including symptoms, by check, class and severity.
# TYPE kubeops_inspection_findings gauge
kubeops_inspection_findings{check="` + check + `",class="Problem",inspection="i",namespace="` + w.Namespace +
		`",severity="` + severity + `"} 2
`
	runs := `
# HELP kubeops_inspection_runs_total Runs by result: Succeeded, Incomplete, or the reason of the problem that ended the try.
# TYPE kubeops_inspection_runs_total counter
kubeops_inspection_runs_total{result="ServiceAccountNotFound"} 1
kubeops_inspection_runs_total{result="Succeeded"} 1
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(findings+runs), "kubeops_inspection_findings", "kubeops_inspection_runs_total"); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(registry, "kubeops_inspection_stage_duration_seconds"); err != nil || n < 3 {
		t.Errorf("durations of %d stages, %v", n, err)
	}

	// A new manager shows it again, although no run is due.
	again, restarted := w.measured()
	w.Settle(again)
	if err := testutil.GatherAndCompare(restarted, strings.NewReader(findings), "kubeops_inspection_findings"); err != nil {
		t.Error(err)
	}

	// A finding that is gone leaves no series behind, and neither does an Inspection.
	w.Change(func(i *v1alpha1.Inspection) { i.Spec.Ignore = []v1alpha1.IgnoreRule{{Name: "lost*", Reason: "known"}} })
	w.Settle(again)
	wantSeries(t, restarted, "kubeops_inspection_findings", 0)
	wantSeries(t, restarted, "kubeops_inspection_score", 1)
	if err := w.Client.Delete(t.Context(), w.Get()); err != nil {
		t.Fatal(err)
	}
	w.Settle(again)
	wantSeries(t, restarted, "kubeops_inspection_score", 0)
	wantSeries(t, restarted, "kubeops_inspection_gaps", 0)
}

func wantSeries(t *testing.T, registry *prometheus.Registry, name string, want int) {
	t.Helper()
	if n, err := testutil.GatherAndCount(registry, name); err != nil || n != want {
		t.Errorf("%d series of %s, want %d; %v", n, name, want, err)
	}
}

func TestMetricsAreRegisteredOnce(t *testing.T) {
	registry := prometheus.NewRegistry()
	if _, err := NewMetrics(registry); err != nil {
		t.Fatal(err)
	}
	if _, err := NewMetrics(registry); err == nil {
		t.Error("want an error the second time")
	}
}

// Optional gaps are in the report. The gauge, on which there is an alert, counts what an owner has to grant or to connect.
func TestTheMetricOfGapsCountsThoseThatAreNotOptional(t *testing.T) {
	for name, tc := range map[string]struct {
		spec v1alpha1.InspectionSpec
		want float64
	}{
		"optional": {v1alpha1.InspectionSpec{}, 0},
		"required": {v1alpha1.InspectionSpec{Namespaces: []string{"no-such-namespace"}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Reader(false)
			if len(tc.spec.Namespaces) > 0 {
				tc.spec.Namespaces = append(tc.spec.Namespaces, w.Namespace)
			}
			w.Inspection(tc.spec)
			r, registry := w.measured()
			w.Settle(r)
			if report := w.Newest(); report.Summary.Gaps == 0 {
				t.Fatal("a report without gaps")
			}
			want := fmt.Sprintf("# HELP kubeops_inspection_gaps Gaps of the last report that are not optional: what it was to read and could not.\n"+
				"# TYPE kubeops_inspection_gaps gauge\nkubeops_inspection_gaps{inspection=%q,namespace=%q} %g\n", "i", w.Namespace, tc.want)
			if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "kubeops_inspection_gaps"); err != nil {
				t.Error(err)
			}
		})
	}
}
