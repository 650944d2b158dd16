package inspection

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// queriesOf a real Prometheus are those that a proxy before it has seen.
func queriesOf(t *testing.T) (address string, queries func() []string) {
	t.Helper()
	prometheus, _ := servers.Prometheus(t, servers.PrometheusOptions{})
	target, err := url.Parse(prometheus)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	var mutex sync.Mutex
	var sent []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		form, err := url.ParseQuery(string(body))
		if err != nil {
			t.Error(err)
		}
		mutex.Lock()
		sent = append(sent, form.Get("query"), r.URL.Query().Get("query"))
		mutex.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []string {
		mutex.Lock()
		defer mutex.Unlock()
		return slices.Clone(sent)
	}
}

// One backend has the metrics of all clusters. Each process that reads a cluster selects its series.
func TestMetricsOfAClusterAreSelectedByItsLabels(t *testing.T) {
	remote := testkit.NewCluster(t)
	w := newWorld(t)
	w.Account()
	address, queries := queriesOf(t)
	w.Create(&v1alpha1.MetricsBackend{ObjectMeta: w.Meta("all"), Spec: v1alpha1.MetricsBackendSpec{
		Type: v1alpha1.MetricsBackendPrometheus, Prometheus: &v1alpha1.PrometheusBackend{URL: address},
	}})
	r := w.reconciler(func(s *setup) {
		w.connected(s.env.Clusters, "one", "test", remote.Config)
		w.connected(s.env.Clusters, "two", "production", remote.Config)
		inChild(w, "engine")(s)
	})
	w.Inspection(v1alpha1.InspectionSpec{
		Namespaces: []string{"default"}, MetricsRef: &v1alpha1.LocalReference{Name: "all"},
		Clusters: &v1alpha1.ClusterSelection{Selector: &metav1.LabelSelector{}},
		Usage: &v1alpha1.UsageSettings{MatchLabels: map[string]string{
			"cluster": "$(cluster.name)", "stage": "$(cluster.labels.environment)",
		}},
	})
	w.Settle(r)
	report := w.Newest()
	if len(report.Clusters) != 2 {
		t.Fatalf("clusters %+v", report.Clusters)
	}
	all := strings.Join(queries(), "\n")
	for name, stage := range map[string]string{"one": "test", "two": "production"} {
		if want := fmt.Sprintf(`cluster="%s",stage="%s"`, name, stage); !strings.Contains(all, want) {
			t.Errorf("no query has %s; gaps %+v", want, report.Gaps)
		}
	}
	if strings.Contains(all, "$(") {
		t.Errorf("a variable was not replaced: %s", all)
	}
}
