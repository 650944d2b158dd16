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

// TestAReplicaIsReadyOnceItReceivesDeliveries: a rolling update stops an old replica as soon as the new one is ready.
func TestAReplicaIsReadyOnceItReceivesDeliveries(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	listening := make(chan net.Addr, 1)
	server := &webhook.Server{
		Address: "127.0.0.1:0", Listening: func(a net.Addr) { listening <- a }, Handler: http.NotFoundHandler(),
	}
	if err := server.Ready(nil); err == nil {
		t.Error("it is ready before it listens")
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Start(ctx) }()
	address := <-listening
	if err := server.Ready(nil); err != nil {
		t.Error(err)
	}
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address.String())
	if err != nil {
		t.Errorf("it is ready and refuses connections: %v", err)
	} else {
		_ = connection.Close() // that it opened is enough
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
