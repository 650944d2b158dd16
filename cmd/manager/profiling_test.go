package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/go-logr/logr"
)

func TestProfilesAreServedUntilTheManagerStops(t *testing.T) {
	listening := make(chan net.Addr, 1)
	p := &profiles{address: "127.0.0.1:0", logger: logr.Discard(), listening: listening}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Start(ctx) }()
	address := (<-listening).String()
	for path, part := range map[string]string{"/debug/pprof/": "goroutine", "/debug/pprof/goroutine?debug=1": "goroutine profile"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(content), part) {
			t.Errorf("%s: %s, %v", path, response.Status, err)
		}
	}
	// A second one finds the address taken, and does not end the manager.
	if err := (&profiles{address: address, logger: logr.Discard()}).Start(t.Context()); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
