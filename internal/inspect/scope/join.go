package scope

import (
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// Has reports whether an object was read and is inspected. Cluster-scoped objects are, whatever namespaces were requested.
func (f *Filter) Has(ref facts.Ref) bool {
	return f.graph.Has(ref) && (ref.Namespace == "" || f.inspects(ref.Namespace))
}

// AllPods reports whether every Pod of a namespace was read. Only then does a name without a Pod belong to a deleted one.
func (f *Filter) AllPods(namespace string) bool {
	return namespace != "" && f.inspects(namespace) && f.graph.Complete(facts.Pod, namespace)
}

// Pod is the topmost owner of a Pod. The owner of a deleted Pod is derived from the Pod's name.
func (f *Filter) Pod(namespace, name string) (facts.Ref, bool) {
	if name == "" || !f.inspects(namespace) {
		return facts.Ref{}, false
	}
	if ref := (facts.Ref{Kind: facts.Pod, Namespace: namespace, Name: name}); f.graph.Has(ref) {
		return f.graph.TopOwner(ref), true
	}
	owner, ok := f.Owner(namespace, name)
	return owner, ok && owner.Name != name // controllers append a suffix: a workload's own name is that of another Pod
}

// Owner is the workload with a name, or that of a deleted Pod with the name, in a namespace whose Pods were all read.
func (f *Filter) Owner(namespace, name string) (facts.Ref, bool) {
	if !f.AllPods(namespace) {
		return facts.Ref{}, false
	}
	return f.labeled.Workload(namespace, name)
}

// Workload is a workload by its name.
func (f *Filter) Workload(namespace, name string) (facts.Ref, bool) {
	ref, ok := f.labeled.Workload(namespace, name)
	return ref, ok && ref.Name == name && f.inspects(namespace)
}

// Node is the Node that labels of a series name, by its name or the address of the target.
func (f *Filter) Node(labels map[string]string) (facts.Ref, bool) { return f.labeled.Node(labels) }

// Object is the object that labels of an alert or target name. It is false where they name none that was read, and where they name
// one that was not beside a Node, a Namespace or a volume: a Node runs the Pods of everyone, and an account that lists Namespaces
// may still not read what is in them.
func (f *Filter) Object(labels map[string]string) (facts.Ref, bool) {
	object, ok := f.labeled.Object(labels)
	switch {
	case ok && object.Namespace != "":
		return object, f.inspects(object.Namespace) && (f.named(object, labels) || f.AllPods(object.Namespace))
	case f.requested != nil, f.namesUnread(labels):
		return facts.Ref{}, false
	case ok:
		return object, true
	}
	// An account that reads what is in a namespace may not be able to read the Namespace.
	if namespace, ok := f.labeled.InNamespace(labels); ok && f.Reads(namespace) {
		return facts.Ref{Kind: facts.Namespace, Name: namespace}, true
	}
	return facts.Ref{}, false
}

// named reports whether labels name an object or what it owns. Otherwise it was derived from the name of a deleted Pod.
func (f *Filter) named(object facts.Ref, labels map[string]string) bool {
	return slices.ContainsFunc(facts.Names(labels), func(name facts.Name) bool {
		return f.graph.Has(name.Ref) && f.graph.TopOwner(name.Ref) == object
	})
}

// Unattached reports whether labels that name no object may be shown: the run read the whole cluster, and they name nothing that is
// not in it.
func (f *Filter) Unattached(labels map[string]string) bool {
	return f.Whole() && !f.namesUnread(labels)
}

// namesUnread reports whether labels name an object that was not read, other than a deleted one.
func (f *Filter) namesUnread(labels map[string]string) bool {
	for _, name := range facts.Names(labels) {
		switch ref := name.Ref; {
		case ref.Kind == facts.Namespace:
			if !f.Reads(ref.Name) {
				return true
			}
		case ref.Kind == facts.Node:
			if _, ok := f.labeled.Node(map[string]string{"node": ref.Name}); !ok {
				return true
			}
		case !f.graph.Has(ref) && !f.graph.Complete(ref.Kind, ref.Namespace):
			return true
		}
	}
	if facts.Label(labels, "namespace") != "" {
		return false
	}
	for name, value := range labels { // kubernetes_namespace, destination_workload_namespace, ...
		if strings.Contains(name, "namespace") && value != "" && !f.Reads(value) {
			return true
		}
	}
	return false
}

// Container returns the name of a container of a workload, as its spec or one of its Pods has it; empty and false for other names.
func (f *Filter) Container(workload facts.Ref, name string) (string, bool) {
	if f.containers == nil {
		f.containers = map[facts.Ref]map[string]bool{}
		for _, use := range f.graph.Specs() {
			f.addContainers(use)
		}
	}
	if !f.containers[workload][name] {
		return "", false
	}
	return strings.Clone(name), true
}

func (f *Filter) addContainers(use facts.SpecUse) {
	if use.Spec.Lean == nil {
		return
	}
	names := f.containers[use.Owner]
	if names == nil {
		names = map[string]bool{}
		f.containers[use.Owner] = names
	}
	for i := range use.Spec.Lean.Containers {
		names[use.Spec.Lean.Containers[i].Name] = true
	}
	for i := range use.Spec.Lean.InitContainers {
		names[use.Spec.Lean.InitContainers[i].Name] = true
	}
	for i := range use.Spec.Lean.EphemeralContainers {
		names[use.Spec.Lean.EphemeralContainers[i].Name] = true
	}
}
