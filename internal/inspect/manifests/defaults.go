package manifests

import (
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// defaults sets the fields that the API server defaults and that checks use: a field that is rarely set must not be reported as
// wrong. See pkg/apis/*/v1/defaults.go in Kubernetes.
func defaults(object any) {
	if template := facts.TemplateOf(object); template != nil {
		podDefaults(&template.Spec)
	}
	switch o := object.(type) {
	case *corev1.Pod:
		podDefaults(&o.Spec)
	case *appsv1.Deployment:
		deploymentDefaults(o)
	case *appsv1.StatefulSet:
		set(&o.Spec.UpdateStrategy.Type, appsv1.RollingUpdateStatefulSetStrategyType)
		set(&o.Spec.PodManagementPolicy, appsv1.OrderedReadyPodManagement)
	case *appsv1.DaemonSet:
		set(&o.Spec.UpdateStrategy.Type, appsv1.RollingUpdateDaemonSetStrategyType)
	case *batchv1.CronJob:
		set(&o.Spec.ConcurrencyPolicy, batchv1.AllowConcurrent)
	case *corev1.Service:
		serviceDefaults(o)
	case *corev1.PersistentVolumeClaim:
		point(&o.Spec.VolumeMode, corev1.PersistentVolumeFilesystem)
	case *autoscalingv2.HorizontalPodAutoscaler:
		point(&o.Spec.MinReplicas, 1)
	case *admissionregistrationv1.ValidatingWebhookConfiguration:
		for i := range o.Webhooks {
			webhookDefaults(&o.Webhooks[i].FailurePolicy, &o.Webhooks[i].TimeoutSeconds, &o.Webhooks[i].ClientConfig)
		}
	case *admissionregistrationv1.MutatingWebhookConfiguration:
		for i := range o.Webhooks {
			webhookDefaults(&o.Webhooks[i].FailurePolicy, &o.Webhooks[i].TimeoutSeconds, &o.Webhooks[i].ClientConfig)
		}
	}
}

// set defaults a zero value, point a nil pointer.
func set[T comparable](value *T, to T) {
	var zero T
	if *value == zero {
		*value = to
	}
}

func point[T any](value **T, to T) {
	if *value == nil {
		*value = ptr.To(to)
	}
}

func deploymentDefaults(d *appsv1.Deployment) {
	set(&d.Spec.Strategy.Type, appsv1.RollingUpdateDeploymentStrategyType)
	if d.Spec.Strategy.Type == appsv1.RollingUpdateDeploymentStrategyType {
		point(&d.Spec.Strategy.RollingUpdate, appsv1.RollingUpdateDeployment{})
		point(&d.Spec.Strategy.RollingUpdate.MaxUnavailable, intstr.FromString("25%"))
		point(&d.Spec.Strategy.RollingUpdate.MaxSurge, intstr.FromString("25%"))
	}
}

func serviceDefaults(s *corev1.Service) {
	set(&s.Spec.Type, corev1.ServiceTypeClusterIP)
	set(&s.Spec.SessionAffinity, corev1.ServiceAffinityNone)
	if s.Spec.Type == corev1.ServiceTypeNodePort || s.Spec.Type == corev1.ServiceTypeLoadBalancer {
		set(&s.Spec.ExternalTrafficPolicy, corev1.ServiceExternalTrafficPolicyCluster)
	}
	for i := range s.Spec.Ports {
		port := &s.Spec.Ports[i]
		set(&port.Protocol, corev1.ProtocolTCP)
		if port.TargetPort == intstr.FromInt32(0) || port.TargetPort == intstr.FromString("") {
			port.TargetPort = intstr.FromInt32(port.Port)
		}
	}
}

func webhookDefaults(
	policy **admissionregistrationv1.FailurePolicyType, timeout **int32, client *admissionregistrationv1.WebhookClientConfig,
) {
	point(policy, admissionregistrationv1.Fail)
	point(timeout, 10)
	if client.Service != nil {
		point(&client.Service.Port, 443)
	}
}

func podDefaults(s *corev1.PodSpec) {
	set(&s.RestartPolicy, corev1.RestartPolicyAlways)
	set(&s.DNSPolicy, corev1.DNSClusterFirst)
	set(&s.SchedulerName, corev1.DefaultSchedulerName)
	set(&s.ServiceAccountName, s.DeprecatedServiceAccount)
	point(&s.TerminationGracePeriodSeconds, int64(corev1.DefaultTerminationGracePeriodSeconds))
	point(&s.SecurityContext, corev1.PodSecurityContext{})
	point(&s.EnableServiceLinks, corev1.DefaultEnableServiceLinks)
	for i := range s.InitContainers {
		containerDefaults(&s.InitContainers[i], s.HostNetwork)
	}
	for i := range s.Containers {
		containerDefaults(&s.Containers[i], s.HostNetwork)
	}
}

func containerDefaults(c *corev1.Container, hostNetwork bool) {
	if c.ImagePullPolicy == "" {
		c.ImagePullPolicy = corev1.PullIfNotPresent
		if isLatest(c.Image) {
			c.ImagePullPolicy = corev1.PullAlways
		}
	}
	for i := range c.Ports {
		set(&c.Ports[i].Protocol, corev1.ProtocolTCP)
		if hostNetwork {
			set(&c.Ports[i].HostPort, c.Ports[i].ContainerPort)
		}
	}
	// Requests default to limits.
	for name, limit := range c.Resources.Limits {
		if _, requested := c.Resources.Requests[name]; !requested {
			if c.Resources.Requests == nil {
				c.Resources.Requests = corev1.ResourceList{}
			}
			c.Resources.Requests[name] = limit.DeepCopy()
		}
	}
	for _, probe := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
		if probe == nil {
			continue
		}
		set(&probe.TimeoutSeconds, 1)
		set(&probe.PeriodSeconds, 10)
		set(&probe.SuccessThreshold, 1)
		set(&probe.FailureThreshold, 3)
		if probe.HTTPGet != nil {
			set(&probe.HTTPGet.Path, "/")
			set(&probe.HTTPGet.Scheme, corev1.URISchemeHTTP)
		}
	}
}

// isLatest reports whether an image has the tag latest, or no tag.
func isLatest(image string) bool {
	if strings.Contains(image, "@") {
		return false
	}
	name := image[strings.LastIndex(image, "/")+1:]
	_, tag, tagged := strings.Cut(name, ":")
	return !tagged || tag == "latest"
}
