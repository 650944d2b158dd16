package podtemplate

import (
	"maps"
	"strconv"
	"strings"

	"kubeops.io/kubeops/internal/inspect/facts"
)

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
		if !g.IsTopWorkload(w) {
			continue
		}
		wanted := w.Desired
		if w.Kind == facts.DaemonSet {
			wanted = -1
		}
		all[w.Namespace] = append(all[w.Namespace], Planned{w.Ref, w.TemplateLabels, w.Template, wanted})
	}
	for _, job := range g.Jobs {
		if g.TopOwner(job.Ref) == job.Ref {
			all[job.Namespace] = append(all[job.Namespace], Planned{job.Ref, job.TemplateLabels, job.Template, -1})
		}
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
		if Selects(selector, p.Owner, p.Labels) {
			selected = append(selected, p)
		}
	}
	return selected
}

// Selects reports whether a selector can match Pods of an owner with the labels of its template. Controllers add labels to the Pods
// that they create: a Service of one Pod of a StatefulSet selects it by statefulset.kubernetes.io/pod-name.
// https://kubernetes.io/docs/reference/labels-annotations-taints/
func Selects(selector facts.Selector, owner facts.Ref, labels map[string]string) bool {
	if selector.Matches(labels) {
		return true
	}
	added := maps.Clone(labels)
	for key, value := range selector.Exact() {
		if _, set := labels[key]; !set && addedByController(owner, key, value) {
			if added == nil {
				added = map[string]string{}
			}
			added[key] = value
		}
	}
	return len(added) > len(labels) && selector.Matches(added)
}

// addedByController reports whether the controller of an owner may add a label with a value to its Pods.
func addedByController(owner facts.Ref, key, value string) bool {
	number := func(text string) bool {
		_, err := strconv.ParseUint(text, 10, 31)
		return err == nil
	}
	switch key {
	case "statefulset.kubernetes.io/pod-name":
		ordinal, named := strings.CutPrefix(value, owner.Name+"-")
		return owner.Kind == facts.StatefulSet && named && number(ordinal)
	case "apps.kubernetes.io/pod-index":
		return owner.Kind == facts.StatefulSet && number(value)
	case "batch.kubernetes.io/job-name", "job-name":
		return owner.Kind == facts.Job && value == owner.Name
	case "batch.kubernetes.io/job-completion-index":
		return owner.Kind == facts.Job && number(value)
	case "batch.kubernetes.io/controller-uid", "controller-uid":
		return owner.Kind == facts.Job
	case "controller-revision-hash":
		return owner.Kind == facts.StatefulSet || owner.Kind == facts.DaemonSet
	case "pod-template-generation":
		return owner.Kind == facts.DaemonSet
	case "pod-template-hash":
		return owner.Kind == facts.Deployment
	default:
		return false
	}
}
