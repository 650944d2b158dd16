package scope

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// Shown returns the labels of an object's alert that may be shown, as name=value, sorted. In a run that read the whole cluster, these
// are all. Otherwise only labels that name the object, its parts and other objects that were read: anything else may be text about others,
// such as a list of the Pods that the alert affects.
func (f *Filter) Shown(object facts.Ref, labels map[string]string) []string {
	var shown []string
	whole := f.Whole()
	read := f.read(object, labels)
	for name, value := range labels {
		if whole || read[strings.TrimPrefix(name, "exported_")] == value && value != "" {
			shown = append(shown, name+"="+value)
		}
	}
	slices.Sort(shown)
	return shown
}

// read returns the labels that name objects that were read.
func (f *Filter) read(object facts.Ref, labels map[string]string) map[string]string {
	read := map[string]string{}
	for _, name := range facts.Names(labels) {
		ok := false
		switch name.Ref.Kind {
		case facts.Namespace:
			ok = f.Reads(name.Ref.Name)
		case facts.Pod:
			_, ok = f.Pod(name.Ref.Namespace, name.Ref.Name)
		case facts.Node:
			_, ok = f.labeled.Node(map[string]string{"node": name.Ref.Name})
		default:
			ok = f.Has(name.Ref)
		}
		if ok {
			read[name.Label] = name.Ref.Name
		}
	}
	if container, ok := f.Container(object, facts.Label(labels, "container")); ok {
		read["container"] = container
	}
	return read
}

// Instance returns the address of a target in the form that may be shown; empty if none may. In a run that read the whole cluster that
// is the address itself. Otherwise an address may be that of anyone, so that the name of the target's Pod, Service or Node takes
// its place, with its port.
func (f *Filter) Instance(labels map[string]string) string {
	instance := labels["instance"]
	if f.Whole() {
		return instance
	}
	read := f.read(facts.Ref{}, labels)
	for _, label := range []string{"pod", "kubernetes_pod_name", "service", "kubernetes_name", "node", "kubernetes_node", "nodename"} {
		if name := read[label]; name != "" {
			return withPort(name, instance)
		}
	}
	return ""
}

// withPort appends the port of an address.
func withPort(name, address string) string {
	_, port, err := net.SplitHostPort(address)
	if number, parseErr := strconv.ParseUint(port, 10, 16); err != nil || parseErr != nil || number == 0 {
		return name
	}
	return name + ":" + port
}

// Job returns the name of a scrape job that may be shown; empty if it may not. Anyone who configures the monitoring names jobs,
// the Prometheus Operator by default as <namespace>/<name>: in a run that did not read the whole cluster, only the name of an
// object in the target's namespace, or one below a namespace that was read, is shown.
func (f *Filter) Job(labels map[string]string) string {
	job := labels["job"]
	if f.Whole() {
		return job
	}
	namespace := facts.Label(labels, "namespace")
	if f.names(namespace, job) {
		return job
	}
	parts := strings.Split(job, "/")
	if len(parts) > 1 && (parts[0] == "serviceMonitor" || parts[0] == "podMonitor") {
		parts = parts[1:]
	}
	if len(parts) > 1 && f.Reads(parts[0]) {
		return job
	}
	return ""
}

// names reports whether an object in a namespace has the name.
func (f *Filter) names(namespace, name string) bool {
	return slices.ContainsFunc(kinds(), func(kind facts.Kind) bool {
		return name != "" && f.Has(facts.Ref{Kind: kind, Namespace: namespace, Name: name})
	})
}
