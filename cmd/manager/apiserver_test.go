package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/internal/testkit/servers"
)

func TestTheManagerWaitsForAnAPIServerThatDoesNotAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		codes []int
		want  int64
	}{
		"answers at once":        {[]int{http.StatusOK}, 1},
		"is starting":            {[]int{http.StatusServiceUnavailable, http.StatusInternalServerError, http.StatusOK}, 3},
		"is behind a busy proxy": {[]int{http.StatusBadGateway, http.StatusTooManyRequests, http.StatusOK}, 3},
		"refuses the token":      {[]int{http.StatusUnauthorized}, 1},
		"refuses the account":    {[]int{http.StatusForbidden}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				n := requests.Add(1)
				w.WriteHeader(c.codes[min(int(n), len(c.codes))-1])
			}))
			defer server.Close()
			if err := waitForAPIServer(t.Context(), &rest.Config{Host: server.URL}, time.Millisecond, logr.Discard()); err != nil {
				t.Fatal(err)
			}
			if got := requests.Load(); got != c.want {
				t.Errorf("%d requests, want %d", got, c.want)
			}
		})
	}
}

func TestASignalEndsTheWaitForTheAPIServer(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	unreachable := &rest.Config{Host: "http://" + servers.FreeAddress(t)}
	go func() { ended <- waitForAPIServer(ctx, unreachable, time.Millisecond, logr.Discard()) }()
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it still waits")
	}
}
