package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime"
	"time"

	"github.com/go-logr/logr"
)

// memoryProfileRate is the default of Go: one allocation of each 512 KiB is recorded.
const memoryProfileRate = 512 << 10

// profiles serves net/http/pprof on a loopback address, in every replica. Profiles have names of functions, and no data.
type profiles struct {
	address string
	logger  logr.Logger
	// listening gets the address once it is known; nil for no one.
	listening chan<- net.Addr
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (p *profiles) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable. The manager goes on if the address is taken: profiles are no part of its work.
func (p *profiles) Start(ctx context.Context) error {
	runtime.MemProfileRate = memoryProfileRate
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", p.address)
	if err != nil {
		p.logger.Error(err, "Profiles are not served; change profiling.bindAddress")
		return nil
	}
	if p.listening != nil {
		p.listening <- listener.Addr()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	// No deadline of a response: a profile takes the time that it is asked for.
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	go func() {
		<-ctx.Done()
		_ = server.Close() // a profile that is being taken has no use any more
	}()
	p.logger.Info("Serving profiles", "address", listener.Addr().String())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve profiles: %w", err)
	}
	return nil
}
