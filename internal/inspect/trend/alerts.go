package trend

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/provider/metrics"
)

const (
	// maxAlerts that become facts; the rest is counted.
	maxAlerts = 200
	// maxRead entries of a list from the backend.
	maxRead = 20_000
	// maxSummaries and maxAlertLabels per alert.
	maxSummaries   = 3
	maxAlertLabels = 12
	// maxText and maxName are the lengths in characters to which texts and names are clipped.
	maxText = 500
	maxName = 120
	// maxRules and maxTargets that become facts.
	maxRules   = 50
	maxTargets = 50
)

// alerts reads the alerts, targets and rules of the backend.
func (r *reader) alerts(ctx context.Context) {
	alerts := &facts.Alerts{Backend: r.in.Backend}
	r.in.Graph.SetAlerts(alerts)
	if r.wants(facts.SourceAlerts) {
		r.firing(ctx, alerts)
	}
	if r.wants(facts.SourceTargets) {
		r.targets(ctx, alerts)
	}
	if r.wants(facts.SourceRules) {
		r.rules(ctx, alerts)
	}
}

// heartbeats are alerts that always fire, or that only inhibit others.
func heartbeats() []string {
	return []string{"Watchdog", "InfoInhibitor", "DeadMansSwitch", "DeadMansSnitch", "DeadManSwitch"}
}

func (r *reader) firing(ctx context.Context, alerts *facts.Alerts) {
	active, ok := r.activeAlerts(ctx)
	if !ok {
		return
	}
	r.in.Graph.Provide(facts.SourceAlerts)
	type key struct {
		name   string
		object facts.Ref
	}
	known := map[key]*facts.FiringAlert{}
	read := 0
	for _, a := range active {
		if a.State != "firing" || a.Name == "" || slices.Contains(heartbeats(), a.Name) || r.elsewhere(a.Labels) {
			continue
		}
		object, ok := r.about(a.Labels)
		if !ok {
			continue
		}
		if read++; read > maxRead { // alerts about others do not count
			break
		}
		k := key{facts.Clip(a.Name, maxName), object}
		more := r.moreLabels(object, a.Labels)
		severity := r.severity(a.Labels)
		alert := known[k]
		if alert == nil {
			alert = &facts.FiringAlert{Name: k.name, Object: object, Severity: severity, Labels: more}
			known[k] = alert
		}
		alert.Count++
		if severityRank(severity) < severityRank(alert.Severity) {
			alert.Severity = severity
		}
		valid := !a.Since.IsZero() && !a.Since.After(r.in.Graph.Now)
		if valid && (alert.Since.IsZero() || a.Since.Before(alert.Since)) {
			alert.Since = a.Since
		}
		if slices.Compare(more, alert.Labels) < 0 {
			alert.Labels = more
		}
		alert.Summaries = firstN(merged(alert.Summaries, compact([]string{r.summary(a.Annotations)})), maxSummaries)
	}
	for _, alert := range known {
		alert.Severity = facts.Clip(alert.Severity, maxName)
		alerts.Firing = append(alerts.Firing, *alert)
	}
	r.keepMostSevere(alerts)
}

// keepMostSevere sorts the alerts and keeps maxAlerts of them.
func (r *reader) keepMostSevere(alerts *facts.Alerts) {
	slices.SortFunc(alerts.Firing, func(a, b facts.FiringAlert) int {
		bySeverity := cmp.Compare(severityRank(a.Severity), severityRank(b.Severity))
		return cmp.Or(bySeverity, a.Object.Compare(b.Object), strings.Compare(a.Name, b.Name))
	})
	if n := len(alerts.Firing); n > maxAlerts {
		alerts.Firing = alerts.Firing[:maxAlerts]
		alerts.More = n - maxAlerts
		r.gap(facts.Gap{
			Source: "metrics: alerts", Checks: r.checksRequiring(facts.SourceAlerts), Reason: v1alpha1.GapIncomplete,
			Message:     fmt.Sprintf("Only the %d most severe alerts are reported; %d more are firing.", maxAlerts, alerts.More),
			Remediation: "See the remaining alerts in Alertmanager, and remove or tune alerts that fire permanently.",
		})
	}
}

// firstN returns the first n elements of a list, or all if there are fewer.
func firstN(list []string, n int) []string { return list[:min(len(list), n)] }

// activeAlerts returns the alerts that the backend lists, or else those in its series ALERTS.
func (r *reader) activeAlerts(ctx context.Context) ([]metrics.Alert, bool) {
	if lister, ok := r.in.Provider.(metrics.AlertReader); ok {
		active, err := lister.Alerts(ctx)
		if tooMuch(err) && !r.scope.Whole() { // the API cannot be asked for some namespaces, so others' alerts may be too many
			return r.recordedAlerts(ctx)
		}
		if err != nil { // alerts that were returned with the error are still used
			r.addErrorGap(err, "alerts", r.checksRequiring(facts.SourceAlerts))
		}
		return active, err == nil || len(active) > 0
	}
	return r.recordedAlerts(ctx)
}

// recordedAlerts returns the alerts in the series ALERTS, of the namespaces to read.
func (r *reader) recordedAlerts(ctx context.Context) ([]metrics.Alert, bool) {
	var selectors []string
	within := r.scope.Everywhere()
	for _, label := range []string{"namespace", "exported_namespace"} {
		matcher := r.matcher(label, within.Names)
		if r.scope.Whole() {
			matcher = r.matcher("", nil)
		}
		selectors = append(selectors, `ALERTS{alertstate="firing"`+comma(matcher)+"}")
	}
	if within.Empty() {
		return nil, true
	}
	recorded, ok := r.instant(ctx, "alerts", r.checksRequiring(facts.SourceAlerts), strings.Join(compact(selectors), " or "))
	active := make([]metrics.Alert, 0, len(recorded))
	for _, sample := range recorded {
		active = append(active, metrics.Alert{Name: sample.Labels["alertname"], Labels: sample.Labels, State: "firing"})
	}
	return active, ok
}

// about returns the object of an alert or target that the run read, or the backend if the labels name none and the run read the whole
// cluster. It is false for all others, which belong to someone else.
func (r *reader) about(labels metrics.Labels) (facts.Ref, bool) {
	if object, ok := r.scope.Object(labels); ok {
		return object, true
	}
	return r.in.Backend, r.scope.Unattached(labels) && !r.in.Backend.IsZero()
}

// elsewhere reports whether labels belong to another cluster. Alerts and targets may lack the labels that distinguish clusters.
func (r *reader) elsewhere(labels map[string]string) bool {
	for name, value := range r.in.MatchLabels {
		if other, ok := labels[name]; ok && other != value {
			return true
		}
	}
	return false
}

// unknownSeverity is the rank of values that are not common ones.
const unknownSeverity = 4

// severityRank orders values of the label severity, the most severe first.
func severityRank(label string) int {
	switch strings.ToLower(label) {
	case "critical", "page", "emergency", "fatal", "disaster":
		return 0
	case "high", "error", "major":
		return 1
	case "warning", "warn", "medium":
		return 2
	case "", "minor", "low":
		return 3
	case "info", "information", "none", "debug":
		return 5
	default:
		return unknownSeverity
	}
}

// severity returns the severity label. Unless the run read the whole cluster, it is empty for a value that is not a common one, as
// the label may have any text.
func (r *reader) severity(labels metrics.Labels) string {
	text := labels["severity"]
	if severityRank(text) == unknownSeverity && !r.scope.Whole() {
		return ""
	}
	return text
}

// summary returns the describing annotation of an alert. It is empty unless the run read the whole cluster: annotations are texts that
// the rule's author composes of any label and any query, and no check of the text finds out whom it is about.
func (r *reader) summary(annotations map[string]string) string {
	if !r.scope.Whole() {
		return ""
	}
	for _, name := range []string{"summary", "message", "description"} {
		if text := strings.TrimSpace(annotations[name]); text != "" {
			return facts.Clip(text, maxText)
		}
	}
	return ""
}

// moreLabels returns the labels that distinguish the series of an object's alert, without its name and severity.
func (r *reader) moreLabels(object facts.Ref, labels metrics.Labels) []string {
	var more []string
	for _, label := range r.scope.Shown(object, labels) {
		switch name, _, _ := strings.Cut(label, "="); name {
		case "alertname", "severity", "alertstate", "__name__", "prometheus", "endpoint", "uid":
		default:
			more = append(more, facts.Clip(label, maxName))
		}
	}
	slices.Sort(more)
	return more[:min(len(more), maxAlertLabels)]
}
