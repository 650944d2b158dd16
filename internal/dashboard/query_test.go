package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	backendproblem "kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	logbackend "kubeops.io/kubeops/internal/provider/logs"
	metricsbackend "kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/redact"
	"kubeops.io/kubeops/internal/secretref"
)

// shownBackend answers every question with the data of everyone, as a hostile server or one with other labels does.
type shownBackend struct {
	mu     sync.Mutex
	lines  []logbackend.Query
	ranges []string
	within []metricsbackend.Range
	fails  error
	wait   chan struct{} // a search waits for it
}

// resolver of backends that are this one, whatever their type.
func (b *shownBackend) resolver(t *testing.T) *backends.Resolver {
	t.Helper()
	logTypes := provider.NewRegistry[logbackend.Settings, logbackend.Provider]()
	metricsTypes := provider.NewRegistry[metricsbackend.Settings, metricsbackend.Provider]()
	err := errors.Join(
		logTypes.Add("loki", func(logbackend.Settings) (logbackend.Provider, error) { return b, nil }),
		metricsTypes.Add("prometheus", func(metricsbackend.Settings) (metricsbackend.Provider, error) { return b, nil }),
	)
	if err != nil {
		t.Fatal(err)
	}
	return &backends.Resolver{Secrets: &secretref.Source{}, LogTypes: logTypes, MetricsTypes: metricsTypes, Queries: &backends.Queries{}}
}

// Health implements logs.Provider.
func (b *shownBackend) Health(context.Context) (logbackend.Health, error) {
	return logbackend.Health{}, nil
}

// Probe implements metrics.Provider.
func (b *shownBackend) Probe(context.Context) (metricsbackend.Health, error) {
	return metricsbackend.Health{}, nil
}

// Close implements both.
func (b *shownBackend) Close() {}

// Search implements logs.Provider.
func (b *shownBackend) Search(ctx context.Context, query logbackend.Query) (logbackend.Page, error) {
	b.mu.Lock()
	b.lines = append(b.lines, query)
	fails, wait := b.fails, b.wait
	b.mu.Unlock()
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return logbackend.Page{}, ctx.Err()
		}
	}
	entry := func(namespace, pod, line string) logbackend.Entry {
		return logbackend.Entry{Time: time.Unix(1, 0), Line: line, Labels: map[string]string{"namespace": namespace, "pod": pod, "container": "app"}}
	}
	return logbackend.Page{Next: "more", Entries: []logbackend.Entry{
		entry("shop", "cart-1", "cart started \x1b[31m<b>"), entry("lab", "microscope-1", "microscope started"),
		entry("shop", "cart-2", "password=kR7pQ2vX9mZ4wL8n"), entry("lab", "laser-1", "-----BEGIN PRIVATE KEY-----MIIEvQIBADANBgkqhkiG9w0B"),
		entry("shop", "cart-1", strings.Repeat("x", 3*maxLogLine)), {Line: "of no one: cart microscope"}, entry("", "cart-1", "cart microscope"),
	}}, fails
}

// Query implements metrics.Provider.
func (b *shownBackend) Query(context.Context, string, time.Time) (metricsbackend.Vector, error) {
	return nil, nil
}

// QueryRange implements metrics.Provider.
func (b *shownBackend) QueryRange(_ context.Context, expression string, within metricsbackend.Range) ([]metricsbackend.Series, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ranges = append(b.ranges, expression)
	b.within = append(b.within, within)
	series := func(namespace, pod string, values ...float64) metricsbackend.Series {
		one := metricsbackend.Series{Labels: metricsbackend.Labels{"namespace": namespace, "pod": pod}}
		for i, value := range values {
			one.Points = append(one.Points, metricsbackend.Point{Time: time.Unix(int64(i), 0), Value: value})
		}
		return one
	}
	all := []metricsbackend.Series{
		series("shop", "cart-1", 1, 2, math.Inf(1)), series("lab", "microscope-1", 500), series("shop", "cart-2", 7), series("shop", "cart-3"),
		series("", "cart-4", 1), series("shop", "", 1), series("shop", "cart-5", math.Inf(-1)), series("shop", "cart-6", make([]float64, 500)...),
	}
	for i := range 50 {
		all = append(all, series("lab", fmt.Sprint("laser-", i), float64(i)))
	}
	return all, b.fails
}

func (w *world) withBackend(t *testing.T, b *shownBackend) func(user, path string) reply {
	t.Helper()
	web := httptest.NewServer(w.start(t, Options{Backends: b.resolver(t)}).Handler())
	t.Cleanup(web.Close)
	return func(user, path string) reply {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL+"/api/v1/namespaces/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header = token(user)
		return do(t, request)
	}
}

func TestABackendShowsOnlyTheNamespaceThatWasAskedFor(t *testing.T) {
	w := newWorld(t)
	backend := &shownBackend{}
	get := w.withBackend(t, backend)
	lines := decode[StoredLines](t, get("ada", "shop/logbackends/loki/lines?q=started&minutes=15&limit=7"))
	if len(lines.Lines) != 3 || lines.Gap != "" || !lines.More || lines.Namespace != "shop" {
		t.Fatalf("%+.500v", lines)
	}
	for i, want := range []string{`cart started \x1b[31m<b>`, "password=[redacted", "xxx"} {
		if !strings.HasPrefix(lines.Lines[i].Text, want) || len(lines.Lines[i].Text) > maxLogLine+10 {
			t.Errorf("line %d: %.100s", i, lines.Lines[i].Text)
		}
	}
	asked := backend.lines[0]
	if asked.Labels["namespace"] != "shop" || asked.Limit != 7 || asked.End.Sub(asked.Start) != 15*time.Minute || !asked.Backward || asked.Contains[0] != "started" {
		t.Errorf("it asks for %+v", asked)
	}
	if one := decode[StoredLines](t, get("ada", "shop/logbackends/loki/lines?pod=cart-2")); len(one.Lines) != 1 || one.Lines[0].Pod != "cart-2" {
		t.Errorf("of one Pod: %+.300v", one.Lines)
	}
	if other := decode[StoredLines](t, get("olga", "shop/logbackends/loki/lines?about=lab")); len(other.Lines) != 2 || other.Lines[1].Text != "[redacted: private key]" {
		t.Errorf("of another namespace: %+.300v", other.Lines)
	}
	usage := decode[Usage](t, get("ada", "shop/metricsbackends/prom/usage?minutes=120"))
	if len(usage.Charts) != 2 || usage.Charts[0].Pods != 3 || usage.Charts[1].Unit != "bytes" {
		t.Fatalf("%+v", usage)
	}
	for i, want := range []string{"cart-2 7 1", "cart-1 2 2", "cart-6 0 120"} {
		one := usage.Charts[0].Series[i]
		if got := fmt.Sprint(one.Pod, " ", one.Last, " ", len(one.Points)); got != want {
			t.Errorf("series %d: %s, want %s", i, got, want)
		}
	}
	if !strings.Contains(backend.ranges[0], `{namespace="shop",`) || backend.within[0].Step != time.Minute {
		t.Errorf("it asks for %s, %+v", backend.ranges[0], backend.within[0])
	}
	if most := decode[Usage](t, get("olga", "shop/metricsbackends/prom/usage?about=lab")).Charts[0]; most.Pods != 51 || len(most.Series) != maxUsageSeries || most.Series[0].Last != 500 {
		t.Errorf("%d of %d Pods, the first %+v", len(most.Series), most.Pods, most.Series[0])
	}
}

func TestABackendNeedsThePermissionForWhatItHas(t *testing.T) {
	w := newWorld(t)
	backend := &shownBackend{}
	get := w.withBackend(t, backend)
	missing := get("ada", "shop/logbackends/none/lines")
	for _, tc := range []struct{ user, path string }{
		{"ada", "shop/logbackends/loki/lines?about=lab"}, {"ada", "shop/logbackends/loki/lines?about=none"}, {"ada", "lab/logbackends/lab-loki/lines?about=shop"},
		{"sam", "shop/logbackends/loki/lines"}, {"nemo", "shop/logbackends/loki/lines"}, {"ada", "shop/metricsbackends/prom/usage?about=lab"},
		{"ada", "lab/metricsbackends/lab-prom/usage?about=shop"}, {"nemo", "shop/metricsbackends/prom/usage"}, {"ada", "shop/metricsbackends/none/usage"},
	} {
		got := get(tc.user, tc.path)
		if got.status != http.StatusNotFound || withoutInstance(t, got) != withoutInstance(t, missing) {
			t.Errorf("%s as %s: %d %s", tc.path, tc.user, got.status, got.body)
		}
	}
	for _, path := range []string{"shop/logbackends/loki/lines?about=../x", "shop/logbackends/loki/lines?minutes=1441", "shop/logbackends/loki/lines?limit=201", "shop/logbackends/loki/lines?limit=", "shop/pods/cart-1/log?previous=", "shop/metricsbackends/prom/usage?minutes=0"} {
		if got := get("ada", path); got.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	if len(backend.lines)+len(backend.ranges) > 0 {
		t.Errorf("the backend was asked: %v %v", backend.lines, backend.ranges)
	}
}

func withoutInstance(t *testing.T, got reply) string {
	t.Helper()
	var problem map[string]any
	if err := json.Unmarshal([]byte(got.body), &problem); err != nil {
		t.Fatal(err)
	}
	delete(problem, "instance")
	return fmt.Sprint(problem)
}

func TestABackendThatCannotBeAskedIsAGap(t *testing.T) {
	w := newWorld(t)
	secret := &v1alpha1.LogBackend{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "with-password"},
		Spec: v1alpha1.LogBackendSpec{
			Type: "loki", Loki: &v1alpha1.LokiBackend{URL: "http://loki.monitoring:3100"},
			BackendAccess: v1alpha1.BackendAccess{Auth: &v1alpha1.BackendAuth{Basic: &v1alpha1.SecretReference{Name: "loki-login"}}},
		},
	}
	w.create(t, secret)
	defer w.remove(t, secret)
	backend := &shownBackend{fails: backendproblem.UserError(v1alpha1.ReasonInvalidSpec, nil, "loki.monitoring:3100 returned a server error (503)")}
	get := w.withBackend(t, backend)
	if got := get("ada", "shop/logbackends/with-password/lines"); got.status != http.StatusOK || !strings.Contains(got.body, "refers to Secrets (loki-login)") {
		t.Errorf("with a Secret: %d %s", got.status, got.body)
	}
	if len(backend.lines) > 0 {
		t.Error("a backend with a Secret was asked")
	}
	for _, path := range []string{"shop/logbackends/loki/lines", "shop/metricsbackends/prom/usage"} {
		if got := get("ada", path); got.status != http.StatusOK || !strings.Contains(got.body, "returned a server error (503)") || strings.Contains(got.body, "cart-1") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	backend.fails = errors.New("internal detail")
	if got := get("ada", "shop/logbackends/loki/lines"); strings.Contains(got.body, "internal detail") || !strings.Contains(got.body, "did not answer as expected") {
		t.Error(got.body)
	}
	for _, path := range []string{"shop/logbackends/loki/lines", "shop/metricsbackends/prom/usage"} {
		web := httptest.NewServer(w.start(t, Options{}).Handler())
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL+"/api/v1/namespaces/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header = token("ada")
		if got := do(t, request); !strings.Contains(got.body, "start the dashboard with --query-backends") {
			t.Errorf("%s: %s", path, got.body)
		}
		web.Close()
	}
}

func TestQueriesOfBackendsHaveALimit(t *testing.T) {
	w := newWorld(t)
	backend := &shownBackend{wait: make(chan struct{})}
	get := w.withBackend(t, backend)
	var open sync.WaitGroup
	for range maxQueries {
		open.Go(func() { get("ada", "shop/logbackends/loki/lines") })
	}
	eventually(t, func() error {
		backend.mu.Lock()
		defer backend.mu.Unlock()
		if len(backend.lines) < maxQueries {
			return fmt.Errorf("%d queries", len(backend.lines))
		}
		return nil
	})
	if got := get("ada", "shop/logbackends/loki/lines"); got.status != http.StatusTooManyRequests {
		t.Errorf("one more: %d", got.status)
	}
	close(backend.wait)
	open.Wait()
	if got := get("ada", "shop/logbackends/loki/lines"); got.status != http.StatusOK {
		t.Errorf("after the others: %d", got.status)
	}
}

func TestATenantLeavesRoomForQueriesOfOthers(t *testing.T) {
	places := newQueryPlaces()
	var open []func()
	for i := range 10 * maxAllQueries { // ServiceAccounts of one tenant, whose server does not answer
		if release, ok := places.acquire(fmt.Sprint("robot-", i), "shop"); ok {
			open = append(open, release)
		}
	}
	if len(open) != maxTenantQueries {
		t.Errorf("a tenant has %d queries", len(open))
	}
	for i := range maxAllQueries - maxTenantQueries {
		if _, ok := places.acquire("ada", fmt.Sprint("lab-", i)); ok != (i < maxQueries) {
			t.Errorf("query %d of another viewer: %v", i, ok)
		}
	}
	for i := range maxAllQueries - maxTenantQueries - maxQueries {
		if _, ok := places.acquire(fmt.Sprint("sam-", i), fmt.Sprint("team-", i)); !ok {
			t.Errorf("viewer %d is refused", i)
		}
	}
	if _, ok := places.acquire("olga", "last"); ok {
		t.Error("there is no limit of all queries")
	}
	open[0]() // what was refused holds no place
	if _, ok := places.acquire("olga", "last"); !ok {
		t.Error("a place that was released is not free")
	}
}

func TestAPrivateKeyInStoredLinesIsRedacted(t *testing.T) {
	redactor, err := redact.New(redact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := &Server{redactor: redactor}
	var entries []logbackend.Entry
	for i, line := range []string{
		"starting", "-----BEGIN RSA PRIVATE KEY-----", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "other: ready", "kR7pQ2vX9mZ4wL8nT1bY5cJ3hF6dS0gA", "-----END RSA PRIVATE KEY-----", "started",
	} {
		text, other := strings.CutPrefix(line, "other: ")
		labels := map[string]string{"namespace": "shop", "pod": "cart-1", "container": "app"}
		if other {
			labels["container"] = "proxy"
		}
		entries = append([]logbackend.Entry{{Time: time.Unix(int64(i), 0), Line: text, Labels: labels}}, entries...)
	}
	var got []string
	for _, line := range server.storedLines(entries, "shop", "") {
		got = append(got, line.Text)
	}
	const key = "[redacted: private key]"
	if want := []string{"started", key, key, "ready", key, key, "starting"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestALineOfAnotherNamespaceThatNamesThisOneIsNotShown: a controller in lab writes JSON with the namespace that it acts on.
func TestALineOfAnotherNamespaceThatNamesThisOneIsNotShown(t *testing.T) {
	redactor, err := redact.New(redact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for namespace, want := range map[string]int{"lab": 0, "shop": 1, "": 1} {
		for _, field := range []string{"kubernetes.pod_namespace", "kubernetes_namespace_name"} {
			entry := logbackend.Entry{Line: "synced", Labels: map[string]string{"namespace": "shop", field: namespace}}
			if got := (&Server{redactor: redactor}).storedLines([]logbackend.Entry{entry}, "shop", ""); len(got) != want {
				t.Errorf("%d lines of a Pod whose %s is %q, want %d", len(got), field, namespace, want)
			}
		}
	}
}
