package main

import "fmt"

// replicas of each Deployment.
const replicas = 10

// namespaces that the Deployments are spread over.
const namespaces = 100

// flaw is one way in which a workload is broken.
type flaw string

// The ways. For the first six the bench writes the Pods' status as a kubelet would, since simulated nodes run nothing; the
// others come about by themselves.
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
		crashes, outOfMemory, imageMissing, keyMissing, neverReady, initFails, tooLarge, noSuchNode, noServiceAccount, noQuota, noClass, wrongSelector,
	}
}

// expected says which check must find the flaw, and on which kind of object of the workload's name.
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

// podsExist says whether the Deployment gets its Pods.
func (f flaw) podsExist() bool { return f != noServiceAccount && f != noQuota }

// workload is one Deployment with what belongs to it: a Service, a ConfigMap, a disruption budget.
type workload struct {
	namespace, name string
	flaw            flaw
}

// world is what the cluster is filled with.
type world struct{ workloads []workload }

// quotaNamespace has room for no Pod at all.
const quotaNamespace = "bench-full"

func namespaceName(i int) string { return fmt.Sprintf("bench-%03d", i) }

// newWorld plans the workloads for a number of Pods. Every tenth is broken, in turn in each of the ways.
func newWorld(pods int) world {
	var w world
	for i := range pods / replicas {
		one := workload{namespace: namespaceName(i % namespaces), name: fmt.Sprintf("app-%05d", i)}
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

// expectedPods is how many Pods the cluster has when it has settled.
func (w world) expectedPods() int {
	n := 0
	for _, one := range w.workloads {
		if one.flaw.podsExist() {
			n += replicas
		}
	}
	return n
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
