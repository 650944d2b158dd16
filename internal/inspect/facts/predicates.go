package facts

import (
	"iter"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// What several subjects of checks ask of an object stands here once, as methods, in the terms of Kubernetes.

// WorkloadKinds are the kinds that own long-running Pods; with them a Pod is known by its workload.
func WorkloadKinds() []Kind {
	return []Kind{Deployment, ReplicaSet, StatefulSet, DaemonSet, ReplicationController}
}

// OlderThan reports whether something that began at a time has lasted longer than a duration. An unknown (zero) time is long ago.
func (g *Graph) OlderThan(since time.Time, d time.Duration) bool {
	return g.Now.Sub(since) > d
}

// WorkloadsComplete reports whether all workloads of a namespace were read.
func (g *Graph) WorkloadsComplete(namespace string) bool {
	return !slices.ContainsFunc(WorkloadKinds(), func(k Kind) bool { return !g.Complete(k, namespace) })
}

// PodsAndWorkloadsComplete reports whether all Pods and all workloads of a namespace were read.
func (g *Graph) PodsAndWorkloadsComplete(namespace string) bool {
	return g.WorkloadsComplete(namespace) && g.Complete(Pod, namespace)
}

// TopWorkloads are the workloads of a namespace that no other known workload owns and that are not being deleted.
func (g *Graph) TopWorkloads(namespace string) []*WorkloadNode {
	var top []*WorkloadNode
	for _, workload := range g.Workloads {
		if workload.Namespace == namespace && workload.Deleting.IsZero() && g.IsTopWorkload(workload) {
			top = append(top, workload)
		}
	}
	return top
}

// IsTopWorkload reports whether no other known workload owns a workload. Of the ReplicaSets of a custom resource, those are that have
// Pods or stand for it; see Revision.
func (g *Graph) IsTopWorkload(workload *WorkloadNode) bool {
	switch owner := g.TopOwner(workload.Ref); {
	case owner == workload.Ref:
		return true
	case workload.IsRevision():
		return workload.Desired > 0 || g.Revision(owner) == workload
	default:
		return false
	}
}

// IsRevision reports whether a custom resource controls a ReplicaSet.
func (n *WorkloadNode) IsRevision() bool { return n.Kind == ReplicaSet && n.Owner.Kind.IsCustom() }

// Revision is the ReplicaSet that stands for a custom resource which controls ReplicaSets: the largest, or else the newest. It is the
// workload itself for a workload, and nil for all other objects.
func (g *Graph) Revision(owner Ref) *WorkloadNode {
	if !owner.Kind.IsCustom() {
		workload, _ := Lookup[*WorkloadNode](g, owner)
		return workload
	}
	var best *WorkloadNode
	for _, ref := range g.owned[owner] {
		set, ok := Lookup[*WorkloadNode](g, ref)
		if !ok || !set.IsRevision() {
			continue
		}
		if best == nil || set.Desired > best.Desired || set.Desired == best.Desired && set.Created.After(best.Created) {
			best = set
		}
	}
	return best
}

// NoEarlierRevision reports whether a workload is known to have no earlier revision, to which kubectl rollout undo could return: its
// specification never changed, or it is a Deployment of which one ReplicaSet exists.
func (g *Graph) NoEarlierRevision(owner Ref) bool {
	workload, ok := Lookup[*WorkloadNode](g, owner)
	if !ok {
		return false
	}
	if workload.Generation == 1 {
		return true
	}
	if workload.Kind != Deployment || !g.Complete(ReplicaSet, owner.Namespace) {
		return false
	}
	revisions := 0
	for _, set := range g.Workloads {
		if set.Kind == ReplicaSet && set.Owner == owner {
			revisions++
		}
	}
	return revisions == 1
}

// OwnerName is the kind and name of the top owner of a Pod: Deployment cart.
func (g *Graph) OwnerName(pod *PodNode) string {
	owner := g.TopOwner(pod.Ref)
	return owner.Kind.Name() + " " + owner.Name
}

// WebhookConfigurations are the webhook configurations that hold a webhook of the name.
func (g *Graph) WebhookConfigurations(webhook string) []Ref {
	var refs []Ref
	for _, configuration := range g.Webhooks {
		if slices.ContainsFunc(configuration.Webhooks, func(w Webhook) bool { return w.Name == webhook }) {
			refs = append(refs, configuration.Ref)
		}
	}
	return refs
}

// IsActive reports whether a Pod is neither finished nor being deleted.
func (n *PodNode) IsActive() bool {
	return n.Deleting.IsZero() && n.Phase != "Succeeded" && n.Phase != "Failed"
}

// NotReadySince is when a Pod that is not ready began to be so. A Pod in a crash loop is ready for a moment after each
// restart; it counts from its creation.
func (n *PodNode) NotReadySince() time.Time {
	looping := slices.ContainsFunc(n.Containers, func(c Container) bool { return c.State.Reason == "CrashLoopBackOff" })
	switch {
	case !n.Deleting.IsZero():
		return n.Deleting
	case looping || n.ReadySince.IsZero():
		return n.Created
	default:
		return n.ReadySince
	}
}

const (
	// loopRestarts is how many restarts of a container that runs make a loop.
	loopRestarts = 3
	// loopRun is how long a run in a loop lasts at most: a program that works for longer and then crashes is available in between.
	loopRun = 2 * time.Minute
)

// IsLooping reports whether a container of a Pod keeps crashing at a time: the kubelet backs off, or the container was restarted at
// least three times, its last run lasted less than two minutes, and so has the present one. Such a Pod may be ready for a moment.
func (n *PodNode) IsLooping(now time.Time) bool {
	looping := func(c Container) bool {
		if c.State.Reason == "CrashLoopBackOff" {
			return true
		}
		return c.State.Status == StateRunning && c.Restarts >= loopRestarts && now.Sub(c.State.Started) < loopRun &&
			c.Last().Status == StateTerminated && !c.Last().Started.IsZero() && c.Last().Finished.Sub(c.Last().Started) < loopRun
	}
	return slices.ContainsFunc(n.Containers, looping) ||
		slices.ContainsFunc(n.InitContainers, func(c Container) bool { return c.Sidecar && looping(c) })
}

// Claims are the PersistentVolumeClaims that a Pod uses, in the order of its spec.
func (n *PodNode) Claims() []Ref {
	if n.Spec == nil {
		return nil
	}
	var claims []Ref
	for _, r := range n.Spec.Refs {
		if r.Kind == PVC {
			claims = append(claims, Ref{Kind: PVC, Namespace: n.Namespace, Name: r.Name})
		}
	}
	return claims
}

// WantsPods reports whether a workload is not being deleted and wants at least one Pod.
func (n *WorkloadNode) WantsPods() bool {
	return n.Desired > 0 && n.Deleting.IsZero()
}

// TrueCondition returns a condition of a Job, and whether it is True.
func (n *JobNode) TrueCondition(conditionType string) (Condition, bool) {
	c, ok := n.Condition(conditionType)
	return c, ok && c.Status == "True"
}

// IsFinished reports whether a Job is complete or has failed.
func (n *JobNode) IsFinished() bool {
	_, complete := n.TrueCondition("Complete")
	_, failed := n.TrueCondition("Failed")
	return complete || failed
}

// SelectsPods reports whether a Service finds its endpoints by a selector and is not being deleted.
func (n *ServiceNode) SelectsPods() bool {
	return n.Type != "ExternalName" && len(n.Selector) > 0 && n.Deleting.IsZero()
}

// ProtocolOf is the protocol of a port; TCP is the API'n default.
func ProtocolOf(name string) string {
	if name == "" {
		return "TCP"
	}
	return name
}

// Exhausted reports whether nothing is left of what a quota allows. A limit of zero is a prohibition, and never exhausted.
func (i QuotaItem) Exhausted() bool {
	return i.Hard > 0 && i.Used >= i.Hard
}

// ClosedReason says why a node takes no new Pods although no one reserved it for others; empty when it does.
func (n *NodeNode) ClosedReason() string {
	if n.Unschedulable {
		return "cordoned"
	}
	if ready, known := n.Condition("Ready"); known && ready.Status != "True" {
		return "not ready"
	}
	for _, t := range n.Taints {
		// https://kubernetes.io/docs/reference/labels-annotations-taints/
		if name, ok := strings.CutPrefix(t.Key, "node.kubernetes.io/"); ok && t.Effect != "PreferNoSchedule" {
			return strings.ReplaceAll(name, "-", " ")
		}
	}
	return ""
}

// TakesAnyPod reports whether a node takes Pods without tolerations.
func (n *NodeNode) TakesAnyPod() bool {
	return n.Deleting.IsZero() && n.ClosedReason() == "" && !slices.ContainsFunc(n.Taints, func(t Taint) bool {
		return t.Effect == "NoSchedule" || t.Effect == "NoExecute"
	})
}

// HasLabels reports whether a node has all of the labels.
func (n *NodeNode) HasLabels(labels map[string]string) bool {
	for key, value := range labels {
		if has, ok := n.NodeLabels[key]; !ok || has != value {
			return false
		}
	}
	return true
}

// Selector matches labels. The zero value matches nothing.
type Selector struct {
	selector labels.Selector
	// Invalid is the error of a malformed selector, which matches nothing.
	Invalid string
}

// NewSelector compiles a label selector. nil matches nothing; an empty selector matches everything, as in policy/v1.
func NewSelector(selector *metav1.LabelSelector) Selector {
	compiled, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return Selector{Invalid: err.Error()}
	}
	return Selector{selector: compiled}
}

// SelectorFromSet compiles a map, as in Services. An empty map matches nothing.
func SelectorFromSet(set map[string]string) Selector {
	if len(set) == 0 {
		return Selector{}
	}
	return Selector{selector: labels.SelectorFromSet(set)}
}

// Matches reports whether the labels are selected.
func (s Selector) Matches(set map[string]string) bool {
	return s.selector != nil && s.selector.Matches(labels.Set(set))
}

// String is the selector in the form that `kubectl -l` takes.
func (s Selector) String() string {
	if s.selector == nil {
		return ""
	}
	return s.selector.String()
}

// Exact are the labels for which only one value is selected: matchLabels, and expressions with one value.
func (s Selector) Exact() iter.Seq2[string, string] {
	return func(yield func(key, value string) bool) {
		if s.selector == nil {
			return
		}
		requirements, selectable := s.selector.Requirements()
		if !selectable {
			return
		}
		for i, r := range requirements {
			if slices.ContainsFunc(requirements[:i], func(earlier labels.Requirement) bool { return earlier.Key() == r.Key() }) {
				continue
			}
			if value, ok := s.selector.RequiresExactMatch(r.Key()); ok && !yield(r.Key(), value) {
				return
			}
		}
	}
}
