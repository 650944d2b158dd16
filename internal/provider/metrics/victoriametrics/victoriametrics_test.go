package victoriametrics_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/metrics/victoriametrics"
	conformance "kubeops.io/kubeops/internal/testkit/conformance/metrics"
	"kubeops.io/kubeops/internal/testkit/hostile"
)

func TestConformanceOfASingleServer(t *testing.T) {
	t.Parallel()
	conformance.Run(t, conformance.Subject{New: victoriametrics.New})
}

func TestConformanceOfACluster(t *testing.T) {
	t.Parallel()
	conformance.Run(t, conformance.Subject{
		New:    victoriametrics.Config{SelectURL: "http://vmselect:8481", Tenant: "7:3"}.Open,
		Prefix: "/select/7:3/prometheus", Params: url.Values{"deny_partial_response": {"1"}},
	})
}

func TestMemoryOfHostileResponses(t *testing.T) {
	conformance.RunMemory(t, conformance.Subject{New: victoriametrics.New})
}

func TestCapabilitiesAreThoseThatTheSettingsGive(t *testing.T) {
	t.Parallel()
	endpoint := provider.Endpoint{URL: "http://127.0.0.1:1"}
	read := []string{"labels", "metadata", "query", "series"}
	for name, c := range map[string]struct {
		config       victoriametrics.Config
		alertmanager *provider.Endpoint
		more         []string
	}{
		"single server":               {victoriametrics.Config{}, nil, []string{"targets", "write"}},
		"single server, Alertmanager": {victoriametrics.Config{}, &endpoint, []string{"targets", "write", "alerts", "alertmanager"}},
		"cluster":                     {victoriametrics.Config{SelectURL: endpoint.URL}, nil, nil},
		"cluster, Alertmanager":       {victoriametrics.Config{SelectURL: endpoint.URL}, &endpoint, []string{"alerts", "alertmanager"}},
		"cluster with insert":         {victoriametrics.Config{SelectURL: endpoint.URL, InsertURL: endpoint.URL}, nil, []string{"write"}},
		"cluster with insert, Alertmanager": {victoriametrics.Config{SelectURL: endpoint.URL, InsertURL: endpoint.URL}, &endpoint,
			[]string{"write", "alerts", "alertmanager"}},
	} {
		p, err := c.config.Open(metrics.Settings{Endpoint: endpoint, Alertmanager: c.alertmanager})
		if err != nil {
			t.Fatal(err)
		}
		want := append(slices.Clone(read), c.more...)
		slices.Sort(want)
		if diff := cmp.Diff(want, metrics.Capabilities(p)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		p.Close()
	}
}

func TestAClusterIsWrittenAtItsInsertEndpointOnly(t *testing.T) {
	t.Parallel()
	var got string
	insert := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.Method + " " + r.URL.Path + " " + r.Header.Get("Authorization") + "\n" + string(body)
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(insert.Close)
	p, err := victoriametrics.Config{SelectURL: "http://127.0.0.1:1", InsertURL: insert.URL + "/vm/"}.Open(metrics.Settings{
		Endpoint: provider.Endpoint{URL: "http://127.0.0.1:1",
			Auth: provider.Auth{BearerToken: "for-insert"}}, Egress: provider.Egress{AllowLoopback: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	nan := 0.0
	nan /= nan
	at := time.UnixMilli(1_767_225_600_500)
	err = p.(metrics.Writer).Write(context.Background(), []metrics.Series{
		{Labels: metrics.Labels{"__name__": "a"}, Points: []metrics.Point{{Time: at, Value: 1.5}, {Time: at, Value: nan}}},
		{Labels: metrics.Labels{"__name__": "b"}, Points: []metrics.Point{{Time: at, Value: nan}}},
		{Labels: metrics.Labels{"__name__": "c\n"}, Points: []metrics.Point{{Time: at, Value: 2}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "POST /vm/insert/0/prometheus/api/v1/import Bearer for-insert\n" +
		`{"metric":{"__name__":"a"},"values":[1.5],"timestamps":[1767225600500]}` + "\n" +
		`{"metric":{"__name__":"c\n"},"values":[2],"timestamps":[1767225600500]}` + "\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	err = p.(metrics.Writer).Write(context.Background(), []metrics.Series{{}})
	conformance.Reason(t, err, v1alpha1.ReasonInvalidQuery, "labels")
}

func TestWriteNamesTheTrueCauseOfEveryMisbehaviour(t *testing.T) {
	t.Parallel()
	hostile.Run(t, func(ctx context.Context, endpoint provider.Endpoint) error {
		p, err := victoriametrics.New(metrics.Settings{
			Endpoint: endpoint, Timeout: hostile.Timeout, Budget: metrics.Budget{MaxBytes: hostile.MaxBytes}, Egress: provider.Egress{AllowLoopback: true},
		})
		if err != nil {
			return err
		}
		defer p.Close()
		return p.(metrics.Writer).Write(ctx, []metrics.Series{{Labels: metrics.Labels{"__name__": "a"},
			Points: []metrics.Point{{Time: time.Now(), Value: 1}}}})
	})
}

// A server of today, as its documentation says: it pretends to be a Prometheus, and tells the truth at /metrics.
func TestProbeReadsWhatTheServerTellsOfItself(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		own, buildInfo, tsdb       string
		version, retention, series string
	}{
		"tells all": {
			own: `vm_app_version{version="victoria-metrics-20240101-000000-tags-v1.97.1-0-g0", short_version="v1.97.1"} 1` + "\n" +
				`vm_cache_entries{type="storage/hour_metric_ids"} 12` + "\n" + `flag{name="retentionPeriod", value="30d", is_set="true"} 1`,
			buildInfo: `{"version":"2.24.0"}`, version: "1.97.1", retention: "30d", series: "12",
		},
		"tells nothing": {buildInfo: `{"version":"2.24.0"}`, tsdb: `{}`},
		"tells of build and series": {
			own: "<html>\n", buildInfo: `{"version":"v1.130.0"}`, tsdb: `{"totalSeries":5}`, version: "v1.130.0", series: "5",
		},
		"tells months": {own: `flag{name="retentionPeriod", value="12", is_set="true"} 1`, buildInfo: `{}`, tsdb: `{}`, retention: "12 months"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				data := map[string]string{
					"/api/v1/query":            `{"resultType":"vector","result":[{"metric":{},"value":[1767225600,"2.5"]}]}`,
					"/api/v1/status/buildinfo": c.buildInfo, "/api/v1/status/tsdb": c.tsdb,
				}[r.URL.Path]
				switch {
				case r.URL.Path == "/metrics" && c.own != "":
					_, _ = io.WriteString(w, c.own)
				case data == "":
					http.NotFound(w, r)
				default:
					if q := r.URL.Query(); strings.HasSuffix(r.URL.Path, "query") &&
						(q.Get("query") != "now() - max(timestamp(up)) or vector(-1)" || q.Get("nocache") != "1") {
						t.Errorf("asks %s", r.URL)
					}
					_, _ = io.WriteString(w, `{"status":"success","data":`+data+`}`)
				}
			}))
			t.Cleanup(server.Close)
			health, err := dial(t, metrics.Settings{Endpoint: provider.Endpoint{URL: server.URL}}).Probe(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if health.Version != c.version || health.Retention != c.retention || health.Flavor != victoriametrics.FlavorSingle {
				t.Errorf("got %+v", health)
			}
			if got := conformance.Count(health.ActiveSeries); got != c.series {
				t.Errorf("got %q active series, want %q", got, c.series)
			}
			if health.Freshness == nil || *health.Freshness != 2500*time.Millisecond {
				t.Errorf("got freshness %v", health.Freshness)
			}
		})
	}
}

func dial(t *testing.T, settings metrics.Settings) metrics.Provider {
	t.Helper()
	settings.Egress.AllowLoopback = true
	p, err := victoriametrics.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}
