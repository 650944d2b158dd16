package kind

import (
	"context"

	"go.opentelemetry.io/otel/trace"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"kubeops.io/kubeops/internal/tracing"
)

// traced records a reconcile. Its log entries have the ID of the trace, so that one leads to the other.
func traced(
	ctx context.Context, provider trace.TracerProvider, kind string, request ctrl.Request,
	reconcile func(context.Context, ctrl.Request) (ctrl.Result, error),
) (ctrl.Result, error) {
	if provider == nil {
		return reconcile(ctx, request)
	}
	ctx, span := tracing.Reconcile(ctx, provider, kind, request.Namespace, request.Name)
	if id := tracing.ID(ctx); id != "" {
		ctx = log.IntoContext(ctx, log.FromContext(ctx).WithValues("traceID", id))
	}
	result, err := reconcile(ctx, request)
	tracing.End(span, err)
	return result, err
}
