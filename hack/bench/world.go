package main

import "fmt"

// replicas of each Deployment.
const replicas = 10

// namespaces that the Deployments are spread over.
const namespaces = 100

// flaw is one way in which a workload is broken.
type flaw string

// The flaws. The bench writes the status of Pods and controllers, since nothing else does.
const (
	healthy          flaw = ""
	crashes          flaw = "crashes"
	outOfMemory      flaw = "out-of-memory"
	imageMissing     flaw = "image-missing"
	keyMissing       flaw = "configmap-key-missing"
	neverReady       flaw = "never-ready"
	initFails        flaw = "init-container-fails"
	tooLarge         flaw = "requests-too-large"
	noSuchNode       flaw = "node-selector-matches-nothing"
	noServiceAccount flaw = "serviceaccount-missing"
	noQuota          flaw = "quota-used-up"
	noClass          flaw = "storageclass-missing"
	wrongSelector    flaw = "service-selector-wrong"
)

func flaws() []flaw {
	return []flaw{
		crashes, outOfMemory, imageMissing, keyMissing, neverReady, initFails,
		tooLarge, noSuchNode, noServiceAccount, noQuota, noClass, wrongSelector,
	}
}

// expected returns the check that must find the flaw, and the kind of object it is reported on.
func (f flaw) expected() (check, kind string) {
	switch f {
	case crashes:
		return "pod-crash-looping", "Deployment"
	case outOfMemory:
		return "pod-oom-killed", "Deployment"
	case imageMissing:
		return "image-not-found", "Deployment"
	case keyMissing:
		return "configmap-key-missing", "Deployment"
	case neverReady:
		return "readiness-probe-failing", "Deployment"
	case initFails:
		return "init-container-failing", "Deployment"
	case tooLarge:
		return "pod-unschedulable-resources", "Deployment"
	case noSuchNode:
		return "pod-unschedulable-affinity", "Deployment"
	case noServiceAccount:
		return "serviceaccount-missing", "Deployment"
	case noQuota:
		return "pods-blocked-by-quota", "Deployment"
	case noClass:
		return "pvc-class-missing", "PersistentVolumeClaim"
	case wrongSelector:
		return "service-selector-matches-nothing", "Service"
	default:
		return "", ""
	}
}

// podsExist reports whether the Deployment gets Pods.
func (f flaw) podsExist() bool { return f != noServiceAccount && f != noQuota }

// workload is one Deployment with its Service, ConfigMap and disruption budget.
type workload struct {
	namespace, name string
	// index is the number in the world.
	index int
	flaw  flaw
}

// world is the content of the cluster.
type world struct{ workloads []workload }

// quotaNamespace has a quota of no Pods.
const quotaNamespace = "bench-full"

func namespaceName(i int) string { return fmt.Sprintf("bench-%03d", i) }

// newWorld plans the workloads for a number of Pods. Every tenth is broken, with the flaws in turn.
func newWorld(pods int) world {
	var w world
	for i := range pods / replicas {
		one := workload{namespace: namespaceName(i % namespaces), name: fmt.Sprintf("app-%05d", i), index: i}
		if i%10 == 3 {
			one.flaw = flaws()[(i/10)%len(flaws())]
		}
		if one.flaw == noQuota {
			one.namespace = quotaNamespace
		}
		w.workloads = append(w.workloads, one)
	}
	return w
}

// maxNodes bounds the number of nodes.
const maxNodes = 1000

func nodeName(i int) string { return fmt.Sprintf("node-%04d", i) }

// nodes is one node for ten Pods, as in the cluster that the expected ratios were measured on.
func (w world) nodes() int { return min(len(w.workloads), maxNodes) }

func (w world) nodeNames() []string {
	var names []string
	for i := range w.nodes() {
		names = append(names, nodeName(i))
	}
	return names
}

// expectedPods returns the number of Pods that can be created.
func (w world) expectedPods() int {
	n := 0
	for _, one := range w.workloads {
		if one.flaw.podsExist() {
			n += replicas
		}
	}
	return n
}

// part is a part of a world.
type part struct {
	nodes     []string
	workloads []workload
}

// patterns are a node and one workload of each flaw, and the rest of the world; all of it without copies.
func (w world) patterns(copies bool) (patterns, rest part) {
	if !copies {
		return part{w.nodeNames(), w.workloads}, part{}
	}
	names := w.nodeNames()
	patterns.nodes, rest.nodes = names[:1], names[1:]
	seen := map[flaw]bool{}
	for _, one := range w.workloads {
		if seen[one.flaw] {
			rest.workloads = append(rest.workloads, one)
			continue
		}
		seen[one.flaw] = true
		patterns.workloads = append(patterns.workloads, one)
	}
	return patterns, rest
}

func (w world) broken() []workload {
	var broken []workload
	for _, one := range w.workloads {
		if one.flaw != healthy {
			broken = append(broken, one)
		}
	}
	return broken
}
