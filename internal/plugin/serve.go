package plugin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	pluginv1 "kubeops.io/kubeops/api/plugin/v1"
)

// Options of a plugin's server.
type Options struct {
	// TLS of an address. It must demand client certificates. Nil for Unix sockets.
	TLS *tls.Config
	// Log is called with the stack of a panic, which fails one call only.
	Log func(string)
}

// Listen on unix:PATH or host:port. A socket that a process left behind is replaced. It has mode 0660, and only processes of the same user
// and root can connect.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	config := &net.ListenConfig{}
	path, isSocket := strings.CutPrefix(address, "unix:")
	if !isSocket {
		return config.Listen(ctx, "tcp", address)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	listener, err := config.Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o660); err != nil {
		_ = listener.Close()
		return nil, err
	}
	return &sameUser{Listener: listener}, nil
}

// sameUser drops connections of processes of other users.
type sameUser struct{ net.Listener }

// Accept implements net.Listener.
func (s *sameUser) Accept() (net.Conn, error) {
	for {
		conn, err := s.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if unix, is := conn.(*net.UnixConn); !is || isSameUser(unix) {
			return conn, nil
		}
		_ = conn.Close()
	}
}

// Serve a plugin until the context ends: calls in progress may end first. Errors of the plugin that are problems reach the manager as such.
func Serve(ctx context.Context, listener net.Listener, implementation pluginv1.PluginServer, options Options) error {
	_, isSocket := listener.Addr().(*net.UnixAddr)
	list := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(MaxMessage), grpc.MaxSendMsgSize(MaxMessage), grpc.MaxConcurrentStreams(2 * maxCalls),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: keepaliveMinimum, PermitWithoutStream: true}),
		grpc.UnaryInterceptor(options.unary), grpc.StreamInterceptor(options.stream),
	}
	switch {
	case options.TLS != nil && options.TLS.ClientAuth != tls.RequireAndVerifyClientCert:
		return errors.New("TLS of a plugin must verify client certificates")
	case options.TLS != nil:
		list = append(list, grpc.Creds(credentials.NewTLS(options.TLS)))
	case !isSocket:
		return errors.New("a plugin that listens on TCP needs TLS")
	}
	server := grpc.NewServer(list...)
	pluginv1.RegisterPluginServer(server, implementation)
	live := health.NewServer()
	live.SetServingStatus("", healthv1.HealthCheckResponse_SERVING)
	healthv1.RegisterHealthServer(server, live)
	stop := context.AfterFunc(ctx, server.GracefulStop)
	defer stop()
	return server.Serve(listener)
}

func (o Options) unary(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (answer any, err error) {
	defer o.recovered(&err)
	answer, err = handler(ctx, request)
	return answer, toStatus(err)
}

func (o Options) stream(server any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	defer o.recovered(&err)
	return toStatus(handler(server, stream))
}

// recovered turns a panic into the error of the call.
func (o Options) recovered(err *error) {
	if cause := recover(); cause != nil {
		if o.Log != nil {
			o.Log(fmt.Sprintf("panic: %v\n%s", cause, debug.Stack()))
		}
		*err = status.Error(codes.Internal, "panic")
	}
}
