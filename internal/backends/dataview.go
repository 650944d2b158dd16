package backends

import (
	"context"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/visual"
)

// PutDataView makes the data view that spec.elasticsearch.dataView asks for, with the credentials and certificates of the back
// end, and returns the product that has it. It goes by the flavor and version in the status. Errors are problems.
func (l *Logs) PutDataView(ctx context.Context, b *v1alpha1.LogBackend) (visual.DashboardsProduct, error) {
	wanted := b.Spec.Elasticsearch.DataView
	product := visual.ProductFor(b.Status.Flavor, b.Status.Version)
	client, err := provider.NewClient(at(l.endpoint, wanted.URL), provider.Options{
		Type: "dashboards", Limits: provider.Limits{Timeout: b.Spec.RequestTimeout(), MaxBytes: maxDataView}, Egress: l.egress, Metrics: l.telemetry,
	})
	if err != nil {
		return product, err
	}
	defer client.Close()
	view := visual.DataView{
		ID: provider.ShortName("kubeops-"+b.Namespace+"-"+b.Name, 63), Name: "KubeOps " + b.Namespace + "/" + b.Name,
		Pattern: b.Spec.Elasticsearch.Index, TimeField: timeField(b),
	}
	return product, view.Put(ctx, client, product)
}

// maxDataView bounds an answer: a data view lists all fields of its indices.
const maxDataView = 8 << 20

func timeField(b *v1alpha1.LogBackend) string {
	if fields := b.Spec.Fields; fields != nil && fields.Time != "" {
		return fields.Time
	}
	return "@timestamp"
}
