package backends

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/builtin"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// busyPrometheus holds every query until the test ends, and tells of each that arrives.
func busyPrometheus(t *testing.T) (url string, arrived <-chan struct{}) {
	t.Helper()
	queries, ended := make(chan struct{}, 16), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		queries <- struct{}{}
		select {
		case <-ended:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() { close(ended); server.Close() })
	return server.URL, queries
}

func TestAllWhoReadAMetricsBackendKeepToItsBudgetTogether(t *testing.T) {
	registry, err := builtin.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	url, arrived := busyPrometheus(t)
	shared := &Resolver{Secrets: (&cluster{}).start(t, "kubeops"), MetricsTypes: registry, Egress: provider.Egress{AllowLoopback: true},
		Queries: &Queries{}}
	alone := *shared
	alone.Queries = nil

	// ask sends a query as a client of its own, until ctx ends.
	ask := func(ctx context.Context, r *Resolver, uid types.UID, concurrent int32) error {
		opened, err := r.OpenMetrics(ctx, &v1alpha1.MetricsBackend{
			ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "b", UID: uid},
			Spec: v1alpha1.MetricsBackendSpec{
				Type: "prometheus", Prometheus: &v1alpha1.PrometheusBackend{URL: url}, QueryBudget: &v1alpha1.QueryBudget{MaxConcurrent: concurrent},
			},
		})
		if err != nil {
			return err
		}
		defer opened.Close()
		_, err = opened.Query(ctx, "up", time.Time{})
		return err
	}
	holding, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- ask(holding, shared, "1", 1) }()
	<-arrived

	for _, tc := range []struct { // in this order: the last two begin anew
		name       string
		resolver   *Resolver
		uid        types.UID
		concurrent int32
		waits      bool
	}{
		{"another client of the same", shared, "1", 1, true},
		{"a client that shares with nobody", &alone, "1", 1, false},
		{"more allowed since", shared, "1", 2, false},
		{"another MetricsBackend of that name", shared, "2", 1, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, stop := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer stop()
			p := problem.As(ask(ctx, tc.resolver, tc.uid, tc.concurrent))
			waited := p != nil && p.Reason == v1alpha1.ReasonBudgetExceeded && strings.Contains(p.Message, "maxConcurrent")
			if sent := len(arrived) > 0; waited != tc.waits || sent == tc.waits {
				t.Errorf("waited: %t, sent: %t, problem %v", waited, sent, p)
			}
			for len(arrived) > 0 {
				<-arrived
			}
		})
	}
	cancel()
	if err := <-ended; err == nil {
		t.Error("the query that was held has an answer")
	}
}

func TestSlotsOfBackendsThatAreNotOpenedAnyMoreAreForgotten(t *testing.T) {
	queries := &Queries{}
	open := func(name string) metrics.Slots {
		return queries.Slots(&v1alpha1.MetricsBackend{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name}}, metrics.Budget{})
	}
	used := open("used")
	open("deleted")
	key := client.ObjectKey{Namespace: "team", Name: "deleted"}
	old := queries.taken[key]
	old.opened = time.Now().Add(-keepSlots - time.Second)
	queries.taken[key] = old
	open("new")
	if _, kept := queries.taken[key]; kept || len(queries.taken) != 2 || open("used") != used {
		t.Errorf("slots are kept of %v", slices.Collect(maps.Keys(queries.taken)))
	}
}
