package backends

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/problem"
)

// ReadMetrics reads the MetricsBackend that spec.metricsRef names, to open it. proven reports whether its controller has proven this
// generation. One that it has not reconciled yet, as when both resources are applied at once, is proven by the caller. The error is the
// problem with the name, that of the read, or the problem that the controller found.
func ReadMetrics(
	ctx context.Context, reader client.Reader, key client.ObjectKey,
) (backend *v1alpha1.MetricsBackend, proven bool, err error) {
	backend = &v1alpha1.MetricsBackend{}
	proven, err = read(ctx, reader, key, "spec.metricsRef.name", "MetricsBackend", backend)
	return backend, proven, err
}

// ReadLogs reads the LogBackend that spec.logsRef names, like ReadMetrics.
func ReadLogs(ctx context.Context, reader client.Reader, key client.ObjectKey) (backend *v1alpha1.LogBackend, proven bool, err error) {
	backend = &v1alpha1.LogBackend{}
	proven, err = read(ctx, reader, key, "spec.logsRef.name", "LogBackend", backend)
	return backend, proven, err
}

func read(ctx context.Context, reader client.Reader, key client.ObjectKey, field, kind string, backend interface {
	client.Object
	Lifecycle() v1alpha1.Lifecycle
}) (proven bool, err error) {
	if err := names.Object(field, kind, key.Name); err != nil {
		return false, err
	}
	if err := reader.Get(ctx, key, backend); err != nil {
		return false, err
	}
	status := backend.Lifecycle()
	return isProven(*status.Conditions, backend.GetGeneration(), *status.ObservedGeneration)
}

func isProven(conditions []metav1.Condition, generation, observed int64) (proven bool, err error) {
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	if ready == nil || observed != generation {
		return false, nil
	}
	if ready.Status == metav1.ConditionTrue {
		return true, nil
	}
	return false, &problem.Problem{Reason: ready.Reason, Message: ready.Message}
}
