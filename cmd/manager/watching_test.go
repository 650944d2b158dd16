package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	"k8s.io/client-go/rest"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestWatchesWaitForAnAPIServerThatIsAway(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		tries  int32
	}{
		"a connection that is refused":  {errors.New("connection refused"), 0, 4},
		"a proxy without an API server": {nil, http.StatusServiceUnavailable, 4},
		"a bad gateway":                 {nil, http.StatusBadGateway, 4},
		"a refusal":                     {nil, http.StatusForbidden, 1},
		"too many requests":             {nil, http.StatusTooManyRequests, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var tries atomic.Int32
			waiting := &patient{interval: time.Millisecond, logger: testr.New(t), next: roundTrip(func(*http.Request) (*http.Response, error) {
				status := c.status
				switch {
				case tries.Add(1) == 4:
					status = http.StatusOK
				case c.err != nil:
					return nil, c.err
				}
				return &http.Response{StatusCode: status, Body: http.NoBody}, nil
			})}
			request := httptest.NewRequest(http.MethodGet, "http://api/", http.NoBody)
			response, err := waiting.RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close() // there is none
			if got := tries.Load(); got != c.tries {
				t.Errorf("%d requests, want %d", got, c.tries)
			}
			if waiting.away.Load() {
				t.Error("the API server is still said to be away")
			}
		})
	}
}

func TestWatchesThatWaitEndWithTheManager(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	client, err := watchClient(&rest.Config{Host: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	if client == http.DefaultClient {
		t.Fatal("the default client waits for an API server")
	}
	waiting := client.Transport.(*patient)
	waiting.interval = time.Hour
	refused := waiting.next
	waiting.next = roundTrip(func(r *http.Request) (*http.Response, error) {
		response, err := refused.RoundTrip(r)
		cancel()
		return response, err
	})
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:1/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err == nil {
		_ = response.Body.Close() // of a failed test
	}
	if err == nil || t.Context().Err() != nil {
		t.Errorf("%v, %v", err, t.Context().Err())
	}
}
