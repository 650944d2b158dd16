package scheduling

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

// missingSpreadKeys are the keys of the Pod's topology spread constraints that no node has, which rule out all nodes.
func (pl placement) missingSpreadKeys() []string {
	if pl.pod.Spec == nil || pl.pod.Spec.Lean == nil || !pl.g.Complete(facts.Node, "") || len(pl.g.Nodes) == 0 {
		return nil
	}
	var missing []string
	for _, c := range pl.pod.Spec.Lean.TopologySpreadConstraints {
		has := slices.ContainsFunc(pl.g.Nodes, func(n *facts.NodeNode) bool {
			_, ok := n.NodeLabels[c.TopologyKey]
			return ok
		})
		if c.WhenUnsatisfiable == corev1.DoNotSchedule && !has && !slices.Contains(missing, c.TopologyKey) {
			missing = append(missing, c.TopologyKey)
		}
	}
	return missing
}

// spreadText says why topology spread constraints exclude all nodes.
func (pl placement) spreadText() (why string, fix remedy.Text) {
	keys := pl.missingSpreadKeys()
	if len(keys) == 0 {
		return "no node satisfies the topology spread constraints", "Add nodes in the zones that have too few Pods, raise maxSkew, or " +
			"use whenUnsatisfiable: ScheduleAnyway; with \"missing required label\" in the evidence, label the nodes with the topologyKey."
	}
	return fmt.Sprintf("no node has the %s %s that its topologySpreadConstraints require", phrase.Plural(len(keys), "label", "labels"),
			strings.Join(keys, ", ")),
		remedy.Sprintf("Label the nodes (`kubectl label node <node> %s=<value>`), or set whenUnsatisfiable: ScheduleAnyway or another "+
			"topologyKey, such as kubernetes.io/hostname, in the Pod template of %s.", keys[0], pl.g.OwnerName(pl.pod))
}

// unmetExpressions are the expressions of the Pod's required node affinity that no node meets. Terms are alternatives: with several,
// none alone explains it.
func (pl placement) unmetExpressions() []string {
	if pl.pod.Spec == nil || pl.pod.Spec.Lean == nil || !pl.g.Complete(facts.Node, "") || len(pl.g.Nodes) == 0 {
		return nil
	}
	affinity := pl.pod.Spec.Lean.Affinity
	if affinity == nil || affinity.NodeAffinity == nil || affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return nil
	}
	terms := affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	if len(terms) != 1 {
		return nil
	}
	var unmet []string
	for _, e := range terms[0].MatchExpressions {
		if e.Operator != corev1.NodeSelectorOpIn && e.Operator != corev1.NodeSelectorOpExists {
			continue
		}
		met := slices.ContainsFunc(pl.g.Nodes, func(n *facts.NodeNode) bool {
			value, has := n.NodeLabels[e.Key]
			return has && (e.Operator == corev1.NodeSelectorOpExists || slices.Contains(e.Values, value))
		})
		switch {
		case met:
		case e.Operator == corev1.NodeSelectorOpExists:
			unmet = append(unmet, e.Key)
		default:
			unmet = append(unmet, e.Key+" in ("+text.List(e.Values, 3)+")")
		}
	}
	return unmet
}

// untolerated are the taints of nodes that the Pod does not tolerate, without those of nodes that take no Pods for now, and without
// those of the control plane beside others.
func (pl placement) untolerated() []string {
	if pl.pod.Spec == nil || pl.pod.Spec.Lean == nil {
		return nil
	}
	var others, controlPlane []string
	for _, n := range pl.g.Nodes {
		for _, t := range n.Taints {
			if t.Effect == string(corev1.TaintEffectPreferNoSchedule) || strings.HasPrefix(t.Key, "node.kubernetes.io/") ||
				tolerates(pl.pod.Spec.Lean.Tolerations, t) {
				continue
			}
			name := t.Key + ":" + t.Effect
			if t.Value != "" {
				name = t.Key + "=" + t.Value + ":" + t.Effect
			}
			list := &others
			if strings.HasPrefix(t.Key, "node-role.kubernetes.io/") {
				list = &controlPlane
			}
			if !slices.Contains(*list, name) {
				*list = append(*list, name)
			}
		}
	}
	if len(others) == 0 {
		others = controlPlane
	}
	slices.Sort(others)
	return others
}

func tolerates(tolerations []corev1.Toleration, t facts.Taint) bool {
	return slices.ContainsFunc(tolerations, func(o corev1.Toleration) bool {
		exists := o.Operator == corev1.TolerationOpExists
		return (o.Effect == "" || string(o.Effect) == t.Effect) && (o.Key == t.Key || o.Key == "" && exists) &&
			(exists || o.Value == t.Value)
	})
}

// strandedVolume is a volume of the Pod that only nodes with a label reach, such as a zone, and no node has the label with its value.
func (pl placement) strandedVolume() (why string, evidence []check.Evidence, fix remedy.Text) {
	if !pl.g.Complete(facts.Node, "") {
		return "", nil, ""
	}
	for _, claim := range pl.pod.Claims() {
		node, ok := facts.Lookup[*facts.PVCNode](pl.g, claim)
		if !ok || node.Volume == "" {
			continue
		}
		volume, ok := facts.Lookup[*facts.PVNode](pl.g, facts.Ref{Kind: facts.PV, Name: node.Volume})
		if !ok {
			continue
		}
		for _, place := range volume.Places {
			have := pl.valuesOf(place.Key)
			evidence = append(evidence, check.FromSpec("PersistentVolume %s of claim %s: %s in (%s)", volume.Name, claim.Name, place.Key,
				text.List(place.Values, 3)))
			if slices.ContainsFunc(place.Values, func(v string) bool { return slices.Contains(have, v) }) {
				continue
			}
			if len(have) > 0 {
				evidence = append(evidence, check.FromSpec("the nodes have %s=%s", place.Key, text.List(have, 3)))
			}
			return fmt.Sprintf("the volume of claim %s is only accessible from nodes with %s=%s, and no node has that label", claim.Name,
					place.Key, strings.Join(place.Values, " or ")), evidence,
				remedy.Sprintf("Add a node with %s=%s. If there will be none, restore the data from a backup into a new volume: "+
					"deleting claim "+
					"%s deletes its data with reclaim policy Delete.", place.Key, place.Values[0], claim.Name)
		}
	}
	return "", evidence, ""
}

// valuesOf are the values that nodes have of a label, sorted.
func (pl placement) valuesOf(key string) []string {
	var values []string
	for _, n := range pl.g.Nodes {
		if value, ok := n.NodeLabels[key]; ok && !slices.Contains(values, value) {
			values = append(values, value)
		}
	}
	slices.Sort(values)
	return values
}

// device is an extended resource of the cluster, such as nvidia.com/gpu.
type device struct {
	// total is allocatable on all nodes, largest on one of them; used is what the Pods on them request.
	total, largest, used int64
}

// devices counts extended resources once for all Pods that wait for one.
type devices struct {
	g     *facts.Graph
	known map[string]device
}

func (d *devices) of(name string) device {
	if known, ok := d.known[name]; ok {
		return known
	}
	var found device
	for _, n := range d.g.Nodes {
		amount := n.Extended[name]
		if amount == 0 {
			continue
		}
		found.total += amount
		found.largest = max(found.largest, amount)
		for _, pod := range check.RunningOn(d.g, n.Name) {
			found.used += extendedRequest(pod, name)
		}
	}
	d.known[name] = found
	return found
}

// extendedRequest is how much of an extended resource the containers of a Pod request; limits are requests.
func extendedRequest(pod *facts.PodNode, name string) int64 {
	if pod.Spec == nil || pod.Spec.Lean == nil {
		return 0
	}
	var running, peak int64
	for i := range pod.Spec.Lean.Containers {
		running += extendedOf(pod.Spec.Lean.Containers[i].Resources, name)
	}
	for i := range pod.Spec.Lean.InitContainers {
		peak = max(peak, extendedOf(pod.Spec.Lean.InitContainers[i].Resources, name))
	}
	return max(running, peak)
}

func extendedOf(r corev1.ResourceRequirements, name string) int64 {
	if q, ok := r.Requests[corev1.ResourceName(name)]; ok {
		return q.Value()
	}
	q := r.Limits[corev1.ResourceName(name)]
	return q.Value()
}

// deviceText says what is short of an extended resource that the scheduler names; empty if it names none.
func (pl placement) deviceText() (why string, evidence []check.Evidence, fix remedy.Text) {
	for _, r := range pl.reasons {
		name, short := strings.CutPrefix(r.text, "Insufficient ")
		if !short || !strings.Contains(name, "/") || !pl.g.Complete(facts.Node, "") {
			continue
		}
		d := pl.devices.of(name)
		request := extendedRequest(pl.pod, name)
		evidence = append(evidence, check.FromCondition("%s: each Pod requests %d; the nodes have %d allocatable, at most %d on one node, "+
			"and Pods request %d of them", name, request, d.total, d.largest, d.used))
		owner := pl.g.OwnerName(pl.pod)
		switch {
		case d.total == 0:
			return "no node offers " + name, evidence, remedy.Sprintf("Add a node with %[1]s, and see whether the device plugin that "+
				"offers "+
				"it runs on it: `kubectl get pods -A -o wide`. Without one, remove %[1]s from the resources of %[2]s.", name, owner)
		case request > d.largest:
			return fmt.Sprintf("they request %d %s but the largest node has %d", request, name, d.largest), evidence,
				remedy.Sprintf("Request at most %d %s per Pod in the template of %s, or add a node with more.", d.largest, name, owner)
		default:
			return fmt.Sprintf("all %s that fit are in use", name), evidence, remedy.Sprintf("Wait for Pods that use %s to finish, "+
				"run fewer of "+
				"them, or add nodes with it.", name)
		}
	}
	return "", nil, ""
}
