package checks

import (
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks/capacity"
	"kubeops.io/kubeops/internal/inspect/checks/practice"
	"kubeops.io/kubeops/internal/inspect/checks/unused"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// largeCluster is a cluster of 1,000 nodes, 1,000 Deployments with a Service each in 100 namespaces, and 10,000 Pods.
func largeCluster(b *testing.B) *facts.Graph {
	b.Helper()
	builder := facts.NewBuilder("bench", testkit.Now())
	half := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("500m"), corev1.ResourceMemory: resource.MustParse("512Mi")}
	podSpec := corev1.PodSpec{Containers: []corev1.Container{{
		Name: "api", Image: "shop/api:v1", Resources: corev1.ResourceRequirements{Requests: half}, Ports: []corev1.ContainerPort{{ContainerPort: 8080}},
	}}}
	for i := range 1000 {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("node-%d", i)}}
		node.Status.Allocatable = corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse(
				"8",
			), corev1.ResourceMemory: resource.MustParse("32Gi"), corev1.ResourcePods: resource.MustParse("110"),
		}
		builder.Add(facts.Reduce(node))
		namespace := fmt.Sprintf("ns-%d", i%100)
		name := fmt.Sprintf("app-%d", i)
		labels := map[string]string{"app": name, "app.kubernetes.io/part-of": "bench"}
		for _, object := range testkit.Objects(b, checktest.WorkloadWith("Deployment", name, "replicas: 10", checktest.APIContainer(""))+checktest.ServiceFor(name, name, "")) {
			switch o := object.(type) {
			case *corev1.Service:
				o.Namespace = namespace
				builder.Add(facts.Reduce(o))
			default:
				node, _ := facts.Reduce(o).(*facts.WorkloadNode)
				node.Namespace = namespace
				builder.Add(node)
			}
		}
		builder.Add(facts.Reduce(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name + "-settings", Namespace: namespace}}))
		for p := range 10 {
			pod := &corev1.Pod{Spec: podSpec, Status: corev1.PodStatus{Phase: corev1.PodRunning}}
			pod.Name = fmt.Sprintf("%s-%d", name, p)
			pod.Namespace = namespace
			pod.Labels = labels
			pod.Spec.NodeName = fmt.Sprintf("node-%d", (i*10+p)%1000)
			pod.OwnerReferences = []metav1.OwnerReference{
				{APIVersion: "apps/v1", Kind: "Deployment", Name: name, UID: "u", Controller: new(true)},
			}
			builder.Add(facts.Reduce(pod))
		}
	}
	for _, kind := range facts.Kinds() {
		builder.Covered(kind, "")
	}
	return builder.Graph()
}

// BenchmarkSetup runs the checks of configuration, capacity and unused objects over ten thousand Pods.
func BenchmarkSetup(b *testing.B) {
	g := largeCluster(b)
	selected := slices.Concat(practice.Checks(), capacity.Checks(), unused.Checks())
	for b.Loop() {
		check.Run(g, selected, check.DefaultParams())
	}
}
