package usage

import (
	"context"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// Defaults and bounds.
const (
	// DefaultWindow is how far back usage is looked at.
	DefaultWindow = 7 * 24 * time.Hour
	// MinHistory is how long a container must have been seen before its size is judged: a day has a busy hour.
	MinHistory = 24 * time.Hour
	// MaxQueries of one inspection, all parts included.
	MaxQueries = 64
	// recent is the window of what is judged by how it is now: throttling and nodes.
	recent = 24 * time.Hour
	// maxTime bounds the stage where the run has no deadline; else it has a third of what is left.
	maxTime = time.Minute
)

// Options of the stage.
type Options struct {
	// Window that usage is looked at over. Default DefaultWindow.
	Window time.Duration
	// MatchLabels are labels that all series of this cluster have in the back end, where it holds several clusters.
	MatchLabels map[string]string
}

// Input of Collect.
type Input struct {
	Provider metrics.Provider
	// Graph of the cluster. Its Usage is set, and the sources that came are provided.
	Graph *facts.Graph
	// Namespaces that the inspection reads; empty for all.
	Namespaces []string
	Options    Options
	// Wanting are the checks that need each source. A source that no check needs is not asked for.
	Wanting map[facts.Source][]string
}

// Sources are all that Collect can provide.
func Sources() []facts.Source {
	return []facts.Source{facts.SourceUsage, facts.SourceThrottling, facts.SourceNodeUsage}
}

// Collect reads usage into the graph. What could not be read is a gap, never an error.
func Collect(ctx context.Context, in Input) []facts.Gap {
	if in.Options.Window <= 0 {
		in.Options.Window = DefaultWindow
	}
	r := newReader(in)
	if len(r.wanting(facts.SourceUsage, facts.SourceThrottling, facts.SourceNodeUsage)) == 0 {
		return nil
	}
	limit := maxTime
	if deadline, ok := ctx.Deadline(); ok {
		limit = time.Until(deadline) / 3
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	known, ok := r.discover(ctx)
	if !ok {
		return r.gaps
	}
	used := &facts.Usage{Window: in.Options.Window}
	if r.containers(ctx, known) {
		used.Containers = r.joined()
	}
	if len(r.wanting(facts.SourceNodeUsage)) > 0 {
		used.Nodes = r.nodes(ctx, known)
	}
	in.Graph.SetUsage(used)
	r.missing(used)
	return r.gaps
}

// containers asks about containers; false where nothing is known of any.
func (r *reader) containers(ctx context.Context, known discovered) bool {
	usage, throttling := r.wanting(facts.SourceUsage), r.wanting(facts.SourceThrottling)
	if len(usage)+len(throttling) == 0 {
		return false
	}
	all := r.wanting(facts.SourceUsage, facts.SourceThrottling)
	if known.names.pod == "" {
		r.lacking("container_memory_working_set_bytes with the labels namespace, pod and container", all)
		return false
	}
	q := templates{names: known.names, match: r.in.Options.MatchLabels, window: r.in.Options.Window}
	if !r.lives(ctx, q, known.owners, all) {
		return false
	}
	if len(usage) > 0 {
		cpu := r.each(ctx, question{what: "the use of CPU", checks: usage, expression: q.cpu}, setCPU)
		peak := r.each(ctx, question{what: "peaks of CPU", checks: usage, expression: q.cpuPeak}, setCPUPeak)
		memory := r.each(ctx, question{what: "peaks of memory", checks: usage, expression: q.memoryPeak}, setMemory)
		resident := r.each(ctx, question{what: "memory that is no cache", checks: usage, expression: q.resident}, setResident)
		if cpu || peak || memory || resident {
			r.in.Graph.Provide(facts.SourceUsage)
		}
	}
	if len(throttling) > 0 {
		switch {
		case known.throttling:
			if r.each(ctx, question{what: "throttling", checks: throttling, expression: q.throttled}, setThrottled) {
				r.in.Graph.Provide(facts.SourceThrottling)
			}
		case r.limited():
			r.lacking("container_cpu_cfs_periods_total", throttling)
		default: // without a CPU limit in the cluster, nothing is throttled
			r.in.Graph.Provide(facts.SourceThrottling)
		}
	}
	return true
}

// limited says whether a container of the cluster has a CPU limit.
func (r *reader) limited() bool {
	for _, pod := range r.in.Graph.Pods {
		for i := range pod.Containers {
			if pod.Containers[i].CPULimit > 0 {
				return true
			}
		}
	}
	return false
}
