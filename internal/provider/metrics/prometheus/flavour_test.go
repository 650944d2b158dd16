package prometheus_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/metrics"
	conformance "kubeops.io/kubeops/internal/testkit/conformance/metrics"
)

func TestProbeTellsFlavorsApartAndLivesWithWhatIsNotTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		build, age, flavor, version string
		fresh                       time.Duration
	}{
		"prometheus": {`{"version":"2.53.1","revision":"14cfec3","branch":"HEAD"}`, "1.5", "prometheus", "2.53.1",
			1500 * time.Millisecond},
		"thanos": {`{"version":"0.35.1","revision":"086a698"}`, "0", "thanos", "0.35.1", 0},
		"mimir": {`{"application":"Grafana Mimir","version":"2.12.0","revision":"x","features":{}}`, "-0.25", "mimir", "2.12.0",
			0},
		"pretends":             {`{"version":"2.24.0"}`, "-1", "unknown", "2.24.0", -1},
		"tells nothing":        {``, "1e300", "unknown", "", -1},
		"tells something else": {`[1]`, "3", "unknown", "", 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/api/v1/query":
					if q := r.URL.Query().Get("query"); q != "time() - max(timestamp(up)) or vector(-1)" {
						t.Errorf("asks %s", q)
					}
					_, _ = w.Write(
						[]byte(
							`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1767225600,"` + c.age + `"]}]}}`,
						),
					)
				case r.URL.Path == "/api/v1/status/buildinfo" && c.build != "":
					_, _ = w.Write([]byte(`{"status":"success","data":` + c.build + `}`))
				default:
					http.NotFound(w, r)
				}
			}))
			t.Cleanup(server.Close)
			health, err := dial(t, metrics.Settings{Endpoint: provider.Endpoint{URL: server.URL}}).Probe(context.Background())
			if err != nil || health.Flavor != c.flavor || health.Version != c.version || health.ActiveSeries != nil ||
				health.Retention != "" {
				t.Fatalf("got %+v, %v", health, err)
			}
			if c.fresh < 0 != (health.Freshness == nil) || health.Freshness != nil && *health.Freshness != c.fresh {
				t.Errorf("got freshness %v, want %s", health.Freshness, c.fresh)
			}
		})
	}
}

func TestProbeWantsTheOneValueThatIsKnownToExist(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"status":"success","data":{"resultType":"vector","result":[]}}`))
	}))
	t.Cleanup(server.Close)
	_, err := dial(t, metrics.Settings{Endpoint: provider.Endpoint{URL: server.URL}}).Probe(context.Background())
	conformance.Reason(t, err, v1alpha1.ReasonInvalidResponse, "")
}
