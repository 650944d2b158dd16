// Package inventory summarizes what a cluster consists of: nodes and what they offer, Pods and what they request, and the APIs that it
// serves. Objects are read in pages and dropped at once, so that its memory does not grow with the cluster.
package inventory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/manifests"
	"kubeops.io/kubeops/internal/provider"
)

// Limits of the lists in a status. Large platforms have some hundreds of CustomResourceDefinitions.
const (
	maxCRDs        = 500
	maxVersions    = 16
	maxDeprecated  = 100
	maxUnavailable = 100
	// maxName of a version, group or kind that a server reports, in bytes. Longer ones are left out.
	maxName = 253
)

// describeError is collect.DescribeError, with the limit of a connection that the manager shares between namespaces.
func describeError(err error) string {
	if provider.TooLarge(err) {
		return "one response exceeds the memory that backends.responseMemory leaves to a namespace"
	}
	return collect.DescribeError(err)
}

// Read the inventory of a cluster. What cannot be read is not set, and missing says why, without details that change between attempts.
func Read(ctx context.Context, source collect.Source, now time.Time) (inventory v1alpha1.ClusterInventory, missing []string) {
	inventory.Time = metav1.NewTime(now.Truncate(time.Second))
	failed := func(what string, err error) {
		missing = append(missing, fmt.Sprintf("%s (%s)", what, describeError(err)))
	}
	n := nodes{}
	if err := collect.Each(ctx, source, facts.Node, &n, (*nodes).add); err != nil {
		failed("nodes", err)
	} else {
		n.into(&inventory)
	}
	p := pods{}
	if err := collect.Each(ctx, source, facts.Pod, &p, (*pods).add); err != nil {
		failed("pods", err)
	} else {
		p.into(&inventory)
	}
	if n.read && p.read {
		inventory.CPURequested = percent(p.requests.cpu, n.allocatable.cpu)
		inventory.MemoryRequested = percent(p.requests.memory, n.allocatable.memory)
	}
	served, err := collect.ReadAPIs(ctx, source)
	if err != nil {
		failed("APIs", err)
		return inventory, missing
	}
	inventory.APIs = apis(served)
	return inventory, missing
}

// nodes are summed up.
type nodes struct {
	count                 v1alpha1.ClusterNodes
	capacity, allocatable amounts
	// read is set once all are summed up.
	read bool
}

// amounts of CPU in millicores, memory in bytes, and Pods.
type amounts struct{ cpu, memory, pods int64 }

func (a *amounts) add(list corev1.ResourceList) {
	a.cpu += list.Cpu().MilliValue()
	a.memory += list.Memory().Value()
	a.pods += list.Pods().Value()
}

func (a *amounts) resources() *v1alpha1.ClusterResources {
	return &v1alpha1.ClusterResources{
		CPU: *resource.NewMilliQuantity(a.cpu, resource.DecimalSI), Memory: *resource.NewQuantity(a.memory, resource.BinarySI),
		Pods: a.pods,
	}
}

func (n *nodes) add(object any) {
	node, ok := object.(*corev1.Node)
	if !ok {
		return
	}
	n.count.Total++
	if node.Spec.Unschedulable {
		n.count.Unschedulable++
	}
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue {
			n.count.Ready++
		}
	}
	n.capacity.add(node.Status.Capacity)
	n.allocatable.add(node.Status.Allocatable)
}

func (n *nodes) into(inventory *v1alpha1.ClusterInventory) {
	n.read = true
	inventory.Nodes = &n.count
	inventory.Capacity = n.capacity.resources()
	inventory.Allocatable = n.allocatable.resources()
}

// pods are summed up.
type pods struct {
	count    v1alpha1.ClusterPods
	requests amounts
	// read is set once all are summed up.
	read bool
}

func (p *pods) add(object any) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return
	}
	p.count.Total++
	switch pod.Status.Phase {
	case corev1.PodRunning:
		p.count.Running++
	case corev1.PodPending:
		p.count.Pending++
	case corev1.PodSucceeded, corev1.PodFailed:
		return // it no longer holds what it requested
	}
	reduced, ok := facts.Reducer{}.Reduce(pod).(*facts.PodNode)
	if !ok || reduced.Spec == nil {
		return
	}
	p.requests.cpu += reduced.Spec.CPURequest
	p.requests.memory += reduced.Spec.MemoryRequest
	p.requests.pods++
}

func (p *pods) into(inventory *v1alpha1.ClusterInventory) {
	p.read = true
	inventory.Pods = &p.count
	inventory.Requests = p.requests.resources()
}

// percent of what is allocatable that is requested; nil if nothing is allocatable.
func percent(requested, allocatable int64) *int32 {
	if allocatable <= 0 {
		return nil
	}
	part := int32(min(float64(requested)/float64(allocatable)*100, 100_000)) //nolint:gosec // bounded right here
	return &part
}

func apis(served collect.APIs) *v1alpha1.ClusterAPIs {
	kinds := map[string]bool{}
	definitions := map[string][]string{}
	result := &v1alpha1.ClusterAPIs{Groups: count(served.Groups), CustomResources: count(len(served.Definitions))}
	for _, api := range served.Served {
		if tooLong(api.Group, api.Version, api.Kind, api.Resource) {
			continue
		}
		kinds[api.Kind+"."+api.Group] = true
		name := api.Resource + "." + api.Group
		if served.Definitions[name] && len(definitions[name]) < maxVersions {
			definitions[name] = append(definitions[name], api.Version)
		}
		if old, ok := manifests.Removed(api.GroupVersionKind); ok && len(result.Deprecated) < maxDeprecated {
			result.Deprecated = append(result.Deprecated, v1alpha1.ClusterAPIVersion{
				APIVersion: api.GroupVersion().String(), Kind: api.Kind, RemovedIn: fmt.Sprintf("1.%d", old.Minor),
				Replacement: old.Replacement,
			})
		}
	}
	result.Kinds = count(len(kinds))
	for name, versions := range definitions {
		result.CRDs = append(result.CRDs, v1alpha1.ClusterCRD{Name: name, Versions: versions})
	}
	slices.SortFunc(result.CRDs, func(a, b v1alpha1.ClusterCRD) int { return strings.Compare(a.Name, b.Name) })
	result.CRDs = result.CRDs[:min(len(result.CRDs), maxCRDs)]
	slices.SortFunc(result.Deprecated, func(a, b v1alpha1.ClusterAPIVersion) int {
		return strings.Compare(a.APIVersion+a.Kind, b.APIVersion+b.Kind)
	})
	slices.Sort(served.Unavailable)
	for _, version := range slices.Compact(served.Unavailable) {
		if !tooLong(version) && len(result.Unavailable) < maxUnavailable {
			result.Unavailable = append(result.Unavailable, version)
		}
	}
	return result
}

func tooLong(parts ...string) bool {
	return slices.ContainsFunc(parts, func(s string) bool { return len(s) > maxName })
}

func count(n int) int32 { return int32(min(n, 1<<31-1)) } //nolint:gosec // bounded right here
