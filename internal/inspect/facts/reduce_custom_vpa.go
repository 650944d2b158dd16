package facts

type autoscalerSpec struct {
	Target loose[struct {
		Kind loose[string] `json:"kind"`
		Name loose[string] `json:"name"`
	}] `json:"targetRef"`
	Policy loose[struct {
		Mode loose[string] `json:"updateMode"`
	}] `json:"updatePolicy"`
}

// reduceVPA keeps the target of a VerticalPodAutoscaler and whether it applies its recommendations, which is the default
// (https://github.com/kubernetes/autoscaler/tree/master/vertical-pod-autoscaler, updateMode).
func reduceVPA(node *CustomNode, o *CustomObject, _ *customMeta) {
	spec := read[autoscalerSpec](o.Spec)
	target := spec.Target.V
	node.VPA = &VPAFacts{
		Target:  Ref{Kind: Kind(clip(target.Kind.V)), Namespace: node.Namespace, Name: clip(target.Name.V)},
		Applies: spec.Policy.V.Mode.V != "Off",
	}
}
