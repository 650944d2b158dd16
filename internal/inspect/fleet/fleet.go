// Package fleet inspects several clusters in parallel and joins the results in one report. It does not know where connections come from:
// its input is a list of clusters with their configurations. A cluster that cannot be inspected is a gap and does not affect the others.
package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/comparison"
	"kubeops.io/kubeops/internal/inspect/report"
	"kubeops.io/kubeops/internal/redact"
)

const (
	// MaxConnecting clusters are connected to at the same time.
	MaxConnecting = 32
	// connectPatience is how long a cluster holds its slot for connecting. One that has not answered then has sent all it could, and waits:
	// dead clusters keep no others from connecting.
	connectPatience = 2 * time.Second
	// MaxReading clusters are read and judged at the same time in one process, if their facts fit into its memory.
	MaxReading = 8
	// DefaultMemory is Input.Memory where it is not set, in bytes.
	DefaultMemory = 512 << 20
	// A cluster takes baseWeight bytes for its lists, clients and report, and objectWeight for the facts about each object. Measured on
	// simulated clusters of 1,000 and 10,000 Pods: about 5 KiB per object (make bench).
	baseWeight   = 16 << 20
	objectWeight = 6 << 10
	// stalledWeight is what a cluster takes for its clients and its checks while it gives no answer, in bytes.
	stalledWeight = 2 << 20
	// lateObjects is the estimate of a cluster that was late the last time, where there is no other.
	lateObjects = 1000
	// stopGrace is how long a cluster may take to stop after its deadline before it is abandoned. Only what ignores its context, such as
	// a credential plugin that hangs, takes any time.
	stopGrace = 5 * time.Second
)

// Cluster is one cluster to inspect.
type Cluster struct {
	// Input of its run. Source names the cluster, uniquely in the list, and says how to connect. Previous, Bounds, Compare, Redactor and
	// Progress are set by Run.
	Input inspect.Input
	// Deadline covers connecting, discovery, lists and evidence, but not the time in which the cluster waits for others. Required. When
	// it has passed, what was read is used, and the rest is a gap.
	Deadline time.Duration
	// LastDuration is how long the cluster took the last time; 0 if unknown. Slow and unknown clusters start first.
	LastDuration time.Duration
	// LastObjects is how many objects were read the last time, or another estimate of their number; 0 if unknown. Facts of a cluster with
	// an unknown number count as half of Input.Memory.
	LastObjects int64
	// Err is why there is no configuration to connect with; nil if there is one. The cluster is then a gap.
	Err error
}

// Engine inspects one cluster: inspect.Run, or a process that runs it.
type Engine func(context.Context, inspect.Input) (*inspect.Result, error)

// Input of an inspection of several clusters.
type Input struct {
	Clusters []Cluster
	// Checks that were selected. Those that compare clusters run here, the others are in the inputs of the clusters.
	Checks []check.Check
	// Ignore hides findings. ExcludeNamespaces are names or globs of namespaces to exclude. NamespacesOnly is set if the inspection is
	// limited to some namespaces.
	Ignore            []v1alpha1.IgnoreRule
	ExcludeNamespaces []string
	NamespacesOnly    bool
	// Previous report about these clusters, or nil.
	Previous *v1alpha1.InspectionReport
	// Bounds of the report. Zero values are defaults with which it fits into an API object.
	Bounds report.Bounds
	// Memory is what the facts of clusters may take at the same time, in bytes, by an estimate from LastObjects; 0 means DefaultMemory. A
	// cluster that alone exceeds it is read alone. One that stalls counts with what was read of it.
	Memory int64
	// Engine is required, but for Parts.
	Engine Engine
	// Parts has the part of a cluster done by another process, once its API server has answered, and bounds how many are done at the same
	// time. Nil reads the clusters in this process.
	Parts func(context.Context, Part) (PartResult, error)
	// Redactor of all texts, with the default options. Default: one for all clusters.
	Redactor *redact.Redactor
	// Clock is required.
	Clock clock.PassiveClock
	// Progress is called with each step of a cluster, from several goroutines. It may be nil.
	Progress func(cluster string, step inspect.Progress)
	// Stalled is called by RunPart when the cluster has not advanced for a while, and when it goes on: what stalls needs less memory than
	// what reads. It may be nil.
	Stalled func(Stall)
}

// Result of an inspection of several clusters.
type Result struct {
	// Report has no metadata; its summary has no inspection and no trigger.
	Report *v1alpha1.InspectionReport
	// Interrupted is set if ctx was cancelled: clusters that were not finished are gaps.
	Interrupted bool
}

// Run inspects the clusters. Whatever fails in one is a gap of it. The error is that of an invalid input; if ctx was cancelled, it is set
// only if no cluster was finished.
func Run(ctx context.Context, in Input) (*Result, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	if err := in.complete(); err != nil {
		return nil, err
	}
	start := in.Clock.Now()
	r := &run{
		in: in, connecting: make(chan struct{}, min(MaxConnecting, len(in.Clusters))),
		memory: cmp.Or(in.Memory, DefaultMemory), outcomes: make([]outcome, len(in.Clusters)), clusters: len(in.Clusters),
	}
	r.reading = semaphore.NewWeighted(r.memory)
	r.all(ctx)
	interrupted := errors.Is(ctx.Err(), context.Canceled)
	if interrupted && !slices.ContainsFunc(r.outcomes, func(o outcome) bool { return o.result != nil }) {
		return nil, fmt.Errorf("the inspection was cancelled: %w", ctx.Err())
	}
	parts := []report.Part{r.compare(ctx, start)}
	for i := range r.outcomes {
		parts = append(parts, r.part(i))
	}
	merged := report.Merge(report.MergeInput{Parts: parts, Start: start, Duration: in.Clock.Since(start), Bounds: in.Bounds})
	return &Result{Report: merged, Interrupted: interrupted}, nil
}

// complete sets defaults that can fail, by an error of the program itself.
func (in *Input) complete() (err error) {
	if in.Redactor == nil {
		in.Redactor, err = redact.New(redact.Options{})
	}
	return err
}

func (in Input) validate() error {
	if len(in.Clusters) == 0 {
		return errors.New("no clusters to inspect")
	}
	if len(in.Clusters) > v1alpha1.MaxInspectedClusters {
		return fmt.Errorf("%d clusters to inspect: at most %d are supported", len(in.Clusters), v1alpha1.MaxInspectedClusters)
	}
	names := map[string]bool{}
	for i := range in.Clusters {
		name := in.Clusters[i].name()
		if name == "" || names[name] {
			return fmt.Errorf("the name of each cluster must be set and unique: got %q twice", name)
		}
		names[name] = true
	}
	return nil
}

func (c *Cluster) name() string { return c.Input.Source.Cluster }

// outcome of one cluster.
type outcome struct {
	result *inspect.Result
	// comparison is what is kept of the facts.
	comparison *comparison.Cluster
	// err is why there is no result.
	err     error
	version string
	took    time.Duration
}

// run is the state of Run.
type run struct {
	in Input
	// connecting has a slot for each cluster in that stage.
	connecting chan struct{}
	// reading is shared by the clusters whose facts are in memory, by their weights.
	reading  *semaphore.Weighted
	memory   int64
	outcomes []outcome
	// clusters of the whole inspection.
	clusters int
}

// weight of the facts of a cluster, in bytes: at least a part that keeps MaxReading, at most all memory.
func (r *run) weight(c *Cluster) int64 {
	if c.LastObjects == 0 {
		return (r.memory + 1) / 2
	}
	return min(max(memoryOf(c.LastObjects), (r.memory+MaxReading-1)/MaxReading), r.memory)
}

// memoryOf a cluster with a number of objects, in bytes.
func memoryOf(objects int64) int64 { return baseWeight + min(objects, math.MaxInt32)*objectWeight }

// all inspects the clusters, in the order in which they should start.
func (r *run) all(ctx context.Context) {
	order := make([]int, len(r.in.Clusters))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return startsBefore(&r.in.Clusters[a], &r.in.Clusters[b]) })
	var group sync.WaitGroup
	for _, i := range order {
		// A slot before each start keeps the order. Those that do not answer soon give theirs to others.
		if !acquire(ctx, r.connecting) {
			r.outcomes[i].err = ctx.Err()
			continue
		}
		group.Go(func() { r.outcomes[i] = r.cluster(ctx, &r.in.Clusters[i]) })
	}
	group.Wait()
}

// startsBefore orders clusters: unknown durations first, then the slowest.
func startsBefore(a, b *Cluster) int {
	switch {
	case a.LastDuration == b.LastDuration:
		return 0
	case a.LastDuration == 0 || b.LastDuration != 0 && a.LastDuration > b.LastDuration:
		return -1
	default:
		return 1
	}
}

// acquire waits for a slot; false if ctx ends first.
func acquire(ctx context.Context, slots chan struct{}) bool {
	select {
	case slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}
