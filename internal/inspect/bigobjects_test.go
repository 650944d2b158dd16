package inspect_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

const mebibyte = 1 << 20

func bigObjects(*testing.T) []any {
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, Namespace: "shop", CreationTimestamp: since(2 * time.Hour)}
	}
	text := strings.Repeat("secret/\"quoted\" configmap \"x\" not found, 3 Insufficient cpu ", mebibyte/60)
	many := map[string]string{}
	for i := range 10_000 {
		many[fmt.Sprint("key-", i)] = strings.Repeat("v", 100)
	}
	wide := podOf("wide", nil)
	for i := range 3000 {
		name := fmt.Sprint("c", i)
		wide.Spec.Containers = append(wide.Spec.Containers, corev1.Container{
			Name: name, Image: "registry.example.com/" + name, Env: []corev1.EnvVar{{Name: name, ValueFrom: &corev1.EnvVarSource{
				SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: name}, Key: name},
			}}},
			Ports: []corev1.ContainerPort{{ContainerPort: int32(i), HostPort: int32(i)}}, //nolint:gosec // small
		})
		wide.Status.ContainerStatuses = append(wide.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: name, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CreateContainerConfigError",
				Message: fmt.Sprintf("secret %q not found", name)}},
		})
	}
	said := podOf("said", replicaSet())
	said.Status = corev1.PodStatus{
		Phase: corev1.PodPending, Message: text,
		Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable",
			Message: text, LastTransitionTime: since(time.Hour)}},
		ContainerStatuses: []corev1.ContainerStatus{{Name: "a",
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CreateContainerConfigError", Message: text}}}},
	}
	ingress := &networkingv1.Ingress{ObjectMeta: meta("big")}
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "big"}}
	binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "big"},
		RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "big"}}
	service := &corev1.Service{ObjectMeta: meta("big"), Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "cart"}}}
	for i := range 2000 {
		path := networkingv1.HTTPIngressPath{Path: fmt.Sprint("/", i),
			Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: fmt.Sprint("s", i)}}}
		ingress.Spec.Rules = append(ingress.Spec.Rules, networkingv1.IngressRule{
			Host: fmt.Sprint(i, ".example"),
			IngressRuleValue: networkingv1.IngressRuleValue{
				HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{path}},
			},
		})
		ingress.Spec.TLS = append(ingress.Spec.TLS, networkingv1.IngressTLS{SecretName: fmt.Sprint("t", i)})
		role.Rules = append(role.Rules, rbacv1.PolicyRule{Verbs: []string{"*"}, APIGroups: []string{"*"},
			Resources: []string{fmt.Sprint("r", i), "*"}})
		binding.Subjects = append(binding.Subjects, rbacv1.Subject{Kind: "ServiceAccount", Namespace: "shop", Name: fmt.Sprint("a", i)})
		service.Spec.Ports = append(service.Spec.Ports,
			corev1.ServicePort{Port: int32(i), TargetPort: intstr.FromString(fmt.Sprint("p", i))}) //nolint:gosec // small
	}
	deployment := &appsv1.Deployment{ObjectMeta: meta("cart"), Spec: appsv1.DeploymentSpec{Replicas: ptr.To[int32](1)},
		Status: appsv1.DeploymentStatus{
			Conditions: []appsv1.DeploymentCondition{{Type: "Progressing", Status: "False", Reason: text, Message: text},
				{Type: "ReplicaFailure", Status: "True", Reason: "FailedCreate", Message: text + " is forbidden: " + text}},
		}}
	deployment.Annotations = map[string]string{"big": text}
	return []any{
		&corev1.ConfigMap{ObjectMeta: meta("keys"), Data: many},
		&corev1.ConfigMap{ObjectMeta: meta("one"), Data: map[string]string{"a": text}}, wide, said, ingress, role,
		binding, service, deployment,
		&corev1.Event{
			Type: corev1.EventTypeWarning, ObjectMeta: meta("e"), Reason: "FailedMount", Message: text, LastTimestamp: since(time.Minute),
			InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "said", Namespace: "shop", FieldPath: text},
		},
	}
}

// oddNames have the maximum length and every character that the validation of their kind allows.
func oddNames(*testing.T) []any {
	subdomain := strings.Repeat("a-0.z9.", 36) + "a" // 253 characters
	label := strings.Repeat("a-9", 20) + "abc"       // 63
	objects := everyObject()
	for _, object := range objects {
		m, ok := object.(metav1.Object)
		if !ok {
			continue
		}
		m.SetName(subdomain)
		m.SetNamespace(label)
		m.SetCreationTimestamp(since(3 * time.Hour))
		switch o := object.(type) {
		case *rbacv1.ClusterRole: // RBAC names only have to be path segments
			o.Name, o.Namespace = "System:Odd role!$&'()*+,;=:@\"<>`{}|^ü\u202e", ""
			o.Rules = []rbacv1.PolicyRule{{Verbs: []string{"*"}, Resources: []string{"*"}, APIGroups: []string{"*"}}}
		case *rbacv1.ClusterRoleBinding:
			o.Name, o.Namespace = "`rm -rf`; $(odd)\u200b", ""
			o.RoleRef = rbacv1.RoleRef{Kind: "ClusterRole", Name: "System:Odd role!$&'()*+,;=:@\"<>`{}|^ü\u202e"}
			o.Subjects = []rbacv1.Subject{{Kind: "Group", Name: "system:authenticated"}, {Kind: "User", Name: "CN=odd, O=user/%s"}}
		case *corev1.Pod:
			o.Spec.NodeName = subdomain
			o.Status.Phase = corev1.PodRunning
			o.Spec.Containers = []corev1.Container{{Name: label, Image: strings.Repeat("registry.example.com/a/", 200) + "a:%s@sha256:0"}}
			o.Status.ContainerStatuses = []corev1.ContainerStatus{crashing(label)}
		case *corev1.Service:
			o.Spec.Selector = map[string]string{strings.Repeat("a.", 126) + "a/" + label: label}
		case *corev1.Node:
			o.Namespace = ""
			o.Spec.Unschedulable = true
		}
	}
	return objects
}

func tenThousandContainers(*testing.T) []any {
	pod := podOf("crowded", nil)
	for i := range 10_000 {
		name := fmt.Sprint("c", i)
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: name, Image: name})
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, crashing(name))
	}
	return []any{pod}
}

func tenThousandFailures(*testing.T) []any {
	objects := []any{
		&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "cart", Namespace: "shop", CreationTimestamp: since(3 * time.Hour)},
			Spec: appsv1.DeploymentSpec{Replicas: ptr.To[int32](10_000)}},
		&appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Name: "cart", Namespace: "shop",
			OwnerReferences: []metav1.OwnerReference{
				{APIVersion: "apps/v1", Kind: "Deployment", Name: "cart", Controller: ptr.To(true)},
			}}},
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "cart", Namespace: "shop", CreationTimestamp: since(3 * time.Hour)},
			Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "cart"}}},
	}
	for i := range 10_000 {
		name := fmt.Sprint("settings-", i)
		pod := podOf(fmt.Sprint("cart-", i), replicaSet())
		pod.Status.Phase = corev1.PodPending
		settings := &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}}
		pod.Spec = corev1.PodSpec{NodeName: fmt.Sprint("n", i), Containers: []corev1.Container{{
			Name: "a", EnvFrom: []corev1.EnvFromSource{{ConfigMapRef: settings}},
		}}}
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "a",
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CreateContainerConfigError",
				Message: fmt.Sprintf("configmap %q not found", name)}}}}
		objects = append(objects, pod)
	}
	return objects
}

func badMessages(*testing.T) []any {
	objects := tenThousandContainers(nil)[:0]
	for i, text := range []string{
		"\x1b[2J\x1b]0;owned\x07", "\u009b31m", "\xff\xfe\xfd", "\x00", "%s %d", "0/-1 nodes are available: .,,. 1",
		"nodes are available:", `failed calling webhook "`, `failed calling webhook "": `,
		`pods "" is forbidden: exceeded quota: , requested: , used: , limited: `, ` is forbidden: violates PodSecurity "": (((`,
		`configmap "`, `secret "" not found`, "couldn't find key  in ", "unmounted volumes=[", "volume \"",
		"Multi-Attach error for volume", "low on resource: ", "EmptyDir volume \"", "error looking up service account ",
		"HTTP probe failed with statuscode: ", "exec: \"", "executable file `", strings.Repeat("[", 100_000), "", "\n\n\n",
	} {
		name := fmt.Sprint("p", i)
		pod := podOf(name, nil)
		pod.Spec.Containers = []corev1.Container{
			{Name: "a", Image: text, LivenessProbe: &corev1.Probe{}, ReadinessProbe: &corev1.Probe{}},
		}
		pod.Status.Reason = "Evicted"
		pod.Status.Message = text
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable",
			Message: text, LastTransitionTime: since(time.Hour)}}
		phases := []corev1.PodPhase{corev1.PodPending, corev1.PodRunning, corev1.PodFailed}
		pod.Status.Phase = phases[i%3]
		for _, reason := range []string{"CrashLoopBackOff", "CreateContainerConfigError", "CreateContainerError", "ImagePullBackOff",
			"ErrImagePull", "RunContainerError"} {
			other := pod.DeepCopy()
			other.Name = name + "-" + strings.ToLower(reason)
			status := crashing("a")
			status.State.Waiting = &corev1.ContainerStateWaiting{Reason: reason, Message: text}
			status.LastTerminationState.Terminated.Message = text
			status.LastTerminationState.Terminated.Reason = "StartError"
			other.Status.ContainerStatuses = []corev1.ContainerStatus{status}
			objects = append(objects, other)
			for _, said := range []string{"FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "Unhealthy", "Failed", "BackOff",
				"FailedScheduling", "FailedKillPod", "FailedPostStartHook"} {
				objects = append(objects, &corev1.Event{
					Type: corev1.EventTypeWarning, ObjectMeta: metav1.ObjectMeta{Name: other.Name + said, Namespace: "shop"}, Reason: said,
					Message: "Liveness probe failed: " + text,
					LastTimestamp: since(
						time.Minute,
					), InvolvedObject: corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: "shop",
						Name: other.Name, FieldPath: "spec.containers{a}"},
				})
			}
		}
		set := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", CreationTimestamp: since(time.Hour)},
			Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To[int32](2)}}
		set.Status.Conditions = []appsv1.ReplicaSetCondition{{Type: "ReplicaFailure", Status: "True", Reason: "FailedCreate",
			Message: text, LastTransitionTime: since(time.Hour)}}
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, DeletionTimestamp: ptr.To(since(time.Hour))}}
		for _, condition := range []corev1.NamespaceConditionType{"NamespaceDeletionDiscoveryFailure", "NamespaceDeletionContentFailure",
			"NamespaceContentRemaining", "NamespaceFinalizersRemaining"} {
			namespace.Status.Conditions = append(namespace.Status.Conditions,
				corev1.NamespaceCondition{Type: condition, Status: "True", Message: text})
		}
		objects = append(objects, set, namespace)
	}
	return objects
}
