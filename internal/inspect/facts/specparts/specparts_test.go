package specparts

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
)

func container(name, cpu string) corev1.Container {
	return corev1.Container{Name: name, Image: "shop/" + name, Resources: corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)},
	}}
}

func TestEqualContainersAreOneAndOthersShareWhatTheyRequest(t *testing.T) {
	t.Parallel()
	template := &corev1.PodSpec{Containers: []corev1.Container{container("api", "100m"), container("proxy", "20m")}}
	pod := &corev1.PodSpec{NodeName: "a", Containers: []corev1.Container{container("api", "100m"), container("proxy", "20m")}}
	other := &corev1.PodSpec{
		InitContainers: []corev1.Container{container("migrate", "100m")}, Containers: []corev1.Container{container("web", "100m")},
	}
	larger := &corev1.PodSpec{Containers: []corev1.Container{container("web", "200m")}}
	specs := []*corev1.PodSpec{template, pod, other, larger, nil, {}}
	var before []*corev1.PodSpec
	for _, spec := range specs {
		before = append(before, spec.DeepCopy())
	}
	var parts Parts
	for _, spec := range specs {
		parts.Share(spec)
	}
	for i, spec := range specs {
		if !equality.Semantic.DeepEqual(spec, before[i]) {
			t.Errorf("spec %d was changed: %v", i, spec)
		}
	}
	if &template.Containers[0] != &pod.Containers[0] {
		t.Error("the Pod has containers of its own")
	}
	first := template.Containers[0].Resources.Requests
	first["seen"] = resource.MustParse("1") // in every map that is the same one
	for spec, shared := range map[*corev1.PodSpec]bool{other: true, larger: false} {
		if _, seen := spec.Containers[0].Resources.Requests["seen"]; seen != shared {
			t.Errorf("container %s with %v shares its requests: %t", spec.Containers[0].Name, spec.Containers[0].Resources.Requests, seen)
		}
	}
	if _, seen := other.InitContainers[0].Resources.Requests["seen"]; !seen {
		t.Error("an init container with the same requests does not share them")
	}
}
