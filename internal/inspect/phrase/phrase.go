// Package phrase formats numbers, sizes and lists for messages and evidence.
package phrase

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// Containers lists containers for messages: container api, containers api, proxy.
func Containers(names []string) string {
	return Plural(len(names), "container ", "containers ") + strings.Join(names, ", ")
}

// Plural returns the singular or the plural of a word.
func Plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// WhyNoPods returns why a workload has no desired Pods; a DaemonSet has none if no node matches.
func WhyNoPods(workload *facts.WorkloadNode) string {
	if workload.Kind == facts.DaemonSet {
		return "matches no node"
	}
	return "is scaled to zero"
}

// Workloads lists up to three workloads, Deployment cart, StatefulSet db, and counts the others.
func Workloads(workloads []*facts.WorkloadNode) string {
	names := make([]string, 0, len(workloads))
	for _, w := range workloads {
		names = append(names, string(w.Kind)+" "+w.Name)
	}
	return List(names)
}

// Pods lists up to three Pods by name and counts the others.
func Pods(pods []*facts.PodNode) string {
	names := make([]string, 0, len(pods))
	for _, pod := range pods {
		names = append(names, pod.Name)
	}
	return List(names)
}

// List lists up to three names and counts the others.
func List(names []string) string {
	const maxNames = 3
	if len(names) > maxNames {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNames], ", "), len(names)-maxNames)
	}
	return strings.Join(names, ", ")
}
