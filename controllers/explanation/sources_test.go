package explanation

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/builtin"
	"kubeops.io/kubeops/internal/testkit/models"
)

// fakePrometheus answers each range query with a series of Pod a of a namespace, and one of a Pod of someone else. Both have one point, at
// the end of the range.
func fakePrometheus(t *testing.T, namespace string) (url string, asked *atomic.Int32) {
	t.Helper()
	asked = &atomic.Int32{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/query_range") {
			http.Error(w, "not asked for", http.StatusNotFound)
			return
		}
		asked.Add(1)
		series := func(namespace, pod string) string {
			return fmt.Sprintf(`{"metric":{"namespace":%q,"pod":%q,"container":"app"},"values":[[%s,"7"]]}`, namespace, pod, r.FormValue("end"))
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[%s,%s]}}`, series(namespace, "a"), series("elsewhere", "secret-pod"))
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

// metricsBackend is one whose condition Ready has a status for a generation of its spec, of which the present one is the first.
func (w *world) metricsBackend(url string, ready metav1.ConditionStatus, observed int64) {
	w.t.Helper()
	m := &v1alpha1.MetricsBackend{ObjectMeta: w.Meta("m"), Spec: v1alpha1.MetricsBackendSpec{
		Type: "prometheus", Prometheus: &v1alpha1.PrometheusBackend{URL: url},
	}}
	w.Create(m)
	m.Status.ObservedGeneration = observed
	meta.SetStatusCondition(&m.Status.Conditions, metav1.Condition{
		Type: v1alpha1.ConditionReady, Status: ready, Reason: "Told", ObservedGeneration: observed,
	})
	if err := w.Client.Status().Update(w.t.Context(), m); err != nil {
		w.t.Fatal(err)
	}
}

func TestAModelReadsTheBackendsOfTheSpecAndEarlierReports(t *testing.T) {
	for name, state := range map[string]struct {
		ready    metav1.ConditionStatus
		observed int64
		offered  bool
	}{
		"a backend that is Ready":                      {metav1.ConditionTrue, 1, true},
		"one that is not has no tool":                  {metav1.ConditionFalse, 1, false},
		"nor has one that was Ready with another spec": {metav1.ConditionTrue, 7, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			fake := keyless(t)
			w.Reader(true)
			w.LostService("a")
			w.Create(&corev1.Pod{ObjectMeta: w.Meta("a"), Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "x"}}}})
			w.model("p", fake.URL)
			url, asked := fakePrometheus(t, w.Namespace)
			w.metricsBackend(url, state.ready, state.observed)
			var offered, results []string
			fake.Answer(func(turn models.Turn) models.Reply {
				if len(turn.Tools) > 0 && len(turn.Results) == 0 {
					offered = turn.Tools
					return models.Reply{Calls: []models.Call{
						{ID: "1", Tool: "metric", Arguments: `{"metric":"memory","kind":"Pod","namespace":"` + w.Namespace + `","name":"a"}`},
						{ID: "2", Tool: "history", Arguments: `{"kind":"Service","namespace":"` + w.Namespace + `","name":"a"}`},
					}}
				}
				if len(turn.Tools) > 0 {
					results = turn.Results
					return models.Reply{}
				}
				return models.Reply{Text: `{"cause":"The cause is not known.","why":[],"ruledOut":[],"missing":[],"next":[],"fix":[],"confidence":"unknown"}`}
			})
			spec := withAI()
			w.Inspection(spec)
			w.Settle(w.reconciler(w.explaining())) // an earlier report
			w.Change(func(i *v1alpha1.Inspection) {
				i.Spec.AI.Investigate = v1alpha1.InvestigateUnknown
				i.Spec.MetricsRef = &v1alpha1.LocalReference{Name: "m"}
			})
			w.Settle(w.reconciler(w.explaining(), func(s *setup) {
				types, err := builtin.Metrics()
				if err != nil {
					t.Fatal(err)
				}
				s.env.Backends.MetricsTypes = types
			}))
			if slices.Contains(offered, "metric") != state.offered || !slices.Contains(offered, "history") || len(results) != 2 {
				t.Fatalf("tools %q, results %q", offered, results)
			}
			if strings.Contains(results[0], "a app: last 7") != state.offered || strings.Contains(results[0], "secret-pod") ||
				(asked.Load() > 0) != state.offered {
				t.Errorf("asked %d times: %s", asked.Load(), results[0])
			}
			if !strings.Contains(results[1], "report of ") || !strings.Contains(results[1], "Service") {
				t.Errorf("history: %s", results[1])
			}
			content, err := json.Marshal(w.Newest().Explanations)
			if err != nil || !strings.Contains(string(content), `"tool":"history"`) {
				t.Errorf("the transcript lacks the call: %s, %v", content, err)
			}
		})
	}
}
