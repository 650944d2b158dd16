package export

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc/metadata"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/log"

	pluginv1 "kubeops.io/kubeops/api/plugin/v1"
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/plugin"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/testkit/argocd"
	"kubeops.io/kubeops/internal/testkit/tenant"
	"kubeops.io/kubeops/internal/tracing"
)

// secret is in every place that must not be in a span.
const secret = "hunter2-do-not-trace"

func newProvider(t *testing.T, o Options) *sdktrace.TracerProvider {
	t.Helper()
	if o.QueueSize == 0 {
		o.QueueSize = 64
	}
	o.Service = "kubeops-manager"
	o.Version = "v1.2.3"
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry()
	}
	p, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// describer is a plugin that keeps the traceparent of a call.
type describer struct {
	pluginv1.UnimplementedPluginServer
	traceparent atomic.Value
}

func (d *describer) Describe(ctx context.Context, _ *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	if values := metadata.ValueFromIncomingContext(ctx, "traceparent"); len(values) == 1 {
		d.traceparent.Store(values[0])
	}
	return &pluginv1.DescribeResponse{
		Versions: []int32{plugin.Version}, Kind: plugin.KindCD, Name: "test", Capabilities: []string{plugin.CapabilityFind},
	}, nil
}

// TestAReconcileAndItsRequestsAreOneTrace makes a request to a backend, one that fails, and a call of a plugin.
func TestAReconcileAndItsRequestsAreOneTrace(t *testing.T) {
	collector := newReceiver(t)
	provided := newProvider(t, Options{Endpoint: collector.URL, SamplePercent: 100})
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Traceparent") != "" {
			t.Error("a server of a tenant got the trace")
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(secret))
	}))
	defer backend.Close()
	requests, err := provider.NewClient(provider.Endpoint{URL: backend.URL, Auth: provider.Auth{BearerToken: secret}},
		provider.Options{Type: "prometheus", Egress: provider.Egress{AllowLoopback: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer requests.Close()
	d := &describer{}
	pool := argocd.Serve(t, d)

	ctx, root := tracing.Reconcile(t.Context(), provided, "MetricsBackend", "shop", "prometheus")
	answer, err := requests.Do(ctx, provider.Request{
		Operation: "query", Path: "/" + secret, Query: map[string][]string{"token": {secret}}, Method: http.MethodPost, Body: []byte(secret),
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	connection, err := pool.Open(ctx, plugin.Target{Socket: v1alpha1.DefaultArgoCDSocket, Kind: plugin.KindCD})
	if err != nil {
		t.Fatal(err)
	}
	connection.Close()
	id := tracing.ID(ctx)
	tracing.End(root, problem.Retrying(v1alpha1.ReasonTimeout, nil, "text of a tenant: %s", secret))
	if err := provided.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}

	spans := collector.received()
	reconcile, request, call := spans["reconcile MetricsBackend"], spans["request prometheus"], spans["plugin Describe"]
	if len(spans) != 3 || reconcile == nil || request == nil || call == nil {
		t.Fatalf("spans: %v", spans)
	}
	for _, child := range spans {
		if traceID(child) != id || child != reconcile && string(child.GetParentSpanId()) != string(reconcile.GetSpanId()) {
			t.Errorf("%s is not below the reconcile", child.GetName())
		}
		if strings.Contains(child.String(), secret) {
			t.Errorf("a secret is in the span %s", child)
		}
	}
	if collector.service != "kubeops-manager" || value(reconcile.GetAttributes(), "k8s.namespace.name") != "shop" ||
		reconcile.GetStatus().GetMessage() != v1alpha1.ReasonTimeout || value(request.GetAttributes(), "kubeops.backend.operation") != "query" {
		t.Errorf("%v\n%v", reconcile, request)
	}
	if parent, _ := d.traceparent.Load().(string); !strings.HasPrefix(parent, "00-"+id+"-") {
		t.Errorf("the plugin got %q", parent)
	}
}

// TestLogEntriesOfAReconcileHaveTheIDOfItsTrace uses the skeleton of auxiliary conditions.
func TestLogEntriesOfAReconcileHaveTheIDOfItsTrace(t *testing.T) {
	collector := newReceiver(t)
	provided := newProvider(t, Options{Endpoint: collector.URL, SamplePercent: 100})
	scheme := tenant.Scheme(t)
	stored := &v1alpha1.Inspection{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "all"}}
	reader := fake.NewClientBuilder().WithScheme(scheme).WithObjects(stored).WithStatusSubresource(stored).Build()
	var lines []string
	ctx := log.IntoContext(t.Context(), funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{}))
	a := &kind.Auxiliary[*v1alpha1.Inspection]{
		Environment: kind.Environment{Client: reader, Reader: reader, Clock: clock.RealClock{}, Tracing: provided},
		Name:        "Inspection test", New: func() *v1alpha1.Inspection { return &v1alpha1.Inspection{} },
		Logic: func(ctx context.Context, _ *kind.Scope[*v1alpha1.Inspection]) (time.Duration, error) {
			log.FromContext(ctx).Info("reconciling")
			return 0, nil
		},
	}
	if _, err := a.Reconcile(ctx, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(stored)}); err != nil {
		t.Fatal(err)
	}
	if err := provided.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	span := collector.received()["reconcile Inspection test"]
	if span == nil || len(lines) != 1 || !strings.Contains(lines[0], `"traceID"="`+traceID(span)+`"`) {
		t.Errorf("span %v, log %q", span, lines)
	}
}

func TestWithoutAReconcileNothingIsRecorded(t *testing.T) {
	collector := newReceiver(t)
	provided := newProvider(t, Options{Endpoint: collector.URL, SamplePercent: 0})
	_, span := tracing.Start(t.Context(), "request")
	tracing.End(span, nil)
	ctx, root := tracing.Reconcile(t.Context(), provided, "LogBackend", "shop", "loki")
	if id := tracing.ID(ctx); id != "" {
		t.Errorf("a reconcile that is not recorded has the ID %s", id)
	}
	_, child := tracing.Start(ctx, "request")
	tracing.End(child, nil)
	tracing.End(root, nil)
	if err := provided.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if spans := collector.received(); len(spans) != 0 {
		t.Errorf("%v", spans)
	}
	if ctx, span := tracing.Reconcile(t.Context(), nil, "LogBackend", "shop", "loki"); span.IsRecording() || tracing.ID(ctx) != "" {
		t.Error("something is recorded without a provider")
	}
}

// TestACollectorThatIsAwayDelaysNothing ends more spans than the queue has room for.
func TestACollectorThatIsAwayDelaysNothing(t *testing.T) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	collector := newReceiver(t)
	collector.status = http.StatusForbidden // which is not repeated
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	provided := newProvider(t, Options{Endpoint: collector.URL, SamplePercent: 100, QueueSize: 2, TokenFile: file, Metrics: registry})
	for range 1000 {
		_, root := tracing.Reconcile(t.Context(), provided, "LogBackend", "shop", strings.Repeat("x", 5000))
		tracing.End(root, nil)
	}
	if err := provided.Shutdown(t.Context()); err != nil && !strings.Contains(err.Error(), "403") {
		t.Fatal(err)
	}
	collector.mu.Lock()
	defer collector.mu.Unlock()
	if len(collector.tokens) == 0 || collector.tokens[0] != "Bearer one" {
		t.Errorf("tokens: %q", collector.tokens)
	}
	if n, err := testutil.GatherAndCount(registry, "kubeops_trace_spans_total"); err != nil || n != 1 {
		t.Errorf("%d series, %v", n, err)
	}
}

func TestATokenIsNotSentElsewhere(t *testing.T) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	var asked atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer other.Close()
	redirecting := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer redirecting.Close()
	provided := newProvider(t, Options{Endpoint: redirecting.URL, SamplePercent: 100})
	_, root := tracing.Reconcile(t.Context(), provided, "LogBackend", "shop", "loki")
	tracing.End(root, nil)
	_ = provided.Shutdown(t.Context()) // the export fails
	if asked.Load() != 0 {
		t.Error("the spans went to another server")
	}
}
