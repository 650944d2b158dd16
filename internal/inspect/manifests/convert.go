package manifests

import (
	"encoding/json"
	"reflect"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"

	"kubeops.io/kubeops/internal/inspect/facts"
)

func newLenientDecoder(f *found) *decoder {
	t := newDecoder(f.doc, f.gvk.Kind, f.fields)
	t.lenient = true
	t.dropStatus = true
	t.node = f.node
	return t
}

// fill decodes the fields that fit the type of the object.
func fill(t *decoder, into any) bool {
	return t.value(t.node, reflect.TypeOf(into).Elem(), "", 0) && json.Unmarshal(t.out.Bytes(), into) == nil
}

// converted converts an object to the API version of the reducers. Most fields have the same name in both; the renamed ones are
// converted if checks use them.
func (r *reader) converted(f *found) (object any, checked bool) {
	gv, err := schema.ParseGroupVersion(f.ref.Kind.APIVersion())
	if err != nil {
		return nil, false
	}
	target, err := scheme.Scheme.New(gv.WithKind(string(f.ref.Kind)))
	if err != nil {
		return nil, false
	}
	if f.ref.Kind == facts.Ingress {
		return oldIngress(f)
	}
	if !fill(newLenientDecoder(f), target) {
		return nil, false
	}
	switch o := target.(type) {
	case *autoscalingv2.HorizontalPodAutoscaler:
		oldAutoscaler(f, o)
	case *appsv1.Deployment:
		o.Spec.Selector = selectorOf(o.Spec.Selector, o.Spec.Template.Labels)
	case *appsv1.DaemonSet:
		o.Spec.Selector = selectorOf(o.Spec.Selector, o.Spec.Template.Labels)
	case *appsv1.ReplicaSet:
		o.Spec.Selector = selectorOf(o.Spec.Selector, o.Spec.Template.Labels)
	case *appsv1.StatefulSet:
		o.Spec.Selector = selectorOf(o.Spec.Selector, o.Spec.Template.Labels)
	}
	return target, true
}

// selectorOf returns the selector of a workload. Before apps/v1, it defaulted to the labels of the template.
func selectorOf(selector *metav1.LabelSelector, labels map[string]string) *metav1.LabelSelector {
	if selector != nil || len(labels) == 0 {
		return selector
	}
	return &metav1.LabelSelector{MatchLabels: labels}
}

// oldAutoscaler converts the CPU metric of autoscaling/v1. The metrics of the beta versions are ignored.
func oldAutoscaler(f *found, into *autoscalingv2.HorizontalPodAutoscaler) {
	old := &autoscalingv1.HorizontalPodAutoscaler{}
	if !fill(newLenientDecoder(f), old) || old.Spec.TargetCPUUtilizationPercentage == nil {
		return
	}
	into.Spec.Metrics = []autoscalingv2.MetricSpec{{
		Type: autoscalingv2.ResourceMetricSourceType,
		Resource: &autoscalingv2.ResourceMetricSource{Name: corev1.ResourceCPU, Target: autoscalingv2.MetricTarget{
			Type: autoscalingv2.UtilizationMetricType, AverageUtilization: old.Spec.TargetCPUUtilizationPercentage,
		}},
	}}
}

// oldIngress converts an Ingress of a beta version, in which backends have serviceName and servicePort.
func oldIngress(f *found) (any, bool) {
	t := newLenientDecoder(f)
	var tree map[string]any
	if !t.any(f.node, "", 0) || json.Unmarshal(t.out.Bytes(), &tree) != nil {
		return nil, false
	}
	delete(tree, "status")
	if spec, ok := tree["spec"].(map[string]any); ok {
		if backend, ok := spec["backend"]; ok {
			spec["defaultBackend"] = backend
			delete(spec, "backend")
		}
	}
	newBackends(tree)
	text, err := json.Marshal(tree)
	if err != nil {
		return nil, false
	}
	ingress := &networkingv1.Ingress{}
	if json.Unmarshal(text, ingress) != nil {
		return nil, false
	}
	return ingress, true
}

// newBackends converts every backend in a tree to networking.k8s.io/v1.
func newBackends(tree any) {
	switch node := tree.(type) {
	case []any:
		for _, item := range node {
			newBackends(item)
		}
	case map[string]any:
		if name, ok := node["serviceName"]; ok {
			port := map[string]any{"number": node["servicePort"]}
			if _, isText := node["servicePort"].(string); isText {
				port = map[string]any{"name": node["servicePort"]}
			}
			node["service"] = map[string]any{"name": name, "port": port}
		}
		for _, child := range node {
			newBackends(child)
		}
	}
}
