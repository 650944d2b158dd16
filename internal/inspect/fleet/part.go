package fleet

import (
	"context"
	"errors"
	"time"

	"kubeops.io/kubeops/internal/inspect"
)

// Part is the share of one cluster in an inspection of several: what another process reads and judges, for Run to merge.
type Part struct {
	// Cluster is its name in the input.
	Cluster string
	// Deadline is what is left for discovery, lists and evidence.
	Deadline time.Duration
	// Clusters of the inspection: the more there are, the shorter is the report about one.
	Clusters int
	// Objects is how many objects the cluster has, by an estimate; 0 if unknown.
	Objects int64 `json:",omitempty"`
	// Late is set if the cluster did not end within this deadline the last time.
	Late bool `json:",omitempty"`
}

// Memory that the cluster needs beside others in one process, in bytes, by an estimate; 0 if unknown. One that was late the last time, and
// of which nothing was ever read, will most likely give no answer again.
func (p *Part) Memory() int64 {
	switch {
	case p.Objects > 0:
		return memoryOf(p.Objects)
	case p.Late:
		return memoryOf(lateObjects)
	}
	return 0
}

// PartResult is the outcome of a part.
type PartResult struct {
	Result *inspect.Result
	// Took is how long the work took, without the time for which it waited.
	Took time.Duration
}

// minPart is the least deadline of a part whose cluster used it up to connect: what is missing then is reported by the part.
const minPart = time.Second

// elsewhere has the cluster read and judged by Input.Parts, which bound the time and the memory.
func (r *run) elsewhere(ctx context.Context, c *Cluster, o *outcome) {
	part := Part{Cluster: c.name(), Deadline: max(c.Deadline-o.took, minPart), Clusters: len(r.in.Clusters), Objects: c.LastObjects,
		Late: c.LastDuration >= c.Deadline}
	done, err := r.in.Parts(ctx, part)
	o.took += done.Took
	o.finish(done.Result, err)
}

// RunPart inspects the cluster of a part. The input has this cluster only.
func RunPart(ctx context.Context, in Input, part Part) (PartResult, error) {
	if len(in.Clusters) != 1 || in.Clusters[0].name() != part.Cluster {
		return PartResult{}, errors.New("the input of a part has its cluster only")
	}
	cluster := &in.Clusters[0]
	if cluster.Err != nil {
		return PartResult{}, cluster.Err
	}
	if err := in.complete(); err != nil {
		return PartResult{}, err
	}
	cluster.Deadline = part.Deadline
	r := &run{in: in, clusters: part.Clusters}
	var o outcome
	r.read(ctx, cluster, &o, in.Stalled)
	return PartResult{Result: o.result, Took: o.took}, o.err
}
