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

func newLenient(f *found) *typed {
	t := newTyped(f.doc, f.gvk.Kind, f.fields)
	t.lenient, t.dropStatus = true, true
	t.node = f.node
	return t
}

// fill decodes into an object what fits its type.
func fill(t *typed, into any) bool {
	return t.value(t.node, reflect.TypeOf(into).Elem(), "", 0) && json.Unmarshal(t.out.Bytes(), into) == nil
}

// converted reads an object of another API version than the one that reducers know. Most fields have the same name in both;
// those that changed are carried over where checks judge them.
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
	if !fill(newLenient(f), target) {
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

// selectorOf is the selector of a workload; before apps/v1 one that was not set came from the template.
func selectorOf(selector *metav1.LabelSelector, labels map[string]string) *metav1.LabelSelector {
	if selector != nil || len(labels) == 0 {
		return selector
	}
	return &metav1.LabelSelector{MatchLabels: labels}
}

// oldAutoscaler carries over the one metric of autoscaling/v1; the metrics of the betas are left out.
func oldAutoscaler(f *found, into *autoscalingv2.HorizontalPodAutoscaler) {
	old := &autoscalingv1.HorizontalPodAutoscaler{}
	if !fill(newLenient(f), old) || old.Spec.TargetCPUUtilizationPercentage == nil {
		return
	}
	into.Spec.Metrics = []autoscalingv2.MetricSpec{{
		Type: autoscalingv2.ResourceMetricSourceType,
		Resource: &autoscalingv2.ResourceMetricSource{Name: corev1.ResourceCPU, Target: autoscalingv2.MetricTarget{
			Type: autoscalingv2.UtilizationMetricType, AverageUtilization: old.Spec.TargetCPUUtilizationPercentage,
		}},
	}}
}

// oldIngress reads an Ingress of a beta, in which a backend was serviceName and servicePort.
func oldIngress(f *found) (any, bool) {
	t := newLenient(f)
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

// newBackends writes every backend of a tree in the form of networking.k8s.io/v1.
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
