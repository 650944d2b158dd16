package main

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
)

// watchClient is the client of the cache. Its watches last as long as the manager, and each would keep a window of 40 KiB to decompress the
// few and small events of its kind.
func watchClient(cluster *rest.Config) (*http.Client, error) {
	uncompressed := rest.CopyConfig(cluster)
	uncompressed.DisableCompression = true
	shared, err := rest.HTTPClientFor(uncompressed)
	if err != nil {
		return nil, err
	}
	own := *shared // it can be the default client of this process
	next := own.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	own.Transport = &patient{next: next, interval: apiServerInterval, logger: ctrl.Log.WithName("watches")}
	return &own, nil
}

// patient is a transport of watches and lists whose requests wait while the API server is away. Those that fail instead are sent again by
// client-go after a time that doubles up to 30 to 60 s: as long, changes would not be seen once the API server is back, also by a replica
// that waits for the Lease meanwhile, since its indexes are watches as well.
type patient struct {
	next http.RoundTripper
	// interval between two attempts, at least; at most twice as much.
	interval time.Duration
	logger   logr.Logger
	away     atomic.Bool
}

// WrappedRoundTripper implements net.RoundTripperWrapper of apimachinery.
func (p *patient) WrappedRoundTripper() http.RoundTripper { return p.next }

// RoundTrip implements http.RoundTripper.
func (p *patient) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx := request.Context()
	for {
		response, err := p.next.RoundTrip(request)
		gone := err != nil || response.StatusCode == http.StatusBadGateway || response.StatusCode == http.StatusServiceUnavailable
		switch {
		case !gone:
			if p.away.CompareAndSwap(true, false) {
				p.logger.Info("The API server answers again")
			}
			return response, nil
		case ctx.Err() != nil, request.Body != nil && request.Body != http.NoBody:
			return response, err
		}
		p.say(request, response, err)
		if response != nil {
			_ = response.Body.Close() // of an error
		}
		if err := p.pause(ctx); err != nil {
			return nil, err
		}
	}
}

// say once that the API server is away.
func (p *patient) say(request *http.Request, response *http.Response, err error) {
	if !p.away.CompareAndSwap(false, true) {
		return
	}
	text := ""
	if err != nil {
		text = err.Error()
	} else {
		text = response.Status
	}
	p.logger.Info("The API server does not answer; changes of resources are not seen until it does", "host", request.URL.Host,
		"error", text)
}

func (p *patient) pause(ctx context.Context) error {
	timer := time.NewTimer(p.interval + rand.N(p.interval)) //nolint:gosec // spreads requests
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
