// Package export sends spans to a collector by OTLP over HTTP.
package export

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

const (
	// exportTimeout of one request with its repetitions.
	exportTimeout = 10 * time.Second
	// flushInterval between two requests, if the queue is not full before.
	flushInterval = 5 * time.Second
	// batchSize is the number of spans of one request.
	batchSize = 512
	// maxAttribute is the size of a value, in bytes.
	maxAttribute = 1024
	// maxAttributes and maxEvents of one span.
	maxAttributes = 16
	maxEvents     = 8
	// maxHeader of a response, in bytes.
	maxHeader = 64 << 10
)

// Options of the export. They are valid.
type Options struct {
	// Endpoint is the URL of the collector, to which /v1/traces is added if it has no path.
	Endpoint string
	// SamplePercent of the reconciles are recorded, 0 to 100.
	SamplePercent int
	// QueueSize is how many spans wait at most. Those beyond it are dropped.
	QueueSize int
	// CAFile has the CA certificates to trust. Default: those of the system.
	CAFile string
	// TokenFile has a bearer token. It is read for each request, so that it can be renewed. Default: none is sent.
	TokenFile string
	// Service and Version identify this process.
	Service, Version string
	// Metrics is where kubeops_trace_spans_total is registered.
	Metrics prometheus.Registerer
}

// New returns a provider. Shut it down at the end, which sends what waits. Nothing connects before the first span.
func New(ctx context.Context, o Options) (*sdktrace.TracerProvider, error) {
	endpoint := o.Endpoint
	if path := strings.SplitN(strings.SplitN(endpoint, "://", 2)[1], "/", 2); len(path) == 1 || path[1] == "" {
		endpoint = strings.TrimSuffix(endpoint, "/") + "/v1/traces"
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: exportTimeout, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 1,
		ResponseHeaderTimeout: exportTimeout, MaxResponseHeaderBytes: maxHeader,
	}
	if o.CAFile != "" {
		content, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read the CA certificates: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(content) {
			return nil, fmt.Errorf("%s has no PEM certificate", o.CAFile)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	caller := &http.Client{
		Transport: &authorized{next: transport, file: o.TokenFile}, Timeout: exportTimeout, CheckRedirect: refuseRedirect,
	}
	// It does not connect.
	client, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint), otlptracehttp.WithHTTPClient(caller),
		otlptracehttp.WithTimeout(exportTimeout), otlptracehttp.WithRetry(otlptracehttp.RetryConfig{
			Enabled: true, InitialInterval: time.Second, MaxInterval: exportTimeout / 2, MaxElapsedTime: exportTimeout,
		}))
	if err != nil {
		return nil, fmt.Errorf("prepare the export of traces: %w", err)
	}
	counted, err := count(client, o.Metrics)
	if err != nil {
		return nil, err
	}
	const hundred = 100
	return sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(counted, sdktrace.WithMaxQueueSize(o.QueueSize), sdktrace.WithMaxExportBatchSize(min(batchSize, o.QueueSize)),
			sdktrace.WithBatchTimeout(flushInterval), sdktrace.WithExportTimeout(exportTimeout)),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(float64(o.SamplePercent)/hundred))),
		sdktrace.WithRawSpanLimits(sdktrace.SpanLimits{
			AttributeValueLengthLimit: maxAttribute, AttributeCountLimit: maxAttributes,
			EventCountLimit: maxEvents, LinkCountLimit: maxEvents,
			AttributePerEventCountLimit: maxAttributes, AttributePerLinkCountLimit: maxAttributes,
		}),
		// The environment adds nothing: what is exported is only what is written here.
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", o.Service),
			attribute.String("service.version", o.Version))),
	), nil
}

// refuseRedirect keeps spans and the token with the collector of the configuration.
func refuseRedirect(*http.Request, []*http.Request) error {
	return errors.New("the collector redirects; set the address that it redirects to")
}

// authorized adds the token of a file.
type authorized struct {
	next http.RoundTripper
	file string
}

// RoundTrip implements http.RoundTripper.
func (a *authorized) RoundTrip(request *http.Request) (*http.Response, error) {
	if a.file == "" {
		return a.next.RoundTrip(request)
	}
	content, err := os.ReadFile(a.file)
	if err != nil {
		return nil, fmt.Errorf("read the token: %w", err)
	}
	request = request.Clone(request.Context())
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(content)))
	return a.next.RoundTrip(request)
}

// counter counts what an exporter sent.
type counter struct {
	sdktrace.SpanExporter
	spans *prometheus.CounterVec
}

// count registers kubeops_trace_spans_total, by result: exported or failed.
func count(exporter sdktrace.SpanExporter, registry prometheus.Registerer) (*counter, error) {
	c := &counter{SpanExporter: exporter, spans: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "kubeops_trace_spans_total", Help: "Spans by result: exported, or failed.",
	}, []string{"result"})}
	return c, registry.Register(c.spans)
}

// ExportSpans implements sdktrace.SpanExporter.
func (c *counter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := c.SpanExporter.ExportSpans(ctx, spans)
	result := "exported"
	if err != nil {
		result = "failed"
	}
	c.spans.WithLabelValues(result).Add(float64(len(spans)))
	return err
}
