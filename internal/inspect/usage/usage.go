package usage

import (
	"context"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// Defaults and bounds.
const (
	// DefaultWindow of usage.
	DefaultWindow = 7 * 24 * time.Hour
	// MinHistory of a container before its size is evaluated: a day includes a busy hour.
	MinHistory = 24 * time.Hour
	// MaxQueries per inspection, including all parts.
	MaxQueries = 64
	// recent is the window of current values: throttling and nodes.
	recent = 24 * time.Hour
	// maxTime of the stage if the run has no deadline; otherwise it has a third of the remaining time.
	maxTime = time.Minute
)

// Options of the stage.
type Options struct {
	// Window of usage. Default DefaultWindow.
	Window time.Duration
	// MatchLabels select this cluster's series in a backend with several clusters.
	MatchLabels map[string]string
}

// Input of Collect.
type Input struct {
	Provider metrics.Provider
	// Graph of the cluster. Collect sets its Usage and marks sources as provided.
	Graph *facts.Graph
	// Scope of the run. Default: that of Graph, with all namespaces requested.
	Scope   *scope.Filter
	Options Options
	// Wanting lists the checks that need each source. Sources without checks are not queried.
	Wanting map[facts.Source][]string
}

// Sources lists everything that Collect can provide.
func Sources() []facts.Source {
	return []facts.Source{facts.SourceUsage, facts.SourceThrottling, facts.SourceNodeUsage}
}

// Collect reads usage into the graph. Failed reads are gaps, not errors.
func Collect(ctx context.Context, in Input) []facts.Gap {
	if in.Options.Window <= 0 {
		in.Options.Window = DefaultWindow
	}
	r := newReader(in)
	if len(r.checksRequiring(facts.SourceUsage, facts.SourceThrottling, facts.SourceNodeUsage)) == 0 {
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
		used.Containers = r.containerUsage()
	}
	if len(r.checksRequiring(facts.SourceNodeUsage)) > 0 {
		used.Nodes = r.nodes(ctx, known)
	}
	in.Graph.SetUsage(used)
	r.addStoppedGap(used)
	r.addHistoryGap(used)
	return r.gaps
}

// containers reads the usage of containers; false if there is none.
func (r *reader) containers(ctx context.Context, known discovered) bool {
	usage := r.checksRequiring(facts.SourceUsage)
	throttling := r.checksRequiring(facts.SourceThrottling)
	if len(usage)+len(throttling) == 0 {
		return false
	}
	if len(r.parts) == 0 { // no Pods were read
		return false
	}
	all := r.checksRequiring(facts.SourceUsage, facts.SourceThrottling)
	if known.names.pod == "" {
		r.missingMetric(ctx, missing{
			metric: "container_memory_working_set_bytes", having: "with the labels namespace, pod and container",
			selector: r.selector("container_memory_working_set_bytes", `container!=""`), checks: all,
		})
		return false
	}
	q := templates{names: known.names, match: r.in.Options.MatchLabels, window: r.in.Options.Window}
	if !r.lives(ctx, q, known.owners, all) {
		return false
	}
	r.findStopped(ctx, q, known, all)
	if len(usage) > 0 {
		cpu := r.setEach(ctx, question{what: "CPU usage", checks: usage, expression: q.cpu}, setCPU)
		peak := r.setEach(ctx, question{what: "CPU peaks", checks: usage, expression: q.cpuPeak}, setCPUPeak)
		memory := r.setEach(ctx, question{what: "memory peaks", checks: usage, expression: q.memoryPeak}, setMemory)
		resident := r.setEach(ctx, question{what: "memory without cache", checks: usage, expression: q.resident}, setResident)
		if cpu || peak || memory || resident {
			r.in.Graph.Provide(facts.SourceUsage)
		}
	}
	if len(throttling) > 0 {
		switch {
		case known.throttling:
			if r.setEach(ctx, question{what: "throttling", checks: throttling, expression: q.throttled}, setThrottled) {
				r.in.Graph.Provide(facts.SourceThrottling)
			}
		case r.limited():
			r.missingMetric(ctx, missing{
				metric: "container_cpu_cfs_periods_total", selector: r.selector("container_cpu_cfs_periods_total", ""), checks: throttling,
			})
		default: // without a CPU limit in the cluster, nothing is throttled
			r.in.Graph.Provide(facts.SourceThrottling)
		}
	}
	return true
}

// limited reports whether a container of the cluster has a CPU limit.
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
