package main

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// The objects follow best practices, so findings on healthy workloads are mistakes of the inspection.

func (o workload) meta() metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: o.namespace, Name: o.name, Labels: o.labels()}
}

func (o workload) labels() map[string]string {
	return map[string]string{"app.kubernetes.io/name": o.name, "app.kubernetes.io/part-of": "bench"}
}

func (o workload) selector() map[string]string {
	return map[string]string{"app.kubernetes.io/name": o.name}
}

func (o workload) configMap() *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: o.meta(), Data: map[string]string{"mode": "fast", "settings.yaml": "workers: 4\nlog: info\n"}}
}

func (o workload) service() *corev1.Service {
	selector := o.selector()
	if o.flaw == wrongSelector {
		selector = map[string]string{"app.kubernetes.io/name": o.name + "-old"}
	}
	return &corev1.Service{ObjectMeta: o.meta(), Spec: corev1.ServiceSpec{
		Selector: selector, Ports: []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromString("http")}},
	}}
}

func (o workload) budget() *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{ObjectMeta: o.meta(), Spec: policyv1.PodDisruptionBudgetSpec{
		MaxUnavailable: ptr.To(intstr.FromInt32(2)), Selector: &metav1.LabelSelector{MatchLabels: o.selector()},
	}}
}

func (o workload) claim() *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{ObjectMeta: o.meta(), Spec: corev1.PersistentVolumeClaimSpec{
		StorageClassName: ptr.To("no-such-class"), AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany},
		Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
	}}
}

func (o workload) deployment() *appsv1.Deployment {
	probe := func(path string) *corev1.Probe {
		return &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromString("http")}}}
	}
	container := corev1.Container{
		Name: "app", Image: "registry.example.com/bench/" + o.name + ":1.0.0", ImagePullPolicy: corev1.PullIfNotPresent,
		Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
		Env: []corev1.EnvVar{
			{Name: "POD_NAME", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}},
			{Name: "MODE", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
				LocalObjectReference: corev1.LocalObjectReference{Name: o.name}, Key: "mode",
			}}},
		},
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{
				corev1.ResourceCPU:    resource.MustParse("100m"),
				corev1.ResourceMemory: resource.MustParse("128Mi"),
			},
			Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")},
		},
		VolumeMounts:   []corev1.VolumeMount{{Name: "config", MountPath: "/etc/app", ReadOnly: true}, {Name: "tmp", MountPath: "/tmp"}},
		ReadinessProbe: probe("/readyz"), LivenessProbe: probe("/livez"),
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true),
			Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
	}
	spec := corev1.PodSpec{
		ServiceAccountName: "app", AutomountServiceAccountToken: ptr.To(false),
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To(int64(10001)),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{
			MaxSkew: 2, TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.ScheduleAnyway,
			LabelSelector: &metav1.LabelSelector{MatchLabels: o.selector()},
		}},
		Containers: []corev1.Container{container},
		Volumes: []corev1.Volume{
			{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
				LocalObjectReference: corev1.LocalObjectReference{Name: o.name},
			}}},
			{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{
				SizeLimit: ptr.To(resource.MustParse("64Mi")),
			}}},
		},
	}
	o.spoil(&spec)
	return &appsv1.Deployment{ObjectMeta: o.meta(), Spec: appsv1.DeploymentSpec{
		Replicas: ptr.To(int32(replicas)), Selector: &metav1.LabelSelector{MatchLabels: o.selector()},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: o.labels()}, Spec: spec},
	}}
}

// spoil adds the flaw to the spec, if it is in the spec.
func (o workload) spoil(spec *corev1.PodSpec) {
	c := &spec.Containers[0]
	switch o.flaw {
	case keyMissing:
		c.Env = append(c.Env, corev1.EnvVar{Name: "DATABASE_URL", ValueFrom: &corev1.EnvVarSource{
			ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
				LocalObjectReference: corev1.LocalObjectReference{Name: o.name}, Key: "database-url",
			},
		}})
	case initFails:
		prepare := *c.DeepCopy()
		prepare.Name = "prepare"
		prepare.Ports = nil
		prepare.ReadinessProbe = nil
		prepare.LivenessProbe = nil
		spec.InitContainers = []corev1.Container{prepare}
	case tooLarge:
		c.Resources.Requests[corev1.ResourceCPU] = resource.MustParse("500")
	case noSuchNode:
		spec.NodeSelector = map[string]string{"disk": "none-has-this"}
	case noServiceAccount:
		spec.ServiceAccountName = missingAccount
	case noClass:
		spec.Volumes = append(spec.Volumes, corev1.Volume{Name: "data", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: o.name},
		}})
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "data", MountPath: "/data"})
	}
}

// namespace returns a namespace with its ServiceAccount and a NetworkPolicy that allows ingress from its own Pods only.
func namespace(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
		"bench": "true", "pod-security.kubernetes.io/enforce": "restricted",
	}}}
}

// missingAccount is a ServiceAccount that no namespace has.
const missingAccount = "missing"

// accounts are that of the workloads, and the one that a controller creates in every namespace.
func accounts(ns string) []*corev1.ServiceAccount {
	return []*corev1.ServiceAccount{
		{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "app"}, AutomountServiceAccountToken: ptr.To(false)},
		{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "default"}},
	}
}

// rootCA stands for the ConfigMap that a controller creates in every namespace.
func rootCA(ns string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "kube-root-ca.crt"}, Data: map[string]string{"ca.crt": strings.Repeat("0",
			1100)},
	}
}

func isolation(ns string) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "own-pods"}, Spec: networkingv1.NetworkPolicySpec{
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
		Ingress: []networkingv1.NetworkPolicyIngressRule{
			{From: []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{}}}},
		},
	}}
}

func fullQuota() *corev1.ResourceQuota {
	return &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: quotaNamespace, Name: "no-room"}, Spec: corev1.ResourceQuotaSpec{
		Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")},
	}}
}

// fullQuotaStatus is what the quota controller writes.
func fullQuotaStatus() corev1.ResourceQuotaStatus {
	return corev1.ResourceQuotaStatus{
		Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")},
		Used: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")},
	}
}

func (o workload) String() string { return fmt.Sprintf("%s/%s (%s)", o.namespace, o.name, o.flaw) }
