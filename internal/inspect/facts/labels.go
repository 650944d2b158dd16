package facts

import (
	"net"
	"strings"
)

// Labeled finds the objects that labels of metrics and alerts refer to. It is not safe for concurrent use.
type Labeled struct {
	graph *Graph
	// nodes by name and by address.
	nodes map[string]Ref
	// workloads by namespace and name.
	workloads map[[2]string]Ref
}

// NewLabeled indexes a graph.
func NewLabeled(g *Graph) *Labeled {
	l := &Labeled{graph: g, nodes: map[string]Ref{}, workloads: map[[2]string]Ref{}}
	for _, node := range g.Nodes {
		for _, address := range node.Addresses {
			l.nodes[address] = node.Ref
		}
	}
	for _, node := range g.Nodes {
		l.nodes[node.Name] = node.Ref // a name wins over the address of another node
	}
	for _, w := range g.Workloads {
		if w.Owner.IsZero() || w.Owner.Kind.IsCustom() {
			l.workloads[[2]string{w.Namespace, w.Name}] = g.TopOwner(w.Ref)
		}
	}
	add := func(ref Ref) {
		if key := [2]string{ref.Namespace, ref.Name}; l.workloads[key].IsZero() {
			l.workloads[key] = ref
		}
	}
	for _, cron := range g.CronJobs {
		add(cron.Ref)
	}
	for _, job := range g.Jobs {
		if job.Owner.IsZero() || job.Owner.Kind.IsCustom() { // otherwise the CronJob counts
			add(job.Ref)
		}
	}
	return l
}

// labelsOfKinds are the labels with the name of an object, most specific first, as kube-state-metrics and the kubelet write them.
func labelsOfKinds() []struct {
	label string
	kind  Kind
} {
	return []struct {
		label string
		kind  Kind
	}{
		{"persistentvolumeclaim", PVC},
		{"horizontalpodautoscaler", HPA},
		{"hpa", HPA},
		{"job_name", Job},
		{"cronjob", CronJob},
		{"statefulset", StatefulSet},
		{"daemonset", DaemonSet},
		{"deployment", Deployment},
		{"replicaset", ReplicaSet},
		{"poddisruptionbudget", PDB},
		{"resourcequota", ResourceQuota},
		{"ingress", Ingress},
		{"persistentvolume", PV},
	}
}

// Name is an object that a label names, whether or not it was read.
type Name struct {
	Label string
	Ref   Ref
}

// Names lists the objects that labels name, without the namespace of a cluster-scoped kind. A name of an exporter is among them: the
// Pod of kube-state-metrics, in the namespace of what it measures.
func Names(labels map[string]string) []Name {
	namespace := Label(labels, "namespace")
	var names []Name
	add := func(label string, kind Kind) {
		name := Label(labels, label)
		if name == "" {
			return
		}
		ref := Ref{kind, namespace, name}
		if !kind.Namespaced() {
			ref.Namespace = ""
		}
		names = append(names, Name{label, ref})
	}
	add("namespace", Namespace)
	for _, known := range labelsOfKinds() {
		add(known.label, known.kind)
	}
	for _, label := range []string{"pod", "pod_name", "kubernetes_pod_name"} {
		add(label, Pod)
	}
	for _, label := range []string{"service", "kubernetes_name"} {
		add(label, Service)
	}
	for _, label := range []string{"node", "kubernetes_node", "nodename"} {
		add(label, Node)
	}
	return names
}

// Object is the object in the graph that labels refer to, by the most specific label. Controlled objects are represented by their
// topmost owner, as in findings. Exporters measure other objects, but their own labels may be present: an alert about a node that
// kube-state-metrics measured has the Pod of kube-state-metrics in its labels. Such a Pod counts only without another object.
func (l *Labeled) Object(labels map[string]string) (Ref, bool) {
	namespace := Label(labels, "namespace")
	for _, known := range labelsOfKinds() {
		name := Label(labels, known.label)
		if name == "" {
			continue
		}
		ref := Ref{known.kind, namespace, name}
		if !known.kind.Namespaced() {
			ref.Namespace = ""
		}
		if l.graph.Has(ref) {
			return l.graph.TopOwner(ref), true
		}
	}
	pod, named := l.Pod(namespace, Label(labels, "pod"))
	exporter := exporterOf(pod, labels)
	if named && exporter == "" {
		return pod, true
	}
	if node, ok := l.node(labels, exporter); ok {
		return node, true
	}
	if named {
		return pod, true
	}
	for _, name := range []string{Label(labels, "service"), Label(labels, "kubernetes_name")} {
		if ref := (Ref{Service, namespace, name}); name != "" && l.graph.Has(ref) && exporter == "" {
			return ref, true
		}
	}
	if ref, ok := l.node(labels, nodeExporter); ok { // only by its address
		return ref, true
	}
	if ref := (Ref{Kind: Namespace, Name: namespace}); namespace != "" && l.graph.Has(ref) && exporter == "" {
		return ref, true
	}
	return Ref{}, false
}

// InNamespace is the namespace that labels are about; false where they name none, or the one that an exporter runs in.
func (l *Labeled) InNamespace(labels map[string]string) (string, bool) {
	namespace := Label(labels, "namespace")
	pod, _ := l.Pod(namespace, Label(labels, "pod"))
	return namespace, namespace != "" && exporterOf(pod, labels) == ""
}

// Label returns the value of a label. Where a label of the target conflicts with one of the scrape, Prometheus renames the former to
// exported_<name>, which is the relevant one
// (https://prometheus.io/docs/prometheus/latest/configuration/configuration/#scrape_config, honor_labels).
func Label(labels map[string]string, name string) string {
	if exported := labels["exported_"+name]; exported != "" {
		return exported
	}
	return labels[name]
}

// Pod is the topmost owner of a Pod. The owner of a deleted Pod is derived from the Pod's name.
func (l *Labeled) Pod(namespace, name string) (Ref, bool) {
	if name == "" {
		return Ref{}, false
	}
	if ref := (Ref{Pod, namespace, name}); l.graph.Has(ref) {
		return l.graph.TopOwner(ref), true
	}
	return l.Workload(namespace, name)
}

// Workload finds the workload of a Pod, existing or deleted: the one with the longest name to which the Pod's name appends a suffix
// as controllers generate them. An exact name is the workload itself.
func (l *Labeled) Workload(namespace, name string) (Ref, bool) {
	for end := len(name); end > 0; end = strings.LastIndexByte(name[:end], '-') {
		ref, ok := l.workloads[[2]string{namespace, name[:end]}]
		if ok && generated(ref.Kind, name[end:]) {
			return ref, true
		}
	}
	return Ref{}, false
}

// PodOf reports whether the name of a Pod is one that the controller of a workload gives, whether the Pod still exists or not. Names of
// workloads that are so long that their Pods' are cut off are not recognized.
func PodOf(kind Kind, workload, pod string) bool {
	suffix, ok := strings.CutPrefix(pod, workload)
	return ok && strings.HasPrefix(suffix, "-") && generated(kind, suffix)
}

// NameOfOwner guesses the name of the workload of a Pod from the name of the Pod, as controllers form it; that of the Pod if it looks like
// none of theirs.
func NameOfOwner(pod string) string {
	last := strings.LastIndexByte(pod, '-')
	if last <= 0 {
		return pod
	}
	for _, end := range []int{strings.LastIndexByte(pod[:last], '-'), last} { // of two parts, then of one
		for _, kind := range []Kind{Deployment, CronJob, Job, StatefulSet, DaemonSet} {
			if end > 0 && generated(kind, pod[end:]) {
				return pod[:end]
			}
		}
	}
	return pod
}

// generated reports whether a suffix of a Pod's name is what the controller of a kind appends.
func generated(kind Kind, suffix string) bool {
	if suffix == "" {
		return true
	}
	parts := strings.Split(suffix[1:], "-")
	random := func(s string) bool { return len(s) == 5 && safe(s) }
	number := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	switch kind {
	case StatefulSet:
		return len(parts) == 1 && number(parts[0])
	case Deployment:
		return len(parts) == 2 && len(parts[0]) >= 6 && len(parts[0]) <= 10 && safe(parts[0]) && random(parts[1])
	case CronJob:
		return len(parts) == 2 && number(parts[0]) && random(parts[1])
	case Job: // Pods of an indexed Job have the index, too
		return len(parts) == 1 && random(parts[0]) || len(parts) == 2 && number(parts[0]) && random(parts[1])
	default:
		return len(parts) == 1 && random(parts[0])
	}
}

// safe reports whether a text has only characters of k8s.io/apimachinery/pkg/util/rand.
func safe(s string) bool { return s != "" && strings.Trim(s, "bcdfghjklmnpqrstvwxz2456789") == "" }

// Exporters that measure other objects.
const (
	stateExporter = "kube-state-metrics"
	nodeExporter  = "node-exporter"
)

// exporterOf is the exporter that a workload runs; empty for other workloads.
func exporterOf(workload Ref, labels map[string]string) string {
	for _, exporter := range []string{stateExporter, nodeExporter} {
		if strings.Contains(workload.Name, exporter) || workload.IsZero() && strings.Contains(labels["job"], exporter) {
			return exporter
		}
	}
	return ""
}

// node is the node that labels refer to; by the address of the target only where the target is the node.
func (l *Labeled) node(labels map[string]string, exporter string) (Ref, bool) {
	names := []string{Label(labels, "node"), labels["kubernetes_node"], labels["nodename"]}
	if exporter == nodeExporter {
		names = append(names, host(Label(labels, "instance")))
		if pod, ok := Lookup[*PodNode](l.graph, Ref{Pod, labels["namespace"], labels["pod"]}); ok {
			names = append(names, pod.NodeName)
		}
	}
	for _, name := range names {
		if ref, ok := l.nodes[name]; ok && name != "" {
			return ref, true
		}
	}
	return Ref{}, false
}

// Node is the node that labels of node metrics refer to: by name, or by the address of the target.
func (l *Labeled) Node(labels map[string]string) (Ref, bool) { return l.node(labels, nodeExporter) }

// host of an instance, which usually is host:port.
func host(instance string) string {
	if name, _, err := net.SplitHostPort(instance); err == nil {
		return name
	}
	return instance
}
