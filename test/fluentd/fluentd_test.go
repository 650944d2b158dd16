package fluentd

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/logroute"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/victorialogs"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// most is the latency that lines may have at the 99th percentile beside anything that another tenant does.
const most = 10 * time.Second

// victoriaLogs is a LogBackend of a namespace.
func victoriaLogs(t *testing.T, namespace, name, url string, collect v1alpha1.LogCollection) logroute.Backend {
	t.Helper()
	return backend(t, victorialogs.Config{}, v1alpha1.LogBackendVictoriaLogs, namespace, name, url, collect)
}

// namedRoute is a LogBackend of its own namespace.
type namedRoute struct{ name, url, namespace string }

func victoriaRoutes(t *testing.T, routes []namedRoute) (all []logroute.Backend) {
	t.Helper()
	for _, r := range routes {
		all = append(all, victoriaLogs(t, r.namespace, r.name, r.url, v1alpha1.LogCollection{}))
	}
	return all
}

func backend(
	t *testing.T, settings logs.Routable, kind v1alpha1.LogBackendType, namespace, name, url string, collect v1alpha1.LogCollection,
) logroute.Backend {
	t.Helper()
	target, err := settings.RouteTarget(logs.Server{Version: "6.8.23", Flavor: "elasticsearch"})
	if err != nil {
		t.Fatal(err)
	}
	return logroute.Backend{
		Name: types.NamespacedName{Namespace: namespace, Name: name}, Type: kind, Target: target,
		Endpoint: provider.Endpoint{URL: url, Fields: provider.Fields{URL: "spec.url"}}, Collect: collect,
	}
}

func TestAnOutageWithARotationLosesNothing(t *testing.T) {
	url, _ := servers.VictoriaLogs(t)
	store := newFront(t, url)
	c := newCollector(t, victoriaLogs(t, "shop", "logs", store.server.URL, v1alpha1.LogCollection{}))
	c.pods.add("shop", "web", nil)
	web := c.file("shop", "web")
	web.write(500, time.Second)
	store.wait("web", 1, time.Minute) // a file that is renamed before it is found is not read
	store.down.Store(true)
	web.write(500, 5*time.Second)
	web.rotate()
	web.write(500, 5*time.Second)
	store.down.Store(false)
	web.write(500, 3*time.Second)
	got := store.wait("web", web.line, 2*time.Minute)
	// Chunks that wait are sent by two threads: they arrive in any order, and the server sorts by time.
	t.Logf("%d lines, %d lost, %d twice, during 10 s without the server and a rotation", got.lines, got.lost, got.doubled)
	if got.lost+got.doubled > 0 {
		t.Errorf("got %+v", got)
	}
}

func TestKillsLoseNothing(t *testing.T) {
	url, _ := servers.VictoriaLogs(t)
	store := newFront(t, url)
	c := newCollector(t, victoriaLogs(t, "shop", "logs", store.server.URL, v1alpha1.LogCollection{}))
	c.pods.add("shop", "web", nil)
	web := c.file("shop", "web")
	var writing sync.WaitGroup
	writing.Go(func() { web.write(500, 20*time.Second) })
	store.wait("web", 1000, time.Minute)
	worker := c.worker()
	if err := syscall.Kill(worker, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, func() error {
		if c.worker() == worker {
			return fmt.Errorf("no new worker")
		}
		return servers.Answers(c.metrics())(t.Context())
	})
	store.wait("web", 3000, time.Minute)
	c.process.Kill()
	c.process.Start()
	writing.Wait()
	got := store.wait("web", web.line, 2*time.Minute)
	t.Logf("%d lines, %d lost, %d twice, after kill -9 of the worker and of the supervisor", got.lines, got.lost, got.doubled)
	begin := time.Now()
	c.process.Stop()
	t.Logf("SIGTERM ended it in %s", time.Since(begin).Round(time.Millisecond))
	if got.lost > 0 {
		t.Errorf("got %+v", got)
	}
}

func TestAFloodStarvesNoOther(t *testing.T) {
	url, _ := servers.VictoriaLogs(t)
	store := newFront(t, url)
	c := newCollector(t, victoriaLogs(t, "shop", "logs", store.server.URL, v1alpha1.LogCollection{}))
	flood, quiet := c.file("shop", "flood"), c.file("shop", "quiet")
	c.pods.add("shop", "flood", nil)
	c.pods.add("shop", "quiet", nil)
	var writing sync.WaitGroup
	writing.Go(func() { flood.write(4500, 30*time.Second) })
	quiet.write(1, 30*time.Second)
	writing.Wait()
	got := store.wait("quiet", quiet.line, 30*time.Second)
	t.Logf("%d lines at 4,500 each second; the other Pod: %d lines, p50 %s, p99 %s", flood.line, got.lines, got.p50, got.p99)
	if got.lost+got.doubled+got.disordered > 0 || got.p99 > most {
		t.Errorf("got %+v", got)
	}
	got = store.wait("flood", flood.line, 2*time.Minute)
	t.Logf("the flood: %d lost, %d twice, p99 %s", got.lost, got.doubled, got.p99)
	if got.lost+got.doubled > 0 {
		t.Errorf("got %+v", got)
	}
}

func TestALineOfManyPartsTakesNoMemory(t *testing.T) {
	url, _ := servers.VictoriaLogs(t)
	store := newFront(t, url)
	c := newCollector(t, victoriaLogs(t, "shop", "logs", store.server.URL, v1alpha1.LogCollection{}))
	c.pods.add("shop", "web", nil)
	c.pods.add("shop", "long", nil)
	web, long := c.file("shop", "web"), c.file("shop", "long")
	worker := c.worker()
	before := residentMiB(worker)
	part := strings.Repeat("x", 16<<10)
	for range 120 << 20 / len(part) {
		long.raw("P", part)
	}
	long.raw("F", "the end")
	long.numbered()
	web.write(100, 5*time.Second)
	got := store.wait("web", web.line, time.Minute)
	peak := 0
	eventually(t, 5*time.Minute, func() error {
		peak = max(peak, residentMiB(worker))
		if len(store.of("long")) == 0 {
			return fmt.Errorf("the line after the long one did not arrive")
		}
		return nil
	})
	t.Logf("a line of 120 MiB in parts: %d MiB before, at most %d MiB; the other Pod: p99 %s", before, peak, got.p99)
	if counts := c.counts(); !strings.Contains(counts, `reason="too_long"} 1`) {
		t.Errorf("got %s", counts)
	}
	if arrived := store.of("long"); len(arrived) != 1 || peak > 300 || got.p99 > most || c.worker() != worker {
		t.Errorf("%d lines of the long Pod, %d MiB, p99 %s", len(arrived), peak, got.p99)
	}
}

func TestPodsThatAreGoneHoldUpNoOther(t *testing.T) {
	url, _ := servers.VictoriaLogs(t)
	store := newFront(t, url)
	c := newCollector(t, victoriaLogs(t, "shop", "logs", store.server.URL, v1alpha1.LogCollection{}))
	c.pods.add("shop", "live", map[string]string{"app": "web"})
	live, gone := c.file("shop", "live"), c.file("shop", "gone-one")
	var writing sync.WaitGroup
	writing.Go(func() { gone.write(500, 20*time.Second) })
	live.write(2, 20*time.Second)
	writing.Wait()
	got := store.wait("live", live.line, time.Minute)
	store.wait("gone-one", gone.line, time.Minute)
	requests := c.pods.requests("shop", "gone-one")
	t.Logf("%d lines of a Pod that is gone: %d requests; the other Pod: p99 %s", gone.line, requests, got.p99)
	if requests > 10 || got.p99 > most || got.lost+got.doubled+got.disordered > 0 {
		t.Errorf("%d requests, %+v", requests, got)
	}
}

// hostileFor is how long a tenant is hostile: a minute, or KUBEOPS_HOSTILE_FOR.
func hostileFor(t *testing.T) time.Duration {
	t.Helper()
	value := os.Getenv("KUBEOPS_HOSTILE_FOR")
	if value == "" {
		return time.Minute
	}
	d, err := time.ParseDuration(value)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAHostileTenantCostsNoOther(t *testing.T) {
	t.Parallel()
	url, _ := servers.VictoriaLogs(t)
	store := newFront(t, url)
	silent := blackHole(t)
	hostile := victoriaLogs(t, "hostile", "logs", silent, v1alpha1.LogCollection{ParseJSON: true, Redact: []string{`(?i)password=\S+`, `[a-z]+x[0-9]+`}})
	c := newCollector(t, hostile, victoriaLogs(t, "shop", "logs", store.server.URL, v1alpha1.LogCollection{ParseJSON: true, Redact: []string{`token=\S+`}}))
	c.pods.add("shop", "web", nil)
	c.pods.add("hostile", "evil", nil)
	web, evil := c.file("shop", "web"), c.file("hostile", "evil")
	during := hostileFor(t)
	var writing sync.WaitGroup
	writing.Go(func() {
		for begin := time.Now(); time.Since(begin) < during; {
			evil.write(1000, time.Second)
			evil.hostile()
		}
	})
	web.write(50, during)
	writing.Wait()
	got := store.wait("web", web.line, time.Minute)
	t.Logf("%s beside a hostile tenant: %d lines, %d lost, %d twice, %d out of order, p50 %s, p99 %s",
		during, got.lines, got.lost, got.doubled, got.disordered, got.p50, got.p99)
	if got.lost+got.doubled+got.disordered > 0 || got.p99 > most {
		t.Errorf("got %+v", got)
	}
}

// hostile lines and files of a container.
func (f *file) hostile() {
	f.t.Helper()
	for _, text := range []string{
		`{"a":1e999,"pw":"password=hunter"}`, strings.Repeat("[", 99) + strings.Repeat("]", 99), `{"":{"":""}}`, "\x00\xff\xfe",
		strings.Repeat("a", 60<<10) + "!", `{"kubernetes":{"pod_name":"web"}}`, `{"timestamp":"x","message":` + strings.Repeat(`{"a":`, 500) + `1`,
	} {
		f.raw("F", text)
		f.raw("P", text)
	}
	if _, err := fmt.Fprintf(f.handle, "no time stdout F x\n9999-99-99T00:00:00Z stdout F x\n2001-01-01T00:00:00Z stderr F clock\n\n"); err != nil {
		f.t.Fatal(err)
	}
	if err := f.handle.Truncate(0); err != nil {
		f.t.Fatal(err)
	}
	// A link to nothing, and a file that vanishes.
	vanishing := strings.Replace(f.link, "evil_", "evil-vanishes_", 1)
	for _, target := range []string{f.path + ".none", f.path} {
		if err := os.Symlink(target, vanishing); err != nil {
			f.t.Fatal(err)
		}
		if err := os.Remove(vanishing); err != nil {
			f.t.Fatal(err)
		}
	}
}

// blackHole accepts connections and never answers.
func blackHole(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", servers.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return "http://" + listener.Addr().String()
}
