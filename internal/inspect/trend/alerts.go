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
	for _, a := range active[:min(len(active), maxRead)] {
		if a.State != "firing" || a.Name == "" || slices.Contains(heartbeats(), a.Name) || r.elsewhere(a.Labels) {
			continue
		}
		object, ok := r.about(a.Labels)
		if !ok {
			continue
		}
		k := key{facts.Clip(a.Name, maxName), object}
		alert := known[k]
		if alert == nil {
			alert = &facts.FiringAlert{Name: k.name, Object: object, Severity: a.Labels["severity"], Labels: moreLabels(a.Labels)}
			known[k] = alert
		}
		alert.Count++
		if severityRank(a.Labels["severity"]) < severityRank(alert.Severity) {
			alert.Severity = a.Labels["severity"]
		}
		valid := !a.Since.IsZero() && !a.Since.After(r.in.Graph.Now)
		if valid && (alert.Since.IsZero() || a.Since.Before(alert.Since)) {
			alert.Since = a.Since
		}
		if more := moreLabels(a.Labels); slices.Compare(more, alert.Labels) < 0 {
			alert.Labels = more
		}
		alert.Summaries = firstN(merged(alert.Summaries, compact([]string{summary(a.Annotations)})), maxSummaries)
	}
	for _, alert := range known {
		alert.Severity = facts.Clip(alert.Severity, maxName)
		alerts.Firing = append(alerts.Firing, *alert)
	}
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
		if err != nil { // alerts that were returned with the error are still used
			r.addErrorGap(err, "alerts", r.checksRequiring(facts.SourceAlerts))
		}
		return active, err == nil || len(active) > 0
	}
	recorded, ok := r.instant(ctx, "alerts", r.checksRequiring(facts.SourceAlerts),
		`ALERTS{alertstate="firing"`+comma(r.matcher("", nil))+"}")
	active := make([]metrics.Alert, 0, len(recorded))
	for _, sample := range recorded {
		active = append(active, metrics.Alert{Name: sample.Labels["alertname"], Labels: sample.Labels, State: "firing"})
	}
	return active, ok
}

// about returns the object of an alert or target, or the backend if the labels name none. It is false for an object outside the
// inspected namespaces, including cluster-scoped objects if only some namespaces are inspected.
func (r *reader) about(labels metrics.Labels) (facts.Ref, bool) {
	if object, ok := r.labeled.Object(labels); ok {
		return object, len(r.in.Namespaces) == 0 || slices.Contains(r.in.Namespaces, object.Namespace)
	}
	return r.in.Backend, len(r.in.Namespaces) == 0 && !r.in.Backend.IsZero()
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
		return 4
	}
}

// summary returns the shortest describing annotation of an alert.
func summary(annotations map[string]string) string {
	for _, name := range []string{"summary", "message", "description"} {
		if text := strings.TrimSpace(annotations[name]); text != "" {
			return facts.Clip(text, maxText)
		}
	}
	return ""
}

// moreLabels returns the labels that distinguish the series of an alert, without its name and severity.
func moreLabels(labels metrics.Labels) []string {
	var more []string
	for name, value := range labels {
		switch name {
		case "alertname", "severity", "alertstate", "__name__", "prometheus", "endpoint", "uid":
		default:
			more = append(more, facts.Clip(name+"="+value, maxName))
		}
	}
	slices.Sort(more)
	return more[:min(len(more), maxAlertLabels)]
}

// targets reads the scrape targets that are down.
func (r *reader) targets(ctx context.Context, alerts *facts.Alerts) {
	down, all, ok := r.downTargets(ctx)
	if !ok {
		return
	}
	r.in.Graph.Provide(facts.SourceTargets)
	if len(r.in.Namespaces) == 0 {
		alerts.MoreDown = max(0, all-len(down))
	}
	type key struct {
		job    string
		object facts.Ref
	}
	known := map[key]*facts.DownTarget{}
	for _, target := range down[:min(len(down), maxRead)] {
		labels := map[string]string{"job": target.Job, "instance": target.Instance}
		for name, value := range target.Labels {
			labels[name] = value
		}
		object, ok := r.aboutTarget(labels)
		if !ok || r.elsewhere(labels) {
			continue
		}
		k := key{facts.Clip(target.Job, maxName), object}
		if known[k] == nil {
			known[k] = &facts.DownTarget{Object: object, Job: k.job}
		}
		instance := facts.Clip(target.Instance, maxName)
		if len(known[k].Instances) == 0 || instance < known[k].Instances[0] {
			known[k].Error = facts.Clip(target.Error, maxText)
		}
		known[k].Instances = merged(known[k].Instances, []string{instance})
	}
	for _, target := range known {
		alerts.Down = append(alerts.Down, *target)
	}
	slices.SortFunc(alerts.Down, func(a, b facts.DownTarget) int {
		return cmp.Or(a.Object.Compare(b.Object), strings.Compare(a.Job, b.Job))
	})
	if n := len(alerts.Down); n > maxTargets {
		alerts.MoreDown += n - maxTargets
		alerts.Down = alerts.Down[:maxTargets]
	}
}

// aboutTarget returns the Service whose endpoints are scraped, else the workload of the Pod, else the object that the labels name.
// The target itself is down: an exporter does not stand for what it measures here.
func (r *reader) aboutTarget(labels map[string]string) (facts.Ref, bool) {
	service := facts.Ref{Kind: facts.Service, Namespace: labels["namespace"], Name: cmp.Or(labels["service"], labels["kubernetes_name"])}
	if r.in.Graph.Has(service) {
		return service, len(r.in.Namespaces) == 0 || slices.Contains(r.in.Namespaces, service.Namespace)
	}
	return r.about(labels)
}

// downTargets returns the targets that the backend lists as down, or else those with up == 0, and how many there are in total.
func (r *reader) downTargets(ctx context.Context) (down []metrics.BrokenTarget, all int, ok bool) {
	if r.stopped {
		r.addToLastGap(r.checksRequiring(facts.SourceTargets))
		return nil, 0, false
	}
	if lister, ok := r.in.Provider.(metrics.TargetReader); ok {
		targets, err := lister.Targets(ctx)
		if err != nil {
			r.addErrorGap(err, "targets", r.checksRequiring(facts.SourceTargets))
			return nil, 0, false
		}
		return targets.Broken, targets.Down, true
	}
	recorded, ok := r.instant(ctx, "targets", r.checksRequiring(facts.SourceTargets), "topk(1000, up{"+trim(r.matcher("", nil))+"} == 0)")
	for _, sample := range recorded {
		down = append(down, metrics.BrokenTarget{Job: sample.Labels["job"], Instance: sample.Labels["instance"], Labels: sample.Labels})
	}
	return down, len(down), ok
}

// rules reads rules that fail to evaluate. They belong to the backend, so an inspection of selected namespaces skips them.
func (r *reader) rules(ctx context.Context, alerts *facts.Alerts) {
	lister, ok := r.in.Provider.(metrics.RuleReader)
	if !ok || len(r.in.Namespaces) > 0 || r.in.Backend.IsZero() {
		return
	}
	if r.stopped {
		r.addToLastGap(r.checksRequiring(facts.SourceRules))
		return
	}
	rules, err := lister.Rules(ctx)
	if err != nil {
		r.addErrorGap(err, "rules", r.checksRequiring(facts.SourceRules))
		return
	}
	r.in.Graph.Provide(facts.SourceRules)
	for _, rule := range rules[:min(len(rules), maxRead)] {
		if rule.Health == "err" && len(alerts.BrokenRules) < maxRules {
			alerts.BrokenRules = append(alerts.BrokenRules, facts.BrokenRule{
				Group: facts.Clip(rule.Group, maxName), Name: facts.Clip(rule.Name, maxName), Alerting: rule.Kind == "alerting",
				Error: facts.Clip(rule.Error, maxText),
			})
		}
	}
}
