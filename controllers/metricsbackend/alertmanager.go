package metricsbackend

import (
	"context"

	"k8s.io/utils/ptr"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/probe"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// alertmanagerPart probes the Alertmanager of the spec, whatever the result of the query, with condition AlertmanagerReady.
func alertmanagerPart() probe.Part[*v1alpha1.MetricsBackend, *backends.Metrics] {
	return probe.Part[*v1alpha1.MetricsBackend, *backends.Metrics]{
		Condition: v1alpha1.ConditionAlertmanagerReady,
		Wanted:    func(b *v1alpha1.MetricsBackend) bool { return b.Spec.Alertmanager != nil },
		Reconcile: probeAlertmanager,
		NotProbed: func(err error) outcome.Auxiliary {
			return outcome.Unknown(probe.Reason(err), "not probed, because the credentials of the backend could not be read; see Ready")
		},
	}
}

func probeAlertmanager(ctx context.Context, scope *kind.Scope[*v1alpha1.MetricsBackend], c *backends.Metrics) outcome.Auxiliary {
	health, err := alertmanagerHealth(ctx, c)
	if err != nil {
		return outcome.False(probe.Reason(err), c.Redact(alertmanagerMessage(err), 1024))
	}
	status := &scope.Object.Status
	status.Alertmanager = &v1alpha1.AlertmanagerStatus{
		Version: c.Redact(health.Version, maxShort), Receivers: probe.Count(health.Receivers), Firing: probe.Count(health.Firing),
	}
	status.FiringAlerts = ptr.To(probe.Count(health.Firing))
	if health.Receivers == 0 {
		return outcome.False(v1alpha1.ReasonNoReceivers,
			"the Alertmanager has no receivers, so alerts notify no one; add a receiver to its configuration")
	}
	return outcome.True(v1alpha1.ReasonSucceeded, "the Alertmanager answers and has receivers")
}

func alertmanagerHealth(ctx context.Context, c *backends.Metrics) (metrics.AlertmanagerHealth, error) {
	if c.Alertmanager != nil {
		return metrics.AlertmanagerHealth{}, c.Alertmanager
	}
	prober, can := c.Provider.(metrics.Alertmanager)
	if !can {
		return metrics.AlertmanagerHealth{}, problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
			"backends of this type have no Alertmanager; remove spec.alertmanager")
	}
	return prober.ProbeAlertmanager(ctx)
}

// alertmanagerMessage is the message of a problem of the Alertmanager.
func alertmanagerMessage(err error) string {
	if p := problem.As(err); p != nil {
		return p.Message
	}
	return "unexpected error while probing the Alertmanager; see the manager's log"
}
