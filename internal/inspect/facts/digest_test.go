package facts

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestDigestsAreKeptOnlyForComparisons(t *testing.T) {
	pod := func(imageID string) *corev1.Pod {
		return &corev1.Pod{
			Spec:   corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "cart:1"}}},
			Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "app", ImageID: imageID}}},
		}
	}
	for name, tc := range map[string]struct {
		reducer       Reducer
		imageID, want string
	}{
		"registry image":    {Reducer{Digests: true}, "docker.io/library/cart@sha256:aa", "sha256:aa"},
		"docker's prefix":   {Reducer{Digests: true}, "docker-pullable://cart@sha256:aa", "sha256:aa"},
		"local image":       {Reducer{Digests: true}, "sha256:bb", ""},
		"not yet pulled":    {Reducer{Digests: true}, "", ""},
		"single inspection": {Reducer{}, "docker.io/library/cart@sha256:aa", ""},
	} {
		t.Run(name, func(t *testing.T) {
			node, ok := tc.reducer.Reduce(pod(tc.imageID)).(*PodNode)
			if !ok || node.Containers[0].Digest != tc.want {
				t.Errorf("digest %q, want %q", node.Containers[0].Digest, tc.want)
			}
		})
	}
}
