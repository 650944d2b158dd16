package facts_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
)

const appArmor = "container.apparmor.security.beta.kubernetes.io/"

func TestAppArmorAnnotationsBecomeFields(t *testing.T) {
	pod := reduceOne(t, `
apiVersion: v1
kind: Pod
metadata:
  name: p
  namespace: shop
  annotations:
    note: dropped
    `+appArmor+`unconfined: unconfined
    `+appArmor+`local: localhost/web
    `+appArmor+`setup: runtime/default
    `+appArmor+`equal: localhost/web
    `+appArmor+`differs: unconfined
    `+appArmor+`invalid: strict
    `+appArmor+`missing: unconfined
    seccomp.security.alpha.kubernetes.io/pod: unconfined
spec:
  initContainers: [{name: setup}]
  containers:
  - {name: unconfined, securityContext: {runAsUser: 1}}
  - {name: local}
  - {name: equal, securityContext: {appArmorProfile: {type: Localhost, localhostProfile: web}}}
  - {name: differs, securityContext: {appArmorProfile: {type: RuntimeDefault}}}
  - {name: invalid}
`).(*facts.PodNode)
	want := map[string]string{
		appArmor + "differs": "unconfined", appArmor + "invalid": "strict", appArmor + "missing": "unconfined",
		"seccomp.security.alpha.kubernetes.io/pod": "unconfined",
	}
	if diff := cmp.Diff(want, pod.Spec.SecurityAnnotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	got := map[string]string{}
	for _, c := range append(pod.Spec.Lean.InitContainers, pod.Spec.Lean.Containers...) {
		if c.SecurityContext != nil && c.SecurityContext.AppArmorProfile != nil {
			got[c.Name] = string(c.SecurityContext.AppArmorProfile.Type)
		}
	}
	fields := map[string]string{
		"setup": "RuntimeDefault", "unconfined": "Unconfined", "local": "Localhost", "equal": "Localhost", "differs": "RuntimeDefault",
	}
	if diff := cmp.Diff(fields, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

func TestATemplateAndItsPodsHaveEqualAppArmorProfiles(t *testing.T) {
	// The API server sets the fields of Pods from their annotations, and the annotations from the fields.
	const (
		annotation     = "annotations: {" + appArmor + "c: unconfined}"
		withoutField   = "{containers: [{name: c}]}"
		containerField = "{containers: [{name: c, securityContext: {appArmorProfile: {type: Unconfined}}}]}"
		podField       = "{securityContext: {appArmorProfile: {type: Unconfined}}, containers: [{name: c}]}"
	)
	cases := map[string]struct{ metadata, templateSpec, podSpec string }{
		"an annotation":       {annotation, withoutField, containerField},
		"a container's field": {"", containerField, containerField},
		"the Pod's field":     {"", podField, podField},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			deployment := "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w}\nspec:\n  template:\n    metadata: {" + c.metadata +
				"}\n    spec: " + c.templateSpec
			template := reduceOne(t, deployment).(*facts.WorkloadNode).Template
			pod := reduceOne(t, "apiVersion: v1\nkind: Pod\nmetadata: {name: p, "+annotation+"}\nspec: "+c.podSpec).(*facts.PodNode).Spec
			if diff := cmp.Diff(template.Lean, pod.Lean); diff != "" || len(template.SecurityAnnotations)+len(pod.SecurityAnnotations) > 0 {
				t.Errorf("annotations %v and %v, specs (-template +pod):\n%s", template.SecurityAnnotations, pod.SecurityAnnotations, diff)
			}
		})
	}
}

func TestReducingDoesNotChangeTheSecurityContextOfTheObject(t *testing.T) {
	object := testkit.Objects(t, "apiVersion: v1\nkind: Pod\nmetadata: {name: p, annotations: {"+appArmor+
		"c: unconfined}}\nspec: {containers: [{name: c, securityContext: {runAsUser: 1}}]}")[0].(*corev1.Pod)
	before := object.DeepCopy()
	facts.Reduce(object)
	if diff := cmp.Diff(before, object); diff != "" {
		t.Errorf("changed (-before +after):\n%s", diff)
	}
}

func TestPodsWithDifferentSecurityAnnotationsDoNotShareASpec(t *testing.T) {
	var documents []string
	for _, profile := range []string{"strict", "stricter"} {
		metadata := "{name: " + profile + ", namespace: shop, annotations: {" + appArmor + "c: " + profile + "}}"
		documents = append(documents, "apiVersion: v1\nkind: Pod\nmetadata: "+metadata+"\nspec: {containers: [{name: c}]}\n")
	}
	graph := testkit.Graph(t, strings.Join(documents, "---\n"))
	if len(graph.Pods) != 2 || graph.Pods[0].Spec == graph.Pods[1].Spec {
		t.Errorf("Pods: %+v", graph.Pods)
	}
}

func TestAVolumeWithoutASourceIsAnEmptyDir(t *testing.T) {
	const document = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c}], volumes: [{name: v}]}"
	pod := reduceOne(t, document).(*facts.PodNode)
	if volumes := pod.Spec.Lean.Volumes; len(volumes) != 1 || volumes[0].EmptyDir == nil {
		t.Errorf("volumes: %v", volumes)
	}
}

func TestOnlyTheTokenOfAdmissionIsDroppedFromVolumes(t *testing.T) {
	pod := reduceOne(t, `
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers: [{name: c, volumeMounts: [{name: kube-api-access-a, mountPath: /a}, {name: kube-api-access-b, mountPath: /b}]}]
  volumes:
  - {name: kube-api-access-a, projected: {sources: [{serviceAccountToken: {path: token}}]}}
  - {name: kube-api-access-b, hostPath: {path: /etc}}
`).(*facts.PodNode)
	lean := pod.Spec.Lean
	if len(lean.Volumes) != 1 || lean.Volumes[0].HostPath == nil {
		t.Errorf("volumes: %v", lean.Volumes)
	}
	if mounts := lean.Containers[0].VolumeMounts; len(mounts) != 1 || mounts[0].Name != "kube-api-access-b" {
		t.Errorf("mounts: %v", mounts)
	}
}
