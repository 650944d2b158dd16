package inventory

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/provider"
)

func TestWhatIsMissingNamesTheLimitThatAResponseExceeds(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, err := io.WriteString(w, `{"apiVersion":"v1","kind":"List","metadata":{},"items":[{"metadata":{"name":"`)
		for err == nil && r.Context().Err() == nil {
			_, err = io.WriteString(w, strings.Repeat("a", 64<<10))
		}
	}))
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	config := &rest.Config{Host: server.URL, Timeout: 30 * time.Second}
	shared := rest.CopyConfig(config)
	memory := provider.NewResponseMemory(2 << 20)
	shared.Wrap(func(next http.RoundTripper) http.RoundTripper { return bounded{next, memory.For("shop")} })
	for want, config := range map[string]*rest.Config{
		"one object exceeds 4 MiB": config, "one response exceeds the memory that backends.responseMemory leaves to a namespace": shared,
	} {
		_, missing := Read(t.Context(), collect.Source{Cluster: v1alpha1.LocalCluster, Config: config}, time.Now())
		for _, what := range []string{"nodes", "pods"} {
			if !slices.Contains(missing, what+" ("+want+")") {
				t.Errorf("%q does not contain %s (%s)", missing, what, want)
			}
		}
	}
}

// bounded responses share a memory, as those of connections to clusters do.
type bounded struct {
	next   http.RoundTripper
	memory *provider.ResponseShare
}

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := b.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	return response, provider.BoundResponse(response, 32<<20, b.memory)
}
