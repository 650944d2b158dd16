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
	// maxAlerts become facts; the rest is counted.
	maxAlerts = 200
	// maxRead bounds what is looked at of a list from the back end.
	maxRead = 20_000
	// maxSummaries of one alert, maxAlertLabels of its labels, and the lengths in letters of what is kept of texts.
	maxSummaries, maxAlertLabels, maxText, maxName = 3, 12, 500, 120
	// maxRules and maxTargets become facts.
	maxRules, maxTargets = 50, 50
)

// alerts reads what the back end watches by itself.
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

// heartbeats are alerts that fire while all is well, or that only hold others back.
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
		if !a.Since.IsZero() && !a.Since.After(r.in.Graph.Now) && (alert.Since.IsZero() || a.Since.Before(alert.Since)) {
			alert.Since = a.Since
		}
		if more := moreLabels(a.Labels); slices.Compare(more, alert.Labels) < 0 {
			alert.Labels = more
		}
		alert.Summaries = firstOf(merged(alert.Summaries, compact([]string{summary(a.Annotations)})), maxSummaries)
	}
	for _, alert := range known {
		alert.Severity = facts.Clip(alert.Severity, maxName)
		alerts.Firing = append(alerts.Firing, *alert)
	}
	slices.SortFunc(alerts.Firing, func(a, b facts.FiringAlert) int {
		return cmp.Or(cmp.Compare(severityRank(a.Severity), severityRank(b.Severity)), a.Object.Compare(b.Object), strings.Compare(a.Name, b.Name))
	})
	if n := len(alerts.Firing); n > maxAlerts {
		alerts.Firing, alerts.More = alerts.Firing[:maxAlerts], n-maxAlerts
		r.gap(facts.Gap{
			Source: "metrics: its alerts", Checks: r.wanting(facts.SourceAlerts), Reason: v1alpha1.GapIncomplete,
			Message:     fmt.Sprintf("%d alerts became findings, the worst first; %d more fire.", maxAlerts, alerts.More),
			Remediation: "Look at the rest where alerts are shown; an alert that fires all the time tells nobody anything.",
		})
	}
}

// firstOf are the first of a list, n at most.
func firstOf(list []string, n int) []string { return list[:min(len(list), n)] }

// activeAlerts are those that the back end lists, or that it recorded as the series ALERTS.
func (r *reader) activeAlerts(ctx context.Context) ([]metrics.Alert, bool) {
	if lister, ok := r.in.Provider.(metrics.AlertReader); ok {
		active, err := lister.Alerts(ctx)
		if err != nil { // what came before it failed counts all the same
			r.failed(err, "its alerts", r.wanting(facts.SourceAlerts))
		}
		return active, err == nil || len(active) > 0
	}
	recorded, ok := r.instant(ctx, "its alerts", r.wanting(facts.SourceAlerts), `ALERTS{alertstate="firing"`+comma(r.matcher("", nil))+"}")
	active := make([]metrics.Alert, 0, len(recorded))
	for _, sample := range recorded {
		active = append(active, metrics.Alert{Name: sample.Labels["alertname"], Labels: sample.Labels, State: "firing"})
	}
	return active, ok
}

// about is the object that an alert or a target is about; the back end where none is named. It is false for what an inspection
// of some namespaces does not read: alerts about other namespaces, and about what belongs to none.
func (r *reader) about(labels metrics.Labels) (facts.Ref, bool) {
	if object, ok := r.labeled.Object(labels); ok {
		return object, len(r.in.Namespaces) == 0 || slices.Contains(r.in.Namespaces, object.Namespace)
	}
	return r.in.Backend, len(r.in.Namespaces) == 0 && !r.in.Backend.IsZero()
}

// elsewhere says whether labels tell of another cluster. Alerts and targets may lack the labels that tell clusters apart.
func (r *reader) elsewhere(labels map[string]string) bool {
	for name, value := range r.in.MatchLabels {
		if other, ok := labels[name]; ok && other != value {
			return true
		}
	}
	return false
}

// severityRank orders the labels severity, the worst first.
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

// summary of an alert, in the annotation that says it shortest.
func summary(annotations map[string]string) string {
	for _, name := range []string{"summary", "message", "description"} {
		if text := strings.TrimSpace(annotations[name]); text != "" {
			return facts.Clip(text, maxText)
		}
	}
	return ""
}

// moreLabels are those that tell one series of an alert from another, without its name and severity.
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

// targets finds scrape targets that are down.
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
		one := facts.Clip(target.Instance, maxName)
		if len(known[k].Instances) == 0 || one < known[k].Instances[0] {
			known[k].Error = facts.Clip(target.Error, maxText)
		}
		known[k].Instances = merged(known[k].Instances, []string{one})
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

// aboutTarget is the Service whose endpoints are scraped, else the workload of the Pod, else what else is named. A target is
// itself what is down: an exporter here is no stand-in for what it measures.
func (r *reader) aboutTarget(labels map[string]string) (facts.Ref, bool) {
	service := facts.Ref{Kind: facts.Service, Namespace: labels["namespace"], Name: cmp.Or(labels["service"], labels["kubernetes_name"])}
	if r.in.Graph.Has(service) {
		return service, len(r.in.Namespaces) == 0 || slices.Contains(r.in.Namespaces, service.Namespace)
	}
	return r.about(labels)
}

// downTargets are the targets that the back end lists as down, or for which it recorded up as 0, and how many there are.
func (r *reader) downTargets(ctx context.Context) (down []metrics.BrokenTarget, all int, ok bool) {
	if r.dead {
		r.missed(r.wanting(facts.SourceTargets))
		return nil, 0, false
	}
	if lister, ok := r.in.Provider.(metrics.TargetReader); ok {
		targets, err := lister.Targets(ctx)
		if err != nil {
			r.failed(err, "its targets", r.wanting(facts.SourceTargets))
			return nil, 0, false
		}
		return targets.Broken, targets.Down, true
	}
	recorded, ok := r.instant(ctx, "its targets", r.wanting(facts.SourceTargets), "topk(1000, up{"+trim(r.matcher("", nil))+"} == 0)")
	for _, sample := range recorded {
		down = append(down, metrics.BrokenTarget{Job: sample.Labels["job"], Instance: sample.Labels["instance"], Labels: sample.Labels})
	}
	return down, len(down), ok
}

// rules finds rules that cannot be evaluated. They belong to the back end, and so to no inspection of some namespaces.
func (r *reader) rules(ctx context.Context, alerts *facts.Alerts) {
	lister, ok := r.in.Provider.(metrics.RuleReader)
	if !ok || len(r.in.Namespaces) > 0 || r.in.Backend.IsZero() {
		return
	}
	if r.dead {
		r.missed(r.wanting(facts.SourceRules))
		return
	}
	rules, err := lister.Rules(ctx)
	if err != nil {
		r.failed(err, "its rules", r.wanting(facts.SourceRules))
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
