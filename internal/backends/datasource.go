package backends

import (
	"net/http"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/visual"
)

// DataSource of Grafana that leads where KubeOps asks, too. It holds credentials.
func (m *Metrics) DataSource(b *v1alpha1.MetricsBackend) *visual.DataSource {
	source := &visual.DataSource{
		Namespace: b.Namespace, Name: b.Name, Type: visual.PluginType(string(b.Spec.Type), b.Status.Flavor), Endpoint: m.endpoint,
	}
	if vm := b.Spec.VictoriaMetrics; vm != nil && vm.SelectURL != "" {
		tenant := vm.Tenant
		if tenant == "" {
			tenant = "0"
		}
		source.Endpoint.URL = strings.TrimSuffix(source.Endpoint.URL, "/") + "/select/" + tenant + "/prometheus"
	}
	return source
}

// DataSource of Grafana that leads where KubeOps asks, too. It holds credentials.
func (l *Logs) DataSource(b *v1alpha1.LogBackend) *visual.DataSource {
	source := &visual.DataSource{
		Namespace: b.Namespace, Name: b.Name, Type: visual.PluginType(string(b.Spec.Type), b.Status.Flavor), Endpoint: l.endpoint,
	}
	switch {
	case b.Spec.Elasticsearch != nil:
		source.Index, source.TimeField = b.Spec.Elasticsearch.Index, timeField(b)
		if fields := b.Spec.Fields; fields != nil {
			source.MessageField, source.LevelField = fields.Message, fields.Level
		}
	case b.Spec.Loki != nil && b.Spec.Loki.Tenant != "":
		source.Endpoint.Header = http.Header{"X-Scope-OrgID": {b.Spec.Loki.Tenant}}
	case b.Spec.VictoriaLogs != nil && b.Spec.VictoriaLogs.Tenant != "":
		account, project, both := strings.Cut(b.Spec.VictoriaLogs.Tenant, ":")
		if !both {
			project = "0"
		}
		source.Endpoint.Header = http.Header{"AccountID": {account}, "ProjectID": {project}}
	}
	return source
}
