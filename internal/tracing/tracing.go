// Package tracing records spans: a reconcile is the root, and requests to backends and plugins are its children. Who makes a request needs
// no tracer: a child is recorded by the provider of the span in its context, and a context without one records nothing. Attributes are
// names of objects, types, operations, hosts and reasons. Messages, paths, queries, headers and bodies are never in a span.
package tracing

import (
	"context"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/text"
)

const (
	// scope of the spans.
	scope = "kubeops.io/kubeops"
	// maxValue of an attribute in runes. A host, and a name of an object, have at most 253.
	maxValue = 256
	// reasonAttribute is the reason of a problem.
	reasonAttribute = "kubeops.reason"
	// unexpected is the reason of an error that is no problem.
	unexpected = "Error"
)

// Value is an attribute whose text is printable and bounded.
func Value(key, value string) attribute.KeyValue {
	return attribute.String(key, text.Clip(printable.Line(value), maxValue))
}

// Reconcile begins the root span of a reconcile. A nil provider records nothing.
func Reconcile(ctx context.Context, provider trace.TracerProvider, kind, namespace, name string) (context.Context, trace.Span) {
	if provider == nil {
		return ctx, trace.SpanFromContext(ctx)
	}
	return provider.Tracer(scope).Start(ctx, "reconcile "+kind, trace.WithNewRoot(), trace.WithAttributes(
		Value("k8s.namespace.name", namespace), Value("kubeops.kind", kind), Value("kubeops.name", name)))
}

// Start begins the span of a request within that of the context. Without one, nothing is recorded.
func Start(ctx context.Context, name string, attributes ...attribute.KeyValue) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.SpanContext().IsValid() {
		return ctx, parent
	}
	return parent.TracerProvider().Tracer(scope).Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attributes...))
}

// End a span that Reconcile or Start began. Of an error, only the reason is recorded.
func End(span trace.Span, err error) {
	if !span.IsRecording() {
		return
	}
	if err != nil {
		Failed(span, reasonOf(err))
	}
	span.End()
}

// Failed marks a span as failed for a reason, which is a word in CamelCase.
func Failed(span trace.Span, reason string) {
	span.SetStatus(codes.Error, reason)
	span.SetAttributes(Value(reasonAttribute, reason))
}

func reasonOf(err error) string {
	if p := problem.As(err); p != nil {
		return p.Reason
	}
	return unexpected
}

// ID of the trace of a context, if it is recorded; empty otherwise.
func ID(ctx context.Context) string {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsSampled() {
		return ""
	}
	return span.TraceID().String()
}

// Inject passes the span of a context on: set gets the header traceparent of W3C Trace Context. Only plugins get it, which an administrator
// installed; servers of tenants do not.
func Inject(ctx context.Context, set func(key, value string)) {
	if trace.SpanContextFromContext(ctx).IsValid() {
		propagation.TraceContext{}.Inject(ctx, setter(set))
	}
}

// setter is a carrier that only takes values.
type setter func(key, value string)

// Get implements propagation.TextMapCarrier.
func (setter) Get(string) string { return "" }

// Set implements propagation.TextMapCarrier. The state of a trace is not passed on: nothing here writes it.
func (s setter) Set(key, value string) {
	if strings.EqualFold(key, "traceparent") {
		s(key, value)
	}
}

// Keys implements propagation.TextMapCarrier.
func (setter) Keys() []string { return nil }
