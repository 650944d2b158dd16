package facts_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// encodedPods are encodings of running Pods as an API server sends them, ten of each workload, with what admission and managedFields add.
func encodedPods(b *testing.B, count int) [][]byte {
	b.Helper()
	const fields = `{"f:metadata":{"f:labels":{"f:app":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"app\"}":{"f:env":{},"f:image":{},"f:ports":{}}}}}`
	var encoded [][]byte
	for i := range count {
		workload := fmt.Sprintf("app-%03d", i/10)
		token := fmt.Sprintf("kube-api-access-%05d", i)
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "shop", Name: fmt.Sprintf("%s-%d", workload, i), UID: "0f3c", Labels: map[string]string{"app": workload},
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: workload, Controller: ptr.To(true)}},
				ManagedFields: []metav1.ManagedFieldsEntry{
					{Manager: "kube-controller-manager", APIVersion: "v1", FieldsV1: metav1.NewFieldsV1(fields)},
					{Manager: "kubelet", APIVersion: "v1", Subresource: "status", FieldsV1: metav1.NewFieldsV1(fields)},
				},
			},
			Spec: corev1.PodSpec{
				NodeName: fmt.Sprintf("node-%d", i), ServiceAccountName: "app",
				Containers: []corev1.Container{{
					Name: "app", Image: "registry.example.com/" + workload + ":1",
					Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}}, Env: []corev1.EnvVar{{Name: "MODE", Value: "fast"}},
					Resources: corev1.ResourceRequirements{
						Requests: corev1.ResourceList{"cpu": resource.MustParse("100m"), "memory": resource.MustParse("128Mi")},
					},
					VolumeMounts: []corev1.VolumeMount{{Name: token, MountPath: "/var/run/secrets/kubernetes.io/serviceaccount"}},
				}},
				Volumes: []corev1.Volume{{Name: token, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
					Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token"}}},
				}}}},
			},
			Status: corev1.PodStatus{
				Phase:      corev1.PodRunning,
				Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
				ContainerStatuses: []corev1.ContainerStatus{{
					Name: "app", Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
				}},
			},
		}
		text, err := pod.Marshal()
		if err != nil {
			b.Fatal(err)
		}
		encoded = append(encoded, text)
	}
	return encoded
}

// BenchmarkPod shows what one Pod costs from its encoding to its node.
func BenchmarkPod(b *testing.B) {
	encoded := encodedPods(b, 500)
	b.Run("typed", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			pod := &corev1.Pod{}
			if err := pod.Unmarshal(encoded[i%len(encoded)]); err != nil {
				b.Fatal(err)
			}
			facts.Reduce(pod)
		}
	})
	b.Run("wire", func(b *testing.B) {
		reader := facts.Reducer{}.NewWireReader(facts.Pod)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := reader.Reduce(encoded[i%len(encoded)]); err != nil {
				b.Fatal(err)
			}
		}
	})
}
