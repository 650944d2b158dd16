package metricsbackend

import (
	"context"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/backend"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// maxShort is the length in runes of what a server tells in a word or two, such as its version.
const maxShort = 64

// probe makes the round trip and records what it found. What a server can do beside answering queries (targets, alerts) may fail
// and is then absent; only the query counts.
func probe(ctx context.Context, b *v1alpha1.MetricsBackend, opened *backends.Metrics) (message string, err error) {
	status, before := &b.Status, b.Status.DeepCopy()
	unmeasured(status)
	health, err := opened.Probe(ctx)
	if err != nil {
		return "", err
	}
	status.Version, status.Flavor = opened.Clean(health.Version, maxShort), flavor(health.Flavor)
	status.Retention = opened.Clean(health.Retention, maxShort)
	status.Capabilities = capabilities(metrics.Capabilities(opened.Provider))
	status.QueryLatency = backend.Steady(before.QueryLatency, health.QueryLatency, time.Millisecond, 5*time.Millisecond)
	if health.Freshness != nil {
		status.Freshness = backend.Steady(before.Freshness, *health.Freshness, time.Second, 15*time.Second)
	}
	if health.ActiveSeries != nil {
		status.Series = ptr.To(max(*health.ActiveSeries, 0))
	}
	if reader, can := opened.Provider.(metrics.TargetReader); can {
		if targets, err := reader.Targets(ctx); err == nil {
			status.Targets = &v1alpha1.MetricsTargets{Up: backend.Count(targets.Up), Down: backend.Count(targets.Down)}
		} else {
			absent(ctx, "targets", err)
		}
	}
	if reader, can := opened.Provider.(metrics.AlertReader); can {
		if alerts, err := reader.Alerts(ctx); err == nil {
			status.FiringAlerts = ptr.To(backend.Count(firing(alerts)))
		} else {
			absent(ctx, "alerts", err)
		}
	}
	return "queries are answered", nil
}

// alertmanager asks the Alertmanager, if there is one, whatever came of the query.
func (r *Reconciler) alertmanager(ctx context.Context, b *v1alpha1.MetricsBackend, opened *backends.Metrics) {
	if b.Spec.Alertmanager == nil {
		return
	}
	health, err := askAlertmanager(ctx, opened)
	if err != nil {
		r.aside(b, metav1.ConditionFalse, reason(err), opened.Clean(words(err), 1024))
		return
	}
	b.Status.Alertmanager = &v1alpha1.AlertmanagerStatus{
		Version: opened.Clean(health.Version, maxShort), Receivers: backend.Count(health.Receivers), Firing: backend.Count(health.Firing),
	}
	b.Status.FiringAlerts = ptr.To(backend.Count(health.Firing))
	if health.Receivers == 0 {
		r.aside(b, metav1.ConditionFalse, v1alpha1.ReasonNoReceivers, "the Alertmanager answers and its configuration names no receiver, so nobody is told of an alert")
		return
	}
	r.aside(b, metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "the Alertmanager answers and has receivers")
}

func askAlertmanager(ctx context.Context, opened *backends.Metrics) (metrics.AlertmanagerHealth, error) {
	if opened.Alertmanager != nil {
		return metrics.AlertmanagerHealth{}, opened.Alertmanager
	}
	asker, can := opened.Provider.(metrics.Alertmanager)
	if !can {
		return metrics.AlertmanagerHealth{}, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "this type of back end cannot ask an Alertmanager; take spec.alertmanager away")
	}
	return asker.ProbeAlertmanager(ctx)
}

// unmeasured takes away what only a round trip tells; what a server is stays.
func unmeasured(s *v1alpha1.MetricsBackendStatus) {
	s.QueryLatency, s.Freshness, s.Targets, s.Series, s.FiringAlerts, s.Alertmanager = nil, nil, nil, nil, nil, nil
}

func absent(ctx context.Context, what string, err error) {
	log.FromContext(ctx).V(1).Info("Not told", "what", what, "reason", reason(err))
}

func reason(err error) string {
	if p := problem.As(err); p != nil {
		return p.Reason
	}
	return v1alpha1.ReasonRetrying
}

// words of a problem of the Alertmanager: the fields that they name are its own.
func words(err error) string {
	p := problem.As(err)
	if p == nil {
		return "the Alertmanager could not be asked; the manager's log names the error"
	}
	const marked = "\x00"
	text := strings.ReplaceAll(p.Message, "spec.alertmanager.", marked)
	text = strings.NewReplacer("spec.auth", "spec.alertmanager.auth", "spec.tls", "spec.alertmanager.tls").Replace(text)
	return strings.ReplaceAll(text, marked, "spec.alertmanager.")
}

func firing(alerts []metrics.Alert) (n int) {
	for _, a := range alerts {
		if a.State == "firing" {
			n++
		}
	}
	return n
}

// flavor is one of those that the API documents.
func flavor(told string) string {
	if slices.Contains([]string{"prometheus", "thanos", "mimir", "victoriametrics", "victoriametrics-cluster"}, told) {
		return told
	}
	return "unknown"
}

func capabilities(list []string) []string {
	const most = 32
	return list[:min(len(list), most)]
}
