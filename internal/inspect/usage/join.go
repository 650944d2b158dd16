package usage

import (
	"context"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// index joins series to containers of workloads. It has an entry per series and a few numbers per container.
type index struct {
	owners     owners
	specs      map[facts.Ref][]*facts.PodSpec
	entries    map[string]entry
	at         map[target]int32
	containers []accumulated
	key        []byte
}

// target is a container of a workload.
type target struct {
	workload  facts.Ref
	container string
}

// entry is the series of one container of one Pod.
type entry struct {
	target int32
	// life in steps. counted: long enough to show more than the startup. live: the Pod exists. running: the container runs, so there
	// should be current samples.
	life                   float32
	counted, live, running bool
}

// accumulated is the result for a container so far.
type accumulated struct {
	facts.ContainerUsage
	// longest life of a Pod, and the sum of all, in steps.
	longest, sum float32
}

func newIndex(filter *scope.Filter) index {
	x := index{
		owners: newOwners(filter), specs: map[facts.Ref][]*facts.PodSpec{}, entries: map[string]entry{}, at: map[target]int32{},
	}
	for _, use := range filter.Graph().Specs() {
		x.specs[use.Owner] = append(x.specs[use.Owner], use.Spec)
	}
	return x
}

// keyOf returns a key that is valid until the next call. Names contain no zero bytes.
func (x *index) keyOf(namespace, pod, container string) []byte {
	x.key = append(append(append(append(append(x.key[:0], namespace...), 0), pod...), 0), container...)
	return x.key
}

// has reports whether a workload has a container of this name, and returns the graph's copy of the name so that no label is kept.
func (x *index) has(workload facts.Ref, container string) (string, bool) {
	for _, spec := range x.specs[workload] {
		if spec.Lean == nil {
			continue
		}
		for i := range spec.Lean.Containers {
			if spec.Lean.Containers[i].Name == container {
				return spec.Lean.Containers[i].Name, true
			}
		}
		for i := range spec.Lean.InitContainers { // sidecars; the checks ignore init containers that terminate
			if spec.Lean.InitContainers[i].Name == container {
				return spec.Lean.InitContainers[i].Name, true
			}
		}
	}
	return "", false
}

// add adds a series to its container.
func (x *index) add(s seen, workload facts.Ref, live bool) {
	name, ok := x.has(workload, s.container)
	if !ok {
		return
	}
	key := target{workload, name}
	at, ok := x.at[key]
	if !ok {
		at = int32(len(x.containers)) //nolint:gosec // bounded by the series of a result
		x.at[key] = at
		x.containers = append(x.containers, accumulated{ContainerUsage: facts.ContainerUsage{
			Workload: workload, Container: name,
			CPU: facts.Untold, CPUPeak: facts.Untold, Memory: facts.Untold, MemoryNow: facts.Untold,
			Resident: facts.Untold, Throttled: facts.Untold,
		}})
	}
	if _, twice := x.entries[string(x.keyOf(s.namespace, s.pod, s.container))]; twice {
		return
	}
	x.entries[string(x.key)] = entry{target: at, life: s.life, live: live, running: live && x.owners.runs(s)}
	c := &x.containers[at]
	c.Pods++
	c.sum += s.life
	c.longest = max(c.longest, s.life)
}

// seen is a container of a Pod and the number of steps in which it existed.
type seen struct {
	namespace, pod, container string
	life                      float32
}

// lives reads which containers existed, and for how long; false if there is no result.
func (r *reader) lives(ctx context.Context, q templates, hasOwners bool, checks []string) bool {
	var gone []seen
	ok := r.querySplit(ctx, question{what: "containers", checks: checks, expression: q.lives}, func(vector metrics.Vector) {
		for _, sample := range vector {
			s := seen{sample.Labels["namespace"], sample.Labels[q.names.pod], sample.Labels[q.names.container], number(sample.Value)}
			if s.life <= 0 {
				continue
			}
			if workload, ok := r.series.owners.ofPod(s.namespace, s.pod); ok {
				r.series.add(s, workload, true)
			} else {
				gone = append(gone, s)
			}
		}
	})
	if len(gone) > 0 && hasOwners {
		r.queryOwners(ctx, q)
	}
	for _, s := range gone {
		if workload, ok := r.series.owners.ofGone(s.namespace, s.pod); ok {
			r.series.add(s, workload, false)
		}
	}
	step := q.lifeStep()
	for i := range r.series.containers {
		r.series.containers[i].History = r.history(&r.series.containers[i], step)
	}
	r.series.markCounted(step)
	return ok
}

// markCounted marks the Pods that lived long enough to show more than their startup: six hours, or half as long as the
// longest-lived Pod of the workload.
func (x *index) markCounted(step time.Duration) {
	enough := float32(longEnough / step)
	for key, e := range x.entries {
		e.counted = e.life >= min(x.containers[e.target].longest/2, enough)
		x.entries[key] = e
	}
}

// queryOwners reads the owners of deleted Pods. A failure is not a gap, since their names are used instead.
func (r *reader) queryOwners(ctx context.Context, q templates) {
	for _, part := range r.parts {
		vector, err := r.query(ctx, q.owners(inNamespaces(part)))
		if err != nil {
			return
		}
		for _, sample := range vector {
			l := sample.Labels
			r.series.owners.record(l["namespace"], l["pod"], l["owner_kind"], l["owner_name"])
		}
	}
}

// history returns how long a container has been observed: the life of its oldest Pod, or the sum over all Pods divided by the
// number that run now, since rollouts replace them; but at most the age of its workload.
func (r *reader) history(c *accumulated, step time.Duration) time.Duration {
	pods := max(1, len(r.in.Graph.PodsOf(c.Workload)))
	together := share(float64(c.sum)/float64(pods), step, r.in.Options.Window)
	if meta := r.in.Graph.MetaOf(c.Workload); meta != nil && !meta.Created.IsZero() {
		together = min(together, max(0, r.in.Graph.Now.Sub(meta.Created)))
	}
	return max(share(float64(c.longest), step, r.in.Options.Window), together)
}

// setEach runs a query and sets a number of each container in the result.
func (r *reader) setEach(ctx context.Context, q question, set func(c *accumulated, e entry, value float32)) bool {
	return r.querySplit(ctx, q, func(vector metrics.Vector) {
		for _, sample := range vector {
			value := number(sample.Value)
			if value < 0 {
				continue
			}
			l := sample.Labels
			key := r.series.keyOf(l["namespace"], either(l, "pod", "pod_name"), either(l, "container", "container_name"))
			if e, ok := r.series.entries[string(key)]; ok {
				set(&r.series.containers[e.target], e, value)
			}
		}
	})
}

func either(labels metrics.Labels, name, old string) string {
	if value := labels[name]; value != "" {
		return value
	}
	return labels[old]
}

// number converts a value; negative if it is not usable.
func number(value float64) float32 {
	const maxValue = 1e30
	if !metrics.Usable(value) || value < 0 {
		return -1
	}
	return float32(min(value, maxValue))
}

// longEnough is the life after which a Pod always counts.
const longEnough = 6 * time.Hour

func setCPU(c *accumulated, e entry, value float32) {
	if e.counted {
		c.CPU = max(c.CPU, value)
	}
}

func setCPUPeak(c *accumulated, e entry, value float32) {
	if e.counted {
		c.CPUPeak = max(c.CPUPeak, value)
	}
}

func setMemory(c *accumulated, e entry, value float32) {
	c.Memory = max(c.Memory, value)
	if e.live {
		c.MemoryNow = max(c.MemoryNow, value)
	}
}

func setResident(c *accumulated, e entry, value float32) {
	if e.live {
		c.Resident = max(c.Resident, value)
	}
}

func setThrottled(c *accumulated, e entry, value float32) {
	if e.live {
		c.Throttled = max(c.Throttled, min(value, 1))
	}
}

// containerUsage returns the containers with their numbers.
func (r *reader) containerUsage() []facts.ContainerUsage {
	all := make([]facts.ContainerUsage, 0, len(r.series.containers))
	for i := range r.series.containers {
		all = append(all, r.series.containers[i].ContainerUsage)
	}
	return all
}
