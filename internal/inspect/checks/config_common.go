package checks

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// configurationChecks are about how things are set up: nothing of it is broken now, or shows.
func configurationChecks() []Check {
	return slices.Concat(
		resourceChecks(), probeSetupChecks(), availabilityChecks(), rolloutChecks(), referenceChecks(), containerChecks(),
		selectorChecks(), autoscalerSetupChecks(), jobSetupChecks(), apiVersionChecks(), habitChecks(),
	)
}

// shippedNote ends the Meaning of checks that leave out what a distribution brings.
const shippedNote = " Namespaces that begin with kube- or openshift- are left out: what runs there is the distribution's."

// shipped says whether a namespace belongs to the distribution, so that nobody here can change how its objects are set up.
func shipped(namespace string) bool {
	return strings.HasPrefix(namespace, "kube-") || strings.HasPrefix(namespace, "openshift-")
}

// setup is a Pod template, or the spec of a Pod that nothing made, with its owner.
type setup struct {
	facts.SpecUse
	// lean is Spec.Lean; never nil.
	lean *corev1.PodSpec
	// live is true where lean is what running Pods have, with all that admission filled in.
	live bool
	// workload is nil where the owner is a Job, a CronJob or a Pod.
	workload *facts.WorkloadNode
}

// setups are the Pod templates whose owners people set up, in a fixed order, and the specs of Pods that nothing made. Left
// out are the namespaces of the distribution, what is being deleted, finished or scaled to zero, and Pods that belong to
// something else than a workload: static Pods of a node, and those of an operator's resources.
func setups(g *facts.Graph) []setup {
	var all []setup
	for _, use := range g.Specs() {
		if s, ok := setupOf(g, use); ok {
			all = append(all, s)
		}
	}
	return all
}

func setupOf(g *facts.Graph, use facts.SpecUse) (setup, bool) {
	if use.Spec.Lean == nil || shipped(use.Owner.Namespace) {
		return setup{}, false
	}
	s := setup{SpecUse: use, lean: use.Spec.Lean}
	switch node := g.Get(use.Owner).(type) {
	case *facts.WorkloadNode:
		s.workload = node
		return s, use.Template && node.Deleting.IsZero() && (node.Desired > 0 || node.Kind == facts.DaemonSet)
	case *facts.JobNode:
		return s, use.Template && node.Deleting.IsZero() && !jobFinished(node)
	case *facts.CronJobNode:
		return s, use.Template && node.Deleting.IsZero()
	case *facts.PodNode:
		s.live = true
		return s, node.Deleting.IsZero() && !node.Owned
	default:
		return setup{}, false
	}
}

// effective are the setups with what their Pods have in place of what the template says, where there are Pods: admission
// fills in requests and limits that the template leaves open.
func effective(g *facts.Graph) []setup {
	running := map[facts.Ref]*facts.PodSpec{}
	for _, use := range g.Specs() {
		if !use.Template && use.Spec.Lean != nil && use.Owner.Kind != facts.Pod {
			running[use.Owner] = use.Spec // of several, as during a rollout, the last
		}
	}
	all := setups(g)
	for i := range all {
		if spec := running[all[i].Owner]; spec != nil {
			all[i].Spec, all[i].lean, all[i].live = spec, spec.Lean, true
		}
	}
	return all
}

// serving says whether the Pods run until somebody stops them, and not until their work is done.
func (s setup) serving() bool { return s.workload != nil || s.Owner.Kind == facts.Pod }

// running are the containers that run for as long as the Pod: the containers and the sidecars.
func (s setup) running() []*corev1.Container {
	var all []*corev1.Container
	for i := range s.lean.InitContainers {
		if c := &s.lean.InitContainers[i]; c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			all = append(all, c)
		}
	}
	for i := range s.lean.Containers {
		all = append(all, &s.lean.Containers[i])
	}
	return all
}

// all are the containers of every sort.
func (s setup) all() []*corev1.Container {
	var all []*corev1.Container
	for i := range s.lean.InitContainers {
		all = append(all, &s.lean.InitContainers[i])
	}
	for i := range s.lean.Containers {
		all = append(all, &s.lean.Containers[i])
	}
	return all
}

// name is the owner in texts: Deployment cart.
func (s setup) name() string { return string(s.Owner.Kind) + " " + s.Owner.Name }

// kubectl is the command with the namespace of an object.
func kubectl(ref facts.Ref) string {
	if ref.Namespace == "" {
		return "kubectl"
	}
	return "kubectl -n " + ref.Namespace
}

// containersText lists containers for messages: container api, containers api, proxy.
func containersText(names []string) string {
	return plural(len(names), "container ", "containers ") + strings.Join(names, ", ")
}

// labelIndex finds which selectors match a set of labels without trying every one of them: each stands under one label that
// it demands, the rarest.
type labelIndex[T any] struct {
	byLabel map[labelKey][]int
	// rest are the selectors that demand no single value, by namespace.
	rest    map[string][]int
	entries []labelEntry[T]
}

type labelKey struct{ namespace, key, value string }

type labelEntry[T any] struct {
	item     T
	selector facts.Selector
}

// indexLabels makes the index. of tells an item's namespace and selector.
func indexLabels[T any](items []T, of func(T) (namespace string, selector facts.Selector)) labelIndex[T] {
	index := labelIndex[T]{byLabel: map[labelKey][]int{}, rest: map[string][]int{}}
	count := map[labelKey]int{}
	keys := make([][]labelKey, len(items))
	for i, item := range items {
		namespace, selector := of(item)
		index.entries = append(index.entries, labelEntry[T]{item, selector})
		for key, value := range selector.Exact() {
			k := labelKey{namespace, key, value}
			keys[i] = append(keys[i], k)
			count[k]++
		}
		slices.SortFunc(keys[i], func(a, b labelKey) int { return cmp.Compare(a.key, b.key) })
	}
	for i, item := range items {
		if len(keys[i]) == 0 {
			namespace, _ := of(item)
			index.rest[namespace] = append(index.rest[namespace], i)
			continue
		}
		rarest := slices.MinFunc(keys[i], func(a, b labelKey) int { return cmp.Compare(count[a], count[b]) })
		index.byLabel[rarest] = append(index.byLabel[rarest], i)
	}
	return index
}

// matching are the items of a namespace whose selector matches the labels, in the order in which they were given.
func (x labelIndex[T]) matching(namespace string, labels map[string]string) []T {
	var found []int
	try := func(candidates []int) {
		for _, i := range candidates {
			if x.entries[i].selector.Matches(labels) {
				found = append(found, i)
			}
		}
	}
	for key, value := range labels {
		try(x.byLabel[labelKey{namespace, key, value}])
	}
	try(x.rest[namespace])
	slices.Sort(found)
	items := make([]T, 0, len(found))
	for _, i := range found {
		items = append(items, x.entries[i].item)
	}
	return items
}

// serviceIndex finds the Services that select Pods with certain labels.
func serviceIndex(g *facts.Graph) labelIndex[*facts.ServiceNode] {
	selecting := slices.DeleteFunc(slices.Clone(g.Services), func(s *facts.ServiceNode) bool { return !selects(s) })
	return indexLabels(selecting, func(s *facts.ServiceNode) (string, facts.Selector) {
		return s.Namespace, facts.SelectorFromSet(s.Selector)
	})
}

// topOwned says whether a workload is not made by another one that is known.
func topOwned(g *facts.Graph, w *facts.WorkloadNode) bool { return g.TopOwner(w.Ref) == w.Ref }
