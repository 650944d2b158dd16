// Package webhook receives deliveries of webhooks over HTTP, and creates PipelineRuns for those that are authentic and that a trigger of a
// Pipeline selects. Package trigger decides what a delivery means.
package webhook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"kubeops.io/kubeops/controllers/environment"
)

// +kubebuilder:rbac:groups=kubeops.io,resources=pipelines,verbs=get
// +kubebuilder:rbac:groups=kubeops.io,resources=pipelines/status,verbs=patch
// +kubebuilder:rbac:groups=kubeops.io,resources=pipelineruns,verbs=list;create

const (
	// maxConnections at the same time. Others wait until one is closed.
	maxConnections = 512
	// headerTimeout and readTimeout of a request, without and with its body. They end senders that are slow on purpose.
	headerTimeout = 3 * time.Second
	readTimeout   = 8 * time.Second
	// writeTimeout of a request, from the end of its header.
	writeTimeout = 20 * time.Second
	// maxHeader of a request in bytes.
	maxHeader = 16 << 10
	// stopTimeout is how long requests in progress may take when the manager stops.
	stopTimeout = 5 * time.Second
)

// Setup adds the receiver to a manager, if its settings have an address.
func Setup(m ctrl.Manager, e *environment.Environment) error {
	if !Enabled(e.Settings.WebhookAddress) {
		return nil
	}
	metrics, err := NewMetrics(e.Settings.Metrics)
	if err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	handler := NewHandler(Options{
		Client: e.Client, Reader: e.Reader, Secrets: e.Backends.Secrets, Expressions: e.Expressions(), Redact: e.Redact,
		Metrics: metrics, Clock: e.Clock,
	})
	server := &Server{Address: e.Settings.WebhookAddress, Handler: handler}
	return errors.Join(m.Add(server), m.AddReadyzCheck("webhooks", server.Ready))
}

// Enabled reports whether an address of the configuration is one to listen at.
func Enabled(address string) bool { return address != "" && address != "0" }

// Server listens for deliveries, in every replica of the manager: of two that get the same one, one creates the run.
type Server struct {
	// Address as [host]:port.
	Address string
	Handler http.Handler
	// Listening is called with the address, once it is known; may be nil.
	Listening func(net.Addr)

	listens atomic.Bool
}

// Ready is a healthz.Checker: an error until deliveries are received. A rolling update does not stop the last replica that receives them
// before the new one does.
func (s *Server) Ready(*http.Request) error {
	if !s.listens.Load() {
		return errors.New("the receiver of webhooks does not listen yet")
	}
	return nil
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (s *Server) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (s *Server) Start(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.Address)
	if err != nil {
		return fmt.Errorf("listen for webhooks (webhooks.bindAddress): %w", err)
	}
	s.listens.Store(true)
	if s.Listening != nil {
		s.Listening(listener.Addr())
	}
	server := &http.Server{
		Handler: s.Handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		MaxHeaderBytes: maxHeader,
		// Senders such as GitHub do not send a delivery again: those in progress are not cut off when the manager stops.
		BaseContext: func(net.Listener) context.Context {
			return log.IntoContext(context.WithoutCancel(ctx), log.FromContext(ctx))
		},
	}
	server.SetKeepAlivesEnabled(false) // a connection that waits for its next request would hold a place
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		err := server.Shutdown(limited)
		if errors.Is(err, context.DeadlineExceeded) { // of senders that are slow
			err = server.Close()
		}
		stopped <- err
	}()
	if err := server.Serve(netutil.LimitListener(listener, maxConnections)); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve webhooks: %w", err)
	}
	return <-stopped
}
