package trend

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/provider/metrics"
)

const (
	// historyFill is the history of filesystems to read; the short one is used if it exceeds the query budget.
	historyFill      = 28 * 24 * time.Hour
	historyFillShort = 5 * 24 * time.Hour
	// nearlyFull: a claim with a smaller share of free capacity is nearly full, whatever the forecast, as in the alert
	// KubePersistentVolumeFillingUp.
	nearlyFull = 0.03
	// The kubelet evicts Pods below these shares of a node's filesystem (defaults of nodefs.available and nodefs.inodesFree), so
	// a node's disk counts as full there.
	evictSpace  = 0.10
	evictInodes = 0.05
)

// filesystems are the metrics of a kind of filesystem.
type filesystems struct {
	what           facts.FillKind
	free, capacity string
	// used is set if free is not measured: free is capacity minus used.
	used     string
	matchers string
	by       string
	// from is what exports the metrics.
	from string
	// reserve is the share of the capacity that is not usable.
	reserve float64
}

func claimSpace() filesystems {
	return filesystems{
		what: facts.FillSpace, free: "kubelet_volume_stats_available_bytes", capacity: "kubelet_volume_stats_capacity_bytes",
		by: claimLabels, from: "the kubelets",
	}
}

func claimInodes() filesystems {
	return filesystems{
		what: facts.FillInodes, free: "kubelet_volume_stats_inodes_free", capacity: "kubelet_volume_stats_inodes", by: claimLabels,
		from: "the kubelets",
	}
}

const (
	claimLabels = "namespace, persistentvolumeclaim"
	// nodeMatchers select the root filesystem and those dedicated to the kubelet and the container runtime.
	nodeMatchers = `fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660|rootfs|nfs.*",` +
		`mountpoint=~"/|/var|/var/lib|/var/lib/(kubelet|containerd|containers|docker|rancher|k0s|k3s)",`
	nodeLabels = "node, nodename, kubernetes_node, instance, namespace, pod, device, mountpoint"
)

func nodeSpace() filesystems {
	return filesystems{
		what: facts.FillSpace, free: "node_filesystem_avail_bytes", capacity: "node_filesystem_size_bytes", matchers: nodeMatchers,
		by: nodeLabels, reserve: evictSpace, from: "node-exporter",
	}
}

func nodeInodes() filesystems {
	return filesystems{
		what: facts.FillInodes, free: "node_filesystem_files_free", capacity: "node_filesystem_files", matchers: nodeMatchers,
		by:      nodeLabels,
		reserve: evictInodes, from: "node-exporter",
	}
}

// cadvisorSpace replaces nodeSpace without a node exporter: the kubelet's cAdvisor metrics of the root cgroup.
func cadvisorSpace() filesystems {
	return filesystems{
		what: facts.FillSpace, used: "container_fs_usage_bytes", capacity: "container_fs_limit_bytes",
		matchers: `id="/",device=~"/dev/.*",`,
		by:       "node, nodename, kubernetes_node, instance, device", reserve: evictSpace, from: "the cAdvisor endpoint of the kubelets",
	}
}

// metric of the history.
func (f filesystems) metric() string {
	if f.used != "" {
		return f.used
	}
	return f.free
}

// disk is a filesystem with its history.
type disk struct {
	object       facts.Ref
	device, path string
	points       []metrics.Point
	capacity     float64
}

// volumes are filesystems of one kind of object, in space and inodes.
type volumes struct {
	// of whom they are, for messages.
	of      string
	kinds   []filesystems
	sources []facts.Source
	// namespace is the label of the namespace; empty if there is none.
	namespace string
	object    toObject
	horizon   time.Duration
	// nearly is the free share of the capacity below which they are nearly full.
	nearly float64
}

// toObject returns the object that labels name; false if the graph has none.
type toObject func(metrics.Labels) (facts.Ref, bool)

// claims forecasts the filesystems of PersistentVolumeClaims.
func (r *reader) claims(ctx context.Context, names map[string]bool) []facts.Fill {
	if len(r.in.Graph.PVCs) == 0 {
		return nil
	}
	sources := []facts.Source{facts.SourceClaimFill, facts.SourceClaimFree}
	if !names[claimSpace().free] {
		r.missingSamples(ctx, claimSpace().free, r.matcher("", nil), claimSpace().from, r.checksRequiring(sources...))
		return nil
	}
	return r.fillsOf(ctx, volumes{
		of: "volumes", kinds: known([]filesystems{claimSpace(), claimInodes()}, names), sources: sources, namespace: "namespace",
		object: r.claim, horizon: r.in.ClaimHorizon, nearly: nearlyFull,
	})
}

// known returns the kinds that have samples.
func known(kinds []filesystems, names map[string]bool) []filesystems {
	return slices.DeleteFunc(kinds, func(f filesystems) bool { return f.free != "" && !names[f.free] })
}

// claim returns the claim that labels name. The fill level of a read-only claim does not change, so it is skipped.
func (r *reader) claim(labels metrics.Labels) (facts.Ref, bool) {
	ref := facts.Ref{Kind: facts.PVC, Namespace: labels["namespace"], Name: labels["persistentvolumeclaim"]}
	claim, ok := facts.Lookup[*facts.PVCNode](r.in.Graph, ref)
	if !ok || !r.scope.Has(ref) || len(claim.AccessModes) == 1 && claim.AccessModes[0] == "ReadOnlyMany" {
		return facts.Ref{}, false
	}
	return ref, true
}

// nodes forecasts the filesystems of nodes.
func (r *reader) nodes(ctx context.Context, names map[string]bool) []facts.Fill {
	if len(r.in.Graph.Nodes) == 0 {
		return nil
	}
	kinds := []filesystems{nodeSpace(), nodeInodes()}
	if !names[nodeSpace().free] {
		kinds = []filesystems{cadvisorSpace()}
		if !names[cadvisorSpace().capacity] {
			r.missingSamples(ctx, nodeSpace().free, nodeMatchers+r.matcher("", nil),
				"node-exporter, or the cAdvisor endpoint of the kubelets", r.checksRequiring(facts.SourceNodeFill))
			return nil
		}
	}
	return r.fillsOf(ctx, volumes{
		of: "nodes", kinds: known(kinds, names), sources: []facts.Source{facts.SourceNodeFill}, horizon: r.in.NodeHorizon,
		object: func(labels metrics.Labels) (facts.Ref, bool) { return r.scope.Node(labels) },
	})
}

// fillsOf reads capacities and histories of filesystems and joins them to objects.
func (r *reader) fillsOf(ctx context.Context, v volumes) []facts.Fill {
	within := r.scope.Within(facts.PVC)
	if v.namespace != "" && within.Empty() {
		r.provide(v.sources)
		return nil
	}
	matcher := r.matcher(v.namespace, within.Names)
	capacities, ok := r.instant(ctx, "capacity of "+v.of, r.checksRequiring(v.sources...), capacitiesOf(v.kinds, matcher))
	if !ok {
		return nil
	}
	var fills []facts.Fill
	for _, f := range v.kinds {
		var sizes metrics.Vector
		for _, sample := range capacities {
			if sample.Labels[kindLabel] == string(f.what) {
				sizes = append(sizes, sample)
			}
		}
		if len(sizes) == 0 { // no such volumes, or samples that stopped less than an hour ago
			if last, stopped := r.lastSample(ctx, f.capacity, trim(f.matchers+matcher)); stopped {
				r.samplesStopped(f.capacity, f.from, last, r.checksRequiring(v.sources...))
				continue
			}
		}
		fills = append(fills, r.fills(f, r.disks(ctx, f, v, within, sizes), v)...)
	}
	return fills
}

// kindLabel tells space from inodes in the result of one query.
const kindLabel = "kubeops_kind"

// capacitiesOf queries the capacities of all kinds.
func capacitiesOf(kinds []filesystems, matcher string) string {
	each := make([]string, len(kinds))
	for i, f := range kinds {
		capacity := fmt.Sprintf("max by (%s) (%s{%s})", f.by, f.capacity, trim(f.matchers+matcher))
		each[i] = marked(capacity, kindLabel, string(f.what))
	}
	return strings.Join(each, " or ")
}

// disks reads the histories of a kind of filesystem and joins them to objects.
func (r *reader) disks(ctx context.Context, f filesystems, v volumes, within scope.Selection, capacities metrics.Vector) []*disk {
	series, ok := r.series(ctx, question{
		what: string(f.what) + " of " + v.of, checks: r.checksRequiring(v.sources...), namespace: v.namespace, within: within,
		step: stepFill, spans: []time.Duration{historyFill, historyFillShort},
		expression: func(matcher string) string {
			in := trim(f.matchers + matcher)
			if f.used != "" {
				return fmt.Sprintf("min by (%[1]s) (%[2]s{%[4]s} - %[3]s{%[4]s})", f.by, f.capacity, f.used, in)
			}
			return fmt.Sprintf("min by (%s) (%s{%s})", f.by, f.free, in)
		},
	})
	if !ok {
		return nil
	}
	r.provide(v.sources)
	return joinDisks(capacities, series, v.object)
}

func (r *reader) provide(sources []facts.Source) {
	for _, source := range sources {
		r.in.Graph.Provide(source)
	}
}

func joinDisks(capacities metrics.Vector, series []metrics.Series, object toObject) []*disk {
	type key struct {
		object facts.Ref
		device string
	}
	known := map[key]*disk{}
	for _, sample := range capacities {
		ref, ok := object(sample.Labels)
		if !ok || !metrics.Usable(sample.Value) || sample.Value <= 0 {
			continue // some filesystems have no inode count
		}
		k := key{ref, sample.Labels["device"]}
		path := sample.Labels["mountpoint"]
		if d := known[k]; d == nil || shorter(path, d.path) {
			known[k] = &disk{object: ref, device: k.device, path: path, capacity: sample.Value}
		}
	}
	for _, s := range series {
		ref, ok := object(s.Labels)
		if !ok {
			continue
		}
		// A filesystem may have consecutive series if its exporter was replaced. Series of other mount points are duplicates.
		if d := known[key{ref, s.Labels["device"]}]; d != nil && d.path == s.Labels["mountpoint"] {
			d.points = append(d.points, s.Points...)
		}
	}
	disks := make([]*disk, 0, len(known))
	for _, d := range known {
		disks = append(disks, d)
	}
	slices.SortFunc(disks, func(a, b *disk) int {
		if c := a.object.Compare(b.object); c != 0 {
			return c
		}
		return strings.Compare(a.path+a.device, b.path+b.device)
	})
	return disks
}

func shorter(a, b string) bool { return len(a) < len(b) || len(a) == len(b) && a < b }

// trim removes the trailing comma of matchers.
func trim(matchers string) string { return strings.TrimSuffix(matchers, ",") }

// fills returns the disks that will be full within the horizon, and those that are nearly full.
func (r *reader) fills(f filesystems, disks []*disk, v volumes) []facts.Fill {
	now := r.end(stepFill)
	var fills []facts.Fill
	for _, d := range disks {
		free, ok := newest(d.points, now.Add(-4*stepFill), now)
		if !ok {
			continue
		}
		if first, ok := firstOf(d.points); ok {
			r.noteHistory(v.sources[0], f.metric(), d.object, first, v.horizon/4)
		}
		fill := facts.Fill{Object: d.object, What: f.what, Path: d.path, Free: free, Capacity: d.capacity}
		left := d.points
		if f.reserve > 0 {
			left = subtract(d.points, f.reserve*d.capacity)
		}
		forecast, ok := Exhaustion(left, d.capacity, r.in.Graph.Now, v.horizon)
		if ok {
			fill.Forecast = true
			fill.Until, fill.Earliest, fill.Latest = forecast.Until, forecast.Earliest, forecast.Latest
			fill.PerDay = forecast.PerDay
			fill.History = forecast.History
			fill.Cycles = forecast.Cycles
		}
		if ok || free < v.nearly*d.capacity {
			fills = append(fills, fill)
		}
	}
	return fills
}

// newest returns the latest usable value within a period.
func newest(points []metrics.Point, from, to time.Time) (float64, bool) {
	var value float64
	var at time.Time
	for _, p := range points {
		if metrics.Usable(p.Value) && p.Value >= 0 && p.Time.After(from) && !p.Time.After(to) && !p.Time.Before(at) {
			value, at = p.Value, p.Time
		}
	}
	return value, !at.IsZero()
}

// subtract reduces values by a reserve. Values that were below it become negative, which the forecast ignores.
func subtract(points []metrics.Point, reserve float64) []metrics.Point {
	reduced := make([]metrics.Point, 0, len(points))
	for _, p := range points {
		reduced = append(reduced, metrics.Point{Time: p.Time, Value: p.Value - reserve})
	}
	return reduced
}
