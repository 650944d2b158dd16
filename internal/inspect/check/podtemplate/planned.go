package podtemplate

import "kubeops.io/kubeops/internal/inspect/facts"

// Planned are Pods that manifests describe: those that a workload will create, or one that no workload owns. Checks use them
// in OnManifests.
type Planned struct {
	// Owner is the workload, or the Pod itself.
	Owner facts.Ref
	// Labels and Spec of the Pods.
	Labels map[string]string
	Spec   *facts.PodSpec
	// Wanted is the number of Pods; -1 if the cluster decides it.
	Wanted int32
}

// PlannedPods are the planned Pods by namespace.
func PlannedPods(g *facts.Graph) map[string][]Planned {
	all := map[string][]Planned{}
	for _, w := range g.Workloads {
		if g.TopOwner(w.Ref) != w.Ref {
			continue
		}
		wanted := w.Desired
		if w.Kind == facts.DaemonSet {
			wanted = -1
		}
		all[w.Namespace] = append(all[w.Namespace], Planned{w.Ref, w.TemplateLabels, w.Template, wanted})
	}
	for _, pod := range g.Pods {
		all[pod.Namespace] = append(all[pod.Namespace], Planned{pod.Ref, pod.Labels, pod.Spec, 1})
	}
	return all
}

// Selected returns the Pods that a selector matches.
func Selected(pods []Planned, selector facts.Selector) []Planned {
	var selected []Planned
	for _, p := range pods {
		if selector.Matches(p.Labels) {
			selected = append(selected, p)
		}
	}
	return selected
}
