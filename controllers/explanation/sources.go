package explanation

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/explain/tools"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/redact"
)

// sources are the backends of the spec and the earlier reports, for the tools of a model. A backend that is not Ready or cannot be opened
// has no tool: its own conditions say why. closeAll closes what was opened.
func (l *logic) sources(ctx context.Context, inspection *v1alpha1.Inspection, history tools.History) (s tools.Sources, closeAll func()) {
	s.History = history
	if usage := inspection.Spec.Usage; usage != nil {
		s.MatchLabels = usage.MatchLabels
	}
	opened, err := l.openMetrics(ctx, inspection)
	if err != nil {
		log.FromContext(ctx).Info("The model reads no metrics", "error", err.Error())
	}
	s.Metrics = opened
	if redactor, err := redact.New(redact.Options{}); err == nil {
		s.Redact = redactor.Text
	}
	lines, err := l.openLogs(ctx, inspection)
	if err != nil {
		log.FromContext(ctx).Info("The model reads no log backend", "error", err.Error())
	}
	s.Logs = lines
	return s, func() {
		if opened != nil {
			opened.Close()
		}
		if lines != nil {
			lines.Close()
		}
	}
}

// openMetrics opens the MetricsBackend of the spec. It is nil without one, and for one that is suspended or not proven yet.
func (l *logic) openMetrics(ctx context.Context, inspection *v1alpha1.Inspection) (metrics.Provider, error) {
	ref := inspection.Spec.MetricsRef
	if ref == nil {
		return nil, nil //nolint:nilnil // stated above
	}
	backend, proven, err := backends.ReadMetrics(ctx, l.Reader, client.ObjectKey{Namespace: inspection.Namespace, Name: ref.Name})
	if err != nil || !proven || backend.Spec.Suspend {
		return nil, err
	}
	opened, err := l.backends.OpenMetrics(ctx, backend)
	if err != nil {
		return nil, err
	}
	return opened.Provider, nil
}

// openLogs opens the LogBackend of the spec for the lines of this cluster, like openMetrics.
func (l *logic) openLogs(ctx context.Context, inspection *v1alpha1.Inspection) (logs.Provider, error) {
	ref := inspection.Spec.LogsRef
	if ref == nil {
		return nil, nil //nolint:nilnil // stated above
	}
	backend, proven, err := backends.ReadLogs(ctx, l.Reader, client.ObjectKey{Namespace: inspection.Namespace, Name: ref.Name})
	if err != nil || !proven || backend.Spec.Suspend {
		return nil, err
	}
	opened, err := l.backends.OpenLogs(ctx, backend)
	if err != nil {
		return nil, err
	}
	return logs.Only(opened.Provider, inspection.Spec.LogLabels), nil
}
