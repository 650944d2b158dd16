package usage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// missing is a metric without current samples.
type missing struct {
	// metric is its name, having what its series must have, for messages.
	metric, having string
	// selector of the series.
	selector string
	checks   []string
}

// selector returns a selector for the series of a metric in the namespaces to read.
func (r *reader) selector(metric, more string) string {
	var within []string
	if !r.within.All && len(r.within.Names) <= maxNamespaces {
		within = r.within.Names
	}
	return metric + "{" + strings.TrimSuffix(matching(r.in.Options.MatchLabels)+inNamespaces(within)+more, ",") + "}"
}

// missingMetric adds a gap for a metric without current samples. It distinguishes one that is not collected from one whose samples
// stopped within the window, with one more query.
func (r *reader) missingMetric(ctx context.Context, m missing) {
	name := strings.TrimSpace(m.metric + " " + m.having)
	if len(r.in.Options.MatchLabels) > 0 {
		name += " and with the labels of spec.usage.matchLabels"
	}
	gap := facts.Gap{
		Source: "metrics: " + m.metric, Checks: distinct(m.checks), Reason: v1alpha1.GapNotServed,
		Message:     "The metrics backend has no metric " + name + ".",
		Remediation: "Configure it to scrape /metrics/cadvisor of the kubelets and to keep these labels.",
	}
	if last, ok := r.lastSample(ctx, m.selector); ok {
		gap.Reason = v1alpha1.GapIncomplete
		gap.Message = fmt.Sprintf("Samples of %s stopped: the last one is %s before the end of the window, at %s.", name,
			phrase.Span(r.in.Graph.Now.Sub(last)), last.UTC().Format(time.RFC3339))
		gap.Remediation = restartScraping
	}
	r.gap(gap)
}

// restartScraping is the remediation where samples stopped.
const restartScraping = "Check why the metrics backend no longer scrapes /metrics/cadvisor of the kubelets: the target's state (`up`), " +
	"relabeling rules, and the remote write queue of the agent."

// lastSample returns the time of the last sample in the window of any of the series.
func (r *reader) lastSample(ctx context.Context, selector string) (time.Time, bool) {
	if r.stopped {
		return time.Time{}, false
	}
	found, err := r.query(ctx, templates{window: r.in.Options.Window}.lastSample(selector))
	if err != nil || len(found) == 0 {
		return time.Time{}, false
	}
	return r.sampleTime(found[0].Value)
}

// sampleTime converts the result of timestamp(), at most the time of the graph.
func (r *reader) sampleTime(seconds float64) (time.Time, bool) {
	if !metrics.Usable(seconds) || seconds <= 0 || seconds > float64(r.in.Graph.Now.Unix()) {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}

// findStopped sets Stopped of the containers that run without current samples. It needs a query only if fewer containers have current
// samples than run.
func (r *reader) findStopped(ctx context.Context, q templates, known discovered, checks []string) {
	expected := 0.0
	for key, e := range r.series.entries {
		namespace, _, _ := strings.Cut(key, "\x00")
		if e.running && (r.first == nil || slices.Contains(r.first, namespace)) {
			expected++
		}
	}
	if known.current >= expected {
		return
	}
	last := make([]time.Time, len(r.series.containers))
	silent := make([]int32, len(r.series.containers))
	running := make([]int32, len(r.series.containers))
	for _, e := range r.series.entries {
		if e.running {
			running[e.target]++
		}
	}
	ok := r.querySplit(ctx, question{what: "times of last samples", checks: checks, expression: q.ended}, func(vector metrics.Vector) {
		for _, sample := range vector {
			l := sample.Labels
			e, known := r.series.entries[string(r.series.keyOf(l["namespace"], l[q.names.pod], l[q.names.container]))]
			if at, ok := r.sampleTime(sample.Value); ok && known && e.running {
				silent[e.target]++
				if at.After(last[e.target]) {
					last[e.target] = at
				}
			}
		}
	})
	for i := range r.series.containers {
		if ok && silent[i] > 0 && silent[i] == running[i] {
			r.series.containers[i].Stopped = r.in.Graph.Now.Sub(last[i])
		}
	}
}

// addStoppedGap adds a gap for workloads whose Pods run but whose samples stopped.
func (r *reader) addStoppedGap(used *facts.Usage) {
	ids := r.checksRequiring(facts.SourceUsage, facts.SourceThrottling)
	stopped := map[facts.Ref]time.Duration{}
	for i := range used.Containers {
		if c := &used.Containers[i]; c.Stopped > 0 {
			if shortest, known := stopped[c.Workload]; !known || c.Stopped < shortest {
				stopped[c.Workload] = c.Stopped
			}
		}
	}
	if len(stopped) == 0 || len(ids) == 0 {
		return
	}
	refs := make([]facts.Ref, 0, len(stopped))
	for ref := range stopped {
		refs = append(refs, ref)
	}
	slices.SortFunc(refs, facts.Ref.Compare)
	labels := make([]string, 0, len(refs))
	for _, ref := range refs {
		labels = append(labels, fmt.Sprintf("%s (last sample %s before the end of the window)", ref, phrase.Span(stopped[ref])))
	}
	r.gap(facts.Gap{
		Source: "metrics: workloads whose samples stopped", Checks: distinct(ids), Reason: v1alpha1.GapIncomplete,
		Message: fmt.Sprintf("Samples of %d %s stopped although Pods run; the sizes are those until then: %s.", len(refs),
			phrase.Plural(len(refs), "workload", "workloads"), joinMax(labels)),
		Remediation: restartScraping,
	})
}
