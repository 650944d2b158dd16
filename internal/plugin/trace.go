package plugin

import (
	"context"
	"path"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"kubeops.io/kubeops/internal/tracing"
)

// recordCall records the calls of a plugin in the trace of their context, and passes the trace on. Of an answer, only the code is recorded.
func recordCall(kind string) grpc.UnaryClientInterceptor {
	return func(
		ctx context.Context, method string, request, answer any, connection *grpc.ClientConn, invoker grpc.UnaryInvoker, options ...grpc.CallOption,
	) error {
		ctx, span := tracing.Start(ctx, "plugin "+path.Base(method), tracing.Value("kubeops.plugin.kind", kind),
			tracing.Value("rpc.method", path.Base(method)))
		tracing.Inject(ctx, func(key, value string) { ctx = metadata.AppendToOutgoingContext(ctx, key, value) })
		err := invoker(ctx, method, request, answer, connection, options...)
		if span.IsRecording() {
			if code := status.Code(err); err != nil {
				tracing.Failed(span, code.String())
			}
			span.End()
		}
		return err
	}
}
