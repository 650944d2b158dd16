package webhook_test

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"kubeops.io/kubeops/controllers/webhook"
)

func TestADeliveryInProgressEndsAfterTheManagerIsStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	address := make(chan net.Addr, 1)
	ended := make(chan error, 1)
	server := &webhook.Server{
		Address: "127.0.0.1:0", Listening: func(a net.Addr) { address <- a },
		Handler: http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
			stop()
			select {
			case <-request.Context().Done(): // as requests to the API server see it
				w.WriteHeader(http.StatusServiceUnavailable)
			case <-time.After(200 * time.Millisecond):
				w.WriteHeader(http.StatusAccepted)
			}
		}),
	}
	go func() { ended <- server.Start(ctx) }()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+(<-address).String(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close() // the status says enough
	if response.StatusCode != http.StatusAccepted {
		t.Errorf("a delivery in progress: %s", response.Status)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
