package trend

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// targets reads the scrape targets that are down.
func (r *reader) targets(ctx context.Context, alerts *facts.Alerts) {
	down, all, ok := r.downTargets(ctx)
	if !ok {
		return
	}
	r.in.Graph.Provide(facts.SourceTargets)
	if r.scope.Whole() {
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
		k := key{facts.Clip(r.scope.Job(labels), maxName), object}
		if known[k] == nil {
			known[k] = &facts.DownTarget{Object: object, Job: k.job}
		}
		addTarget(known[k], facts.Clip(r.scope.Instance(labels), maxName), facts.Clip(target.Error, maxText))
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

// addTarget adds a target, whose instance is empty if it may not be shown.
func addTarget(down *facts.DownTarget, instance, message string) {
	if instance == "" {
		down.Unnamed++
		return
	}
	if len(down.Instances) == 0 || instance < down.Instances[0] {
		down.Error = message
	}
	down.Instances = merged(down.Instances, []string{instance})
}

// aboutTarget returns the Service whose endpoints are scraped, else the workload of the Pod, else the object that the labels name.
// The target itself is down: an exporter does not stand for what it measures here.
func (r *reader) aboutTarget(labels map[string]string) (facts.Ref, bool) {
	service := facts.Ref{Kind: facts.Service, Namespace: labels["namespace"], Name: cmp.Or(labels["service"], labels["kubernetes_name"])}
	if r.scope.Has(service) {
		return service, true
	}
	return r.about(labels)
}

// downTargets returns the targets that the backend lists as down, or else those with up == 0, and how many there are in total.
func (r *reader) downTargets(ctx context.Context) (down []metrics.BrokenTarget, all int, ok bool) {
	if r.stopped {
		r.addToLastGap(r.checksRequiring(facts.SourceTargets))
		return nil, 0, false
	}
	within := r.scope.Everywhere()
	if within.Empty() {
		return nil, 0, true
	}
	// The API lists the first targets of all, with errors and addresses that may be of others; a query reads those of some namespaces.
	if lister, ok := r.in.Provider.(metrics.TargetReader); ok && r.scope.Whole() {
		targets, err := lister.Targets(ctx)
		if err != nil {
			r.addErrorGap(err, "targets", r.checksRequiring(facts.SourceTargets))
			return nil, 0, false
		}
		return targets.Broken, targets.Down, true
	}
	matcher := trim(r.matcher("namespace", within.Names))
	recorded, ok := r.instant(ctx, "targets", r.checksRequiring(facts.SourceTargets), "topk(1000, up{"+matcher+"} == 0)")
	if ok && len(recorded) == 0 && strings.Contains(matcher, "namespace=") && !r.labeled(ctx) {
		return nil, 0, false
	}
	for _, sample := range recorded {
		down = append(down, metrics.BrokenTarget{Job: sample.Labels["job"], Instance: sample.Labels["instance"], Labels: sample.Labels})
	}
	return down, len(down), ok
}

// labeled reports whether any target has the label that selects the targets of some namespaces. Without it no query finds one, whether
// it is down or not, which is a gap.
func (r *reader) labeled(ctx context.Context) bool {
	checks := r.checksRequiring(facts.SourceTargets)
	found, ok := r.instant(ctx, "targets", checks, "count(up{"+r.matcher("", nil)+`namespace!=""})`)
	if ok && len(found) == 0 {
		r.missingMetric(`up with the label namespace`, "Pods and Services with the label namespace", checks)
	}
	return ok && len(found) > 0
}

// rules reads rules that fail to evaluate. They belong to the backend, and their errors name the series of anyone: only a run that read
// the whole cluster reads them.
func (r *reader) rules(ctx context.Context, alerts *facts.Alerts) {
	lister, ok := r.in.Provider.(metrics.RuleReader)
	if !ok || !r.scope.Whole() || r.in.Backend.IsZero() {
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
