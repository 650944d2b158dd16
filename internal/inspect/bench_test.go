package inspect_test

import (
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"kubeops.io/kubeops/internal/inspect/causes"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
)

// crowd is a cluster with one node per Deployment and ten Pods per Deployment. Every tenth Deployment crashes.
func crowd(deployments int) []any {
	var objects []any
	for i := range deployments {
		namespace := fmt.Sprintf("ns-%02d", i%100)
		name := fmt.Sprintf("app-%05d", i)
		meta := metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(name), Labels: map[string]string{"app": name}}
		spec := corev1.PodSpec{ServiceAccountName: "app", Containers: []corev1.Container{{
			Name: "app", Image: "registry.example.com/" + name + ":1",
			Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
			Env: []corev1.EnvVar{{Name: "MODE", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
				LocalObjectReference: corev1.LocalObjectReference{Name: name}, Key: "mode",
			}}}},
			Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("128Mi"),
			}},
			ReadinessProbe: &corev1.Probe{
				ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(8080)}},
			},
		}}}
		owner := func(apiVersion, kind, name string) []metav1.OwnerReference {
			controller := true
			return []metav1.OwnerReference{
				{APIVersion: apiVersion, Kind: kind, Name: name, UID: types.UID(name), Controller: &controller},
			}
		}
		template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: meta.Labels}, Spec: spec}
		selector := &metav1.LabelSelector{MatchLabels: meta.Labels}
		set := metav1.ObjectMeta{Namespace: namespace, Name: name + "-1", UID: types.UID(name + "-1"),
			OwnerReferences: owner("apps/v1", "Deployment", name)}
		objects = append(objects,
			&appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Selector: selector, Template: template}},
			&appsv1.ReplicaSet{ObjectMeta: set, Spec: appsv1.ReplicaSetSpec{Selector: selector, Template: template}},
			&corev1.ConfigMap{ObjectMeta: meta, Data: map[string]string{"mode": "fast"}},
			&corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{Selector: meta.Labels, Ports: []corev1.ServicePort{{Port: 80}}}},
			&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("node-%05d", i)}},
		)
		for p := range 10 {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
				Namespace: namespace, Name: fmt.Sprintf("%s-1-%d", name, p), UID: types.UID(fmt.Sprintf("%s-%d", name, p)),
				Labels: meta.Labels, OwnerReferences: owner("apps/v1", "ReplicaSet", set.Name),
			}, Spec: *spec.DeepCopy()}
			pod.Spec.NodeName = fmt.Sprintf("node-%05d", (i+p)%deployments)
			pod.Status = corev1.PodStatus{
				Phase:             corev1.PodRunning,
				ContainerStatuses: []corev1.ContainerStatus{{Name: "app", Ready: i%10 != 0}},
			}
			if i%10 == 0 {
				status := &pod.Status.ContainerStatuses[0]
				status.RestartCount = 9
				status.State.Waiting = &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}
				status.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{
					Reason: "Error", ExitCode: 1, FinishedAt: metav1.NewTime(testkit.Now().Add(-time.Minute)),
				}
			}
			objects = append(objects, pod)
		}
	}
	return objects
}

func graphOf(objects []any) *facts.Graph {
	builder := facts.NewBuilder("bench", testkit.Now())
	builder.SetVersion("v1.37.2")
	for _, object := range objects {
		builder.Add(facts.Reduce(object))
	}
	for _, kind := range facts.Kinds() {
		builder.Covered(kind, "")
	}
	return builder.Graph()
}

func BenchmarkReduceAPod(b *testing.B) {
	objects := crowd(1)
	pod := objects[len(objects)-1]
	b.ReportAllocs()
	for b.Loop() {
		facts.Reduce(pod)
	}
}

func BenchmarkGraphOfTenThousandPods(b *testing.B) {
	objects := crowd(1000)
	b.ReportAllocs()
	for b.Loop() {
		graphOf(objects)
	}
}

// BenchmarkCheck shows what each check costs on 10,000 Pods.
func BenchmarkCheck(b *testing.B) {
	graph := graphOf(crowd(1000))
	for _, c := range checks.Builtin() {
		b.Run(c.ID, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Run(graph, check.DefaultParams())
			}
		})
	}
}

// BenchmarkLinkTenThousandPods links what all checks find on 10,000 Pods.
func BenchmarkLinkTenThousandPods(b *testing.B) {
	graph := graphOf(crowd(1000))
	findings, _, _ := check.Run(graph, checks.Builtin(), check.DefaultParams())
	b.ReportAllocs()
	for b.Loop() {
		causes.Link(graph, checks.Builtin(), findings)
	}
}

// BenchmarkGrowth runs all checks and links what they find at two sizes: what a Pod costs should not grow with their number.
func BenchmarkGrowth(b *testing.B) {
	for _, deployments := range []int{1000, 5000} {
		graph := graphOf(crowd(deployments))
		b.Run(fmt.Sprintf("%d-pods", 10*deployments), func(b *testing.B) {
			for b.Loop() {
				findings, _, _ := check.Run(graph, checks.Builtin(), check.DefaultParams())
				causes.Link(graph, checks.Builtin(), findings)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(10*deployments), "ns/pod")
		})
	}
}
