package logbackend

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/problem"
)

func wantsDataView(b *v1alpha1.LogBackend) bool {
	return b.Spec.Elasticsearch != nil && b.Spec.Elasticsearch.DataView != nil
}

// dataView keeps the data view of a back end that was just proven, and says so beside Ready: without it logs are as good as before.
func (r *Reconciler) dataView(ctx context.Context, b *v1alpha1.LogBackend, opened *backends.Logs) {
	if !wantsDataView(b) {
		return
	}
	conditions := r.ConditionsOf(subject(b))
	product, err := opened.PutDataView(ctx, b)
	switch p := problem.As(err); {
	case err == nil:
		conditions.Aside(v1alpha1.ConditionDataViewReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded,
			fmt.Sprintf("%s has the data view for %s", product, b.Spec.Elasticsearch.Index))
	case p != nil:
		conditions.Aside(v1alpha1.ConditionDataViewReady, metav1.ConditionFalse, p.Reason, opened.Clean("spec.elasticsearch.dataView: "+p.Message, maxMessage))
	default:
		conditions.Aside(v1alpha1.ConditionDataViewReady, metav1.ConditionFalse, v1alpha1.ReasonRetrying, "the data view could not be made; the manager's log names the error")
	}
}

// maxMessage of a condition, in runes.
const maxMessage = 1024
