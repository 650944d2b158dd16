package plugin

import (
	"context"
	"path"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/tracing"
)

// recordCall counts the calls of a plugin, records them in the trace of their context, and passes the trace on. Of an answer, only the code
// is recorded.
func (p *Pool) recordCall(kind string) grpc.UnaryClientInterceptor {
	return func(
		ctx context.Context, method string, request, answer any, connection *grpc.ClientConn, invoker grpc.UnaryInvoker,
		options ...grpc.CallOption,
	) error {
		ctx, span := tracing.Start(ctx, "plugin "+path.Base(method), tracing.Value("kubeops.plugin.kind", kind),
			tracing.Value("rpc.method", path.Base(method)))
		tracing.Inject(ctx, func(key, value string) { ctx = metadata.AppendToOutgoingContext(ctx, key, value) })
		began := time.Now()
		err := invoker(ctx, method, request, answer, connection, options...)
		code := status.Code(err).String()
		p.Telemetry.Add(provider.Observation{Type: "plugin", Operation: path.Base(method), Result: code, Duration: time.Since(began)})
		if span.IsRecording() {
			if err != nil {
				tracing.Failed(span, code)
			}
			span.End()
		}
		return err
	}
}
