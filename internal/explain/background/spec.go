package background

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"kubeops.io/kubeops/api/v1alpha1"
)

// maxContainers of a Pod are described, and maxCommand runes of a command.
const (
	maxContainers = 4
	maxCommand    = 600
)

// specs describes the spec of the Pods, and of its containers: the failing ones first.
func (g *gatherer) specs(s *subject) {
	spec := s.spec()
	pod := &corev1.Pod{Spec: *spec}
	if len(s.pods) > 0 {
		pod = &s.pods[0]
	}
	containers := containersOf(pod)
	slices.SortStableFunc(containers, func(a, b container) int {
		switch {
		case a.fails() == b.fails():
			return 0
		case a.fails():
			return -1
		}
		return 1
	})
	for _, c := range containers[:min(len(containers), maxContainers)] {
		text := containerText(spec, &c.Container)
		g.add("spec", v1alpha1.EvidenceSpec, c.title()+" of "+s.title(), text, text)
	}
	text := podText(s, spec)
	g.add("pod", v1alpha1.EvidenceSpec, "Pods of "+s.title(), text, text)
}

// containerText is the spec of a container, without the values of environment variables that are more than a number or a switch.
func containerText(pod *corev1.PodSpec, c *corev1.Container) string {
	t := &lines{}
	t.put("image", c.Image)
	t.put("command", clipWords(c.Command))
	t.put("args", clipWords(c.Args))
	t.put("workingDir", c.WorkingDir)
	for _, env := range c.Env {
		t.put("env "+env.Name, envSource(env))
	}
	for _, from := range c.EnvFrom {
		switch {
		case from.ConfigMapRef != nil:
			t.put("envFrom", "ConfigMap "+from.ConfigMapRef.Name)
		case from.SecretRef != nil:
			t.put("envFrom", "Secret "+from.SecretRef.Name)
		}
	}
	for _, port := range c.Ports {
		t.put("port", strings.TrimSpace(fmt.Sprintf("%s %d/%s", port.Name, port.ContainerPort, protocol(port.Protocol))))
	}
	t.put("startupProbe", probe(c.StartupProbe))
	t.put("readinessProbe", probe(c.ReadinessProbe))
	t.put("livenessProbe", probe(c.LivenessProbe))
	t.put("requests", quantities(c.Resources.Requests))
	t.put("limits", quantities(c.Resources.Limits))
	t.put("securityContext", compact(c.SecurityContext))
	for _, mount := range c.VolumeMounts {
		t.put("mount "+mount.MountPath, mountText(pod, mount))
	}
	return t.text()
}

// podText is what the spec of a Pod says beside its containers.
func podText(s *subject, spec *corev1.PodSpec) string {
	t := &lines{}
	t.put("labels", ownLabels(s.labels()).String())
	if spec.ServiceAccountName != "default" {
		t.put("serviceAccountName", spec.ServiceAccountName)
	}
	if len(spec.NodeSelector) > 0 {
		t.put("nodeSelector", compact(spec.NodeSelector))
	}
	t.put("affinity", compact(spec.Affinity))
	for _, toleration := range spec.Tolerations {
		if !strings.HasPrefix(toleration.Key, "node.kubernetes.io/") {
			t.put("toleration", compact(toleration))
		}
	}
	for _, constraint := range spec.TopologySpreadConstraints {
		t.put("topologySpreadConstraint", compact(constraint))
	}
	t.put("priorityClassName", spec.PriorityClassName)
	t.put("runtimeClassName", ptrText(spec.RuntimeClassName))
	if security := compact(spec.SecurityContext); security != "{}" {
		t.put("securityContext", security)
	}
	for _, secret := range spec.ImagePullSecrets {
		t.put("imagePullSecret", secret.Name)
	}
	if spec.HostNetwork {
		t.put("hostNetwork", "true")
	}
	if spec.DNSPolicy != corev1.DNSClusterFirst {
		t.put("dnsPolicy", string(spec.DNSPolicy))
	}
	return t.text()
}

// ownLabels are the labels without those that controllers generate, which differ from Pod to Pod.
func ownLabels(all labels.Set) labels.Set {
	kept := labels.Set{}
	for key, value := range all {
		generated := strings.HasSuffix(key, "controller-uid") || strings.HasSuffix(key, "job-name") || strings.Contains(key, "hash") ||
			strings.HasPrefix(key, "statefulset.kubernetes.io/") || strings.HasPrefix(key, "apps.kubernetes.io/")
		if !generated {
			kept[key] = value
		}
	}
	return kept
}

// lines are a text of names and values.
type lines struct{ all []string }

func (l *lines) put(name, value string) {
	if value != "" {
		l.all = append(l.all, name+": "+value)
	}
}

func (l *lines) text() string { return strings.Join(l.all, "\n") }

// envSource is where the value of an environment variable comes from. Of literal values, only numbers and switches are shown.
func envSource(env corev1.EnvVar) string {
	from := env.ValueFrom
	switch {
	case from == nil && regexp.MustCompile(`^(?:-?\d{1,9}(?:[a-zA-Z]{1,2})?|:\d{1,5}|true|false|on|off|yes|no)$`).MatchString(env.Value):
		return env.Value
	case from == nil && env.Value == "":
		return "empty"
	case from == nil:
		return "a literal value"
	case from.ConfigMapKeyRef != nil:
		return "key " + from.ConfigMapKeyRef.Key + " of ConfigMap " + from.ConfigMapKeyRef.Name
	case from.SecretKeyRef != nil:
		return "key " + from.SecretKeyRef.Key + " of Secret " + from.SecretKeyRef.Name
	case from.FieldRef != nil:
		return "field " + from.FieldRef.FieldPath
	case from.ResourceFieldRef != nil:
		return "resource " + from.ResourceFieldRef.Resource
	}
	return "another source"
}

func clipWords(words []string) string { return clipAtWord(compact(words), maxCommand) }

func protocol(p corev1.Protocol) string {
	if p == "" {
		return "TCP"
	}
	return string(p)
}

// probe is what a probe asks, and how often.
func probe(p *corev1.Probe) string {
	if p == nil {
		return ""
	}
	text := ""
	switch {
	case p.HTTPGet != nil:
		text = "GET :" + p.HTTPGet.Port.String() + p.HTTPGet.Path
		if p.HTTPGet.Scheme == corev1.URISchemeHTTPS {
			text += " by HTTPS"
		}
	case p.TCPSocket != nil:
		text = "TCP :" + p.TCPSocket.Port.String()
	case p.GRPC != nil:
		text = fmt.Sprintf("gRPC :%d", p.GRPC.Port)
	case p.Exec != nil:
		text = "exec " + clipWords(p.Exec.Command)
	}
	for _, setting := range []struct {
		name  string
		value int32
		unit  string
	}{
		{"delay ", p.InitialDelaySeconds, "s"}, {"every ", p.PeriodSeconds, "s"}, {"timeout ", p.TimeoutSeconds, "s"},
		{"failures ", p.FailureThreshold, ""},
	} {
		if setting.value > 0 {
			text += fmt.Sprintf(", %s%d%s", setting.name, setting.value, setting.unit)
		}
	}
	return text
}

func quantities(list corev1.ResourceList) string {
	var parts []string
	for name, quantity := range list {
		parts = append(parts, string(name)+"="+quantity.String())
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

// mountText is what is mounted.
func mountText(pod *corev1.PodSpec, mount corev1.VolumeMount) string {
	text := "volume " + mount.Name
	for _, v := range pod.Volumes {
		if v.Name != mount.Name {
			continue
		}
		switch {
		case v.ConfigMap != nil:
			text = "ConfigMap " + v.ConfigMap.Name
		case v.Secret != nil:
			text = "Secret " + v.Secret.SecretName
		case v.PersistentVolumeClaim != nil:
			text = "PersistentVolumeClaim " + v.PersistentVolumeClaim.ClaimName
		case v.EmptyDir != nil:
			text = "emptyDir"
		case v.HostPath != nil:
			text = "hostPath " + v.HostPath.Path
		case v.Projected != nil:
			return "" // the token of the ServiceAccount
		}
	}
	if mount.SubPath != "" {
		text += ", path " + mount.SubPath
	}
	if mount.ReadOnly {
		text += ", read-only"
	}
	return text
}

func ptrText(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// compact is the JSON of a value; empty for nil.
func compact(value any) string {
	content, err := json.Marshal(value)
	if err != nil || string(content) == "null" {
		return ""
	}
	return string(content)
}
