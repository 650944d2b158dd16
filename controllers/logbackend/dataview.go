package logbackend

import (
	"context"
	"fmt"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/probe"
	"kubeops.io/kubeops/internal/problem"
)

// dataViewPart keeps the data view of Kibana or OpenSearch Dashboards, with condition DataViewReady.
func dataViewPart() probe.Part[*v1alpha1.LogBackend, *connection] {
	return probe.Part[*v1alpha1.LogBackend, *connection]{
		Condition: v1alpha1.ConditionDataViewReady,
		Wanted: func(b *v1alpha1.LogBackend) bool {
			return b.Spec.Elasticsearch != nil && b.Spec.Elasticsearch.DataView != nil
		},
		NeedsProof: true,
		Reconcile:  putDataView,
	}
}

func putDataView(ctx context.Context, scope *kind.Scope[*v1alpha1.LogBackend], c *connection) outcome.Auxiliary {
	b := scope.Object
	product, err := c.PutDataView(ctx, b)
	switch p := problem.As(err); {
	case err == nil:
		return outcome.True(v1alpha1.ReasonSucceeded, fmt.Sprintf("%s has the data view for %s", product, b.Spec.Elasticsearch.Index))
	case p != nil:
		return outcome.False(p.Reason, c.Redact(p.Message, 1024))
	default:
		return outcome.False(v1alpha1.ReasonRetrying, "unexpected error while writing the data view; see the manager's log")
	}
}
