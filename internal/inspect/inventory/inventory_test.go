package inventory

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/collect"
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
	_, missing := Read(t.Context(), collect.Source{Cluster: v1alpha1.LocalCluster, Config: &rest.Config{Host: server.URL, Timeout: 30 * time.Second}},
		time.Now())
	for _, what := range []string{"nodes (one object exceeds 8 MiB)", "pods (one object exceeds 8 MiB)"} {
		if !strings.Contains(strings.Join(missing, ", "), what) {
			t.Errorf("%q does not contain %s", missing, what)
		}
	}
}
