package fluentd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/logroute/meter"
	"kubeops.io/kubeops/internal/provider/logs/elasticsearch"
	"kubeops.io/kubeops/internal/provider/logs/loki"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// onePod is the Pod of the collector.
type onePod struct{ client.Reader }

func (onePod) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	pods, ok := list.(*corev1.PodList)
	if !ok {
		return fmt.Errorf("list %T", list)
	}
	pods.Items = []corev1.Pod{{
		ObjectMeta: metav1.ObjectMeta{Name: "kubeops-fluentd-x", UID: "x", CreationTimestamp: metav1.NewTime(time.Unix(1, 0))},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.9.8.7"},
	}}
	return nil
}

func TestWhatAServerRefusesIsCounted(t *testing.T) {
	es, _ := servers.Elasticsearch(t, servers.ElasticsearchOptions{})
	c := newCollector(t, backend(t, elasticsearch.Config{}, v1alpha1.LogBackendElasticsearch, "shop", "logs", es,
		v1alpha1.LogCollection{ParseJSON: true}))
	c.pods.add("shop", "web", nil)
	clock := clocktesting.NewFakeClock(time.Now())
	local := meter.NewClient()
	local.Transport = &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)))
	}}
	counts := &meter.Meter{Pods: onePod{}, Client: local, Namespace: "kubeops-logging", Clock: clock}
	// read until a condition holds, an interval apart.
	read := func(want func(meter.Route) bool) {
		t.Helper()
		eventually(t, time.Minute, func() error {
			clock.Step(meter.Interval)
			reading, err := counts.Read(t.Context(), "kubeops-fluentd", c.routes)
			if err != nil {
				return err
			}
			for _, route := range reading.Routes {
				if want(route) {
					t.Logf("%d sent, %d refused, %d dropped, refusal %q", route.Sent, route.Refused, route.Dropped, route.Refusal)
					return nil
				}
			}
			return fmt.Errorf("got %+v", reading)
		})
	}
	web := c.file("shop", "web")
	web.raw("F", `{"message":"a","code":17}`)
	read(func(r meter.Route) bool { return r.Sent == 1 && r.Refusal == "" })
	web.raw("F", `{"message":"b","code":{"name":"not a number"}}`)
	web.raw("F", `{"message":"c","code":18}`)
	read(func(r meter.Route) bool {
		return r.Sent == 2 && r.Refused == 1 && r.Refusal == "mapper_parsing_exception"
	})
	web.raw("F", `{"message":"d","code":19}`)
	read(func(r meter.Route) bool { return r.Sent == 3 && r.Refused == 1 && r.Refusal == "" })
}

func TestTwentyRoutesIntoThreeServers(t *testing.T) {
	const lines = 20_000
	victoria, _ := servers.VictoriaLogs(t)
	lokiServer := servers.StartLoki(t, servers.LokiOptions{Backfill: true})
	es, _ := servers.Elasticsearch(t, servers.ElasticsearchOptions{})
	store := newFront(t, victoria)
	routes := []namedRoute{{"victoria", store.server.URL, "shop"}}
	for i := range 17 {
		routes = append(routes, namedRoute{fmt.Sprintf("other-%d", i), fmt.Sprintf("%s/other-%d", victoria, i), fmt.Sprintf("other-%d", i)})
	}
	c := newCollector(t, append(victoriaRoutes(t, routes),
		backend(t, loki.Config{}, v1alpha1.LogBackendLoki, "shop", "loki", lokiServer.URL, v1alpha1.LogCollection{}),
		backend(t, elasticsearch.Config{}, v1alpha1.LogBackendElasticsearch, "shop", "es", es, v1alpha1.LogCollection{}),
	)...)
	c.pods.add("shop", "web", nil)
	web := c.file("shop", "web")
	begin := time.Now()
	for web.line < lines {
		web.numbered()
	}
	got := store.wait("web", lines, 4*time.Minute)
	t.Logf("%d lines into 3 of 20 routes in %s, %d MiB", lines, time.Since(begin).Round(time.Second), residentMiB(c.worker()))
	if got.lost+got.doubled+got.disordered > 0 {
		t.Errorf("VictoriaLogs: %+v", got)
	}
	eventually(t, 4*time.Minute, func() error {
		var answer struct{ Count int }
		if err := get(es+"/logs-kubeops-default/_count", &answer); err != nil || answer.Count != lines {
			return fmt.Errorf("Elasticsearch has %d lines: %w", answer.Count, err)
		}
		return nil
	})
	query := url.Values{"query": {`sum(count_over_time({namespace="shop"}[1h]))`}}
	eventually(t, 4*time.Minute, func() error {
		var answer struct {
			Data struct{ Result []struct{ Value []any } }
		}
		if err := get(lokiServer.URL+"/loki/api/v1/query?"+query.Encode(), &answer); err != nil {
			return err
		}
		if text := fmt.Sprint(answer.Data.Result); !strings.Contains(text, " "+strconv.Itoa(lines)+"]") {
			return fmt.Errorf("Loki has %s", text)
		}
		return nil
	})
}

func get(url string, answer any) error {
	response, err := http.Get(url) //nolint:gosec // of a test
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	return json.Unmarshal(content, answer)
}

// The API server is away when Fluentd starts, as after a node has started: lines are sent without labels, and Fluentd keeps running.
func TestAnAPIServerThatIsAwayAtTheStart(t *testing.T) {
	url, _ := servers.VictoriaLogs(t)
	store := newFront(t, url)
	c := prepared(t, victoriaLogs(t, "shop", "logs", store.server.URL, v1alpha1.LogCollection{}))
	c.pods.add("shop", "web", nil)
	c.pods.refuse.Store(true)
	c.run()
	worker := c.worker()
	web := c.file("shop", "web")
	web.write(10, 45*time.Second) // longer than the plug-in tries
	got := store.wait("web", web.line, time.Minute)
	t.Logf("%d lines while the API server was away from the start: p99 %s", got.lines, got.p99)
	if got.lost+got.doubled+got.disordered > 0 || got.p99 > most {
		t.Errorf("got %+v", got)
	}
	c.pods.refuse.Store(false)
	later := c.file("shop", "later")
	c.pods.add("shop", "later", nil)
	later.write(10, time.Second)
	store.wait("later", later.line, time.Minute)
	if c.pods.requests("shop", "later") == 0 || c.worker() != worker {
		t.Errorf("%d requests for a Pod; the worker %d is now %d", c.pods.requests("shop", "later"), worker, c.worker())
	}
}

func TestAnAPIServerThatIsAwayHoldsUpNoKnownPod(t *testing.T) {
	url, _ := servers.VictoriaLogs(t)
	store := newFront(t, url)
	c := newCollector(t, victoriaLogs(t, "shop", "logs", store.server.URL, v1alpha1.LogCollection{
		Include: []v1alpha1.LogSelector{{PodLabels: map[string]string{"app": "web"}}},
	}))
	c.pods.add("shop", "web", map[string]string{"app": "web"})
	web, unknown := c.file("shop", "web"), c.file("shop", "unknown")
	web.write(10, time.Second)
	store.wait("web", web.line, time.Minute)
	c.pods.server.CloseClientConnections()
	c.pods.server.Listener.Close() //nolint:errcheck,gosec // it is closed again at the end
	for range 10 {
		unknown.write(100, time.Second)
		web.write(10, time.Second)
	}
	got := store.wait("web", web.line, time.Minute)
	t.Logf("%d lines of a known Pod while the API server was away: p99 %s", got.lines, got.p99)
	if got.lost+got.doubled+got.disordered > 0 || got.p99 > most || len(store.of("unknown")) > 0 {
		t.Errorf("got %+v, and %d lines of a Pod without labels", got, len(store.of("unknown")))
	}
}
