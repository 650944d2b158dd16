package backends

import (
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/builtin"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/secretref"
)

func TestAnswersOfLogBackendsHaveTheLimitOfTheResolver(t *testing.T) {
	types, err := builtin.Logs()
	if err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int64{0, 4 << 20} {
		for backendType, spec := range map[string]v1alpha1.LogBackendSpec{
			"loki":          {Type: "loki", Loki: &v1alpha1.LokiBackend{URL: "http://loki"}},
			"victorialogs":  {Type: "victorialogs", VictoriaLogs: &v1alpha1.VictoriaLogsBackend{URL: "http://vl"}},
			"elasticsearch": {Type: "elasticsearch", Elasticsearch: &v1alpha1.ElasticsearchBackend{URL: "http://es", Index: "logs-*"}},
		} {
			var got recorded[logs.Settings, logs.Provider]
			r := &Resolver{Secrets: &secretref.Source{}, LogTypes: record(t, types, &got), MaxLogBytes: limit}
			if _, err := r.OpenLogs(t.Context(), &v1alpha1.LogBackend{Spec: spec}); err != nil || got.settings.MaxBytes != limit {
				t.Errorf("%s: %v, %d bytes, want %d", backendType, err, got.settings.MaxBytes, limit)
			}
		}
	}
}
