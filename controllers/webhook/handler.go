package webhook

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/expression"
	"kubeops.io/kubeops/internal/secretref"
	"kubeops.io/kubeops/internal/trigger"
)

// PathPrefix of the paths of triggers: PathPrefix + NAMESPACE/PIPELINE/TRIGGER.
const PathPrefix = "/webhooks/"

const (
	// placeTimeout is how long a delivery waits for a place.
	placeTimeout = 3 * time.Second
	// processTimeout of a delivery that has one.
	processTimeout = 5 * time.Second
	// retryAfter of a response to a delivery that found no place, in seconds.
	retryAfter = "10"
)

// Results of deliveries.
const (
	resultCreated      = "Created"
	resultDuplicate    = "Duplicate"
	resultIgnored      = "Ignored"
	resultRefused      = "Refused"
	resultNotAuthentic = "NotAuthentic"
	resultTooLarge     = "TooLarge"
	resultBusy         = "Busy"
	resultError        = "Error"
)

// Options of a Handler. All fields are required.
type Options struct {
	// Client creates runs, and lists them, possibly from a cache.
	Client client.Client
	// Reader reads Pipelines without a cache.
	Reader client.Reader
	// Secrets reads the secrets of webhooks.
	Secrets *secretref.Source
	// Expressions evaluates CEL.
	Expressions expression.Evaluator
	// Redact replaces secrets in texts that go to the status.
	Redact  func(string) string
	Metrics *Metrics
	Clock   clock.PassiveClock
}

// Handler answers deliveries. Whatever is not authentic gets the same response: who does not know the secret of a trigger learns nothing
// about it, not even whether it exists.
type Handler struct {
	Options
	places *places
	// decoy is the secret of triggers that do not exist: deliveries for them are checked, too.
	decoy string

	mutex sync.Mutex
	// recorded is when a delivery that was not authentic was recorded last, by trigger.
	recorded map[target]time.Time
}

// NewHandler with places of its own.
func NewHandler(o Options) *Handler {
	return &Handler{Options: o, places: newPlaces(), decoy: rand.Text(), recorded: map[target]time.Time{}}
}

// target of a delivery.
type target struct {
	client.ObjectKey
	trigger string
}

// response to a delivery. Those that are not authentic get its status only.
type response struct {
	status  int
	Result  string `json:"result"`
	Run     string `json:"run,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
}

func notAuthentic() response {
	return response{status: http.StatusNotFound, Result: resultNotAuthentic}
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	started := time.Now()
	answer := h.receive(request)
	h.Metrics.observe(answer.Result, time.Since(started))
	switch answer.Result {
	case resultBusy, resultError:
		w.Header().Set("Retry-After", retryAfter)
	case resultCreated, resultDuplicate, resultIgnored, resultRefused:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(answer.status)
		_ = json.NewEncoder(w).Encode(answer) // the sender may be gone
		return
	}
	w.WriteHeader(answer.status)
}

// receive reads and processes a delivery.
func (h *Handler) receive(request *http.Request) response {
	to, ok := parsePath(request.URL.Path)
	share := h.places.enter(to.Namespace)
	taken := 0
	defer func() { h.places.leave(to.Namespace, share, taken) }()
	if request.ContentLength > trigger.MaxBody {
		return response{status: http.StatusRequestEntityTooLarge, Result: resultTooLarge}
	}
	body, taken, err := h.places.read(share, request.Body)
	switch {
	case errors.Is(err, errTooLarge):
		return response{status: http.StatusRequestEntityTooLarge, Result: resultTooLarge}
	case errors.Is(err, errBusy):
		return response{status: http.StatusServiceUnavailable, Result: resultBusy}
	case err != nil, !ok, request.Method != http.MethodPost:
		return notAuthentic()
	}
	answer := response{status: http.StatusServiceUnavailable, Result: resultBusy}
	waiting, cancel := context.WithTimeout(request.Context(), placeTimeout)
	defer cancel()
	_ = h.places.process(waiting, share, func() { // without a place, it is the answer
		ctx, cancel := context.WithTimeout(request.Context(), processTimeout)
		defer cancel()
		answer = h.process(ctx, to, request.Header, body)
	})
	return answer
}

// parsePath of a delivery. The names in it are not checked.
func parsePath(path string) (target, bool) {
	rest, found := strings.CutPrefix(path, PathPrefix)
	parts := strings.Split(rest, "/")
	if !found || len(parts) != 3 {
		return target{}, false
	}
	return target{client.ObjectKey{Namespace: parts[0], Name: parts[1]}, parts[2]}, true
}

// unended counts the runs of a Pipeline that have not ended.
func (h *Handler) unended(ctx context.Context, of client.ObjectKey) (int, error) {
	list := &v1alpha1.PipelineRunList{}
	if err := h.Client.List(ctx, list, client.InNamespace(of.Namespace)); err != nil {
		return 0, err
	}
	count := 0
	for i := range list.Items {
		if run := &list.Items[i]; run.Spec.PipelineRef.Name == of.Name && !run.Status.Phase.Ended() {
			count++
		}
	}
	return count, nil
}
