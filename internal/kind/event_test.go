package kind_test

import (
	"context"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"
	"k8s.io/client-go/tools/events"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/kind"
)

func TestEventsOfARecordedTraceHaveItsID(t *testing.T) {
	id := trace.TraceID{0xab, 15: 1}
	with := func(flags trace.TraceFlags) context.Context {
		config := trace.SpanContextConfig{TraceID: id, SpanID: trace.SpanID{1}, TraceFlags: flags}
		return trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(config))
	}
	for name, tc := range map[string]struct {
		ctx  context.Context
		want bool
	}{
		"recorded": {with(trace.FlagsSampled), true}, "not sampled": {with(0), false}, "without traces": {t.Context(), false},
	} {
		recorder := events.NewFakeRecorder(1)
		recorder.Verbose = true
		kind.Event(tc.ctx, recorder, &v1alpha1.Inspection{}, "Normal", "ReportSaved", "Inspect", "saved")
		event := <-recorder.Events
		if has := strings.Contains(event, "kubeops.io/trace-id:"+id.String()); has != tc.want || !strings.Contains(event, "ReportSaved") {
			t.Errorf("%s: %q", name, event)
		}
	}
}
