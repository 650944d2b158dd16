package notificationchannel

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"kubeops.io/kubeops/internal/provider/notify/webhook"
)

// event that a receiver took.
type event struct {
	Key, Type, Body string
	Data            struct{ Title, Text, Report string }
}

// receiver takes webhooks until it is told otherwise.
type receiver struct {
	url    string
	mutex  sync.Mutex
	events []event
	asked  int
	answer http.HandlerFunc
	// refuses events, which it then answers with 400; nil refuses none.
	refuses func(event) bool
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	server := httptest.NewServer(r)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	r.url = server.URL
	return r
}

// ServeHTTP takes an event, or answers as it was told to.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return // whoever sent it is gone
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.asked++
	if r.answer != nil {
		r.answer(w, request)
		return
	}
	e := event{Key: request.Header.Get(webhook.KeyHeader), Body: string(body)}
	if err := json.Unmarshal(body, &e); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if r.refuses != nil && r.refuses(e) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.events = append(r.events, e)
}

// answers with a handler from now on; nil takes events.
func (r *receiver) answers(handler http.HandlerFunc) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.answer = handler
}

// taken events since the beginning, and how often it was asked.
func (r *receiver) taken() ([]event, int) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return slices.Clone(r.events), r.asked
}

// reports that the events tell of, in their order.
func (r *receiver) reports() (names []string) {
	events, _ := r.taken()
	for _, e := range events {
		names = append(names, e.Data.Report)
	}
	return names
}
