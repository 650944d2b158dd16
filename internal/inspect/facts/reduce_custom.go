package facts

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// maxCustomConditions and maxCustomRefs bound what is kept of one custom resource.
	maxCustomConditions = 32
	maxCustomRefs       = 200
)

// loose is a value that stays empty where the document has another type. Custom resources may have any structure.
type loose[T any] struct{ V T }

// UnmarshalJSON never fails.
func (l *loose[T]) UnmarshalJSON(document []byte) error {
	var value T
	if json.Unmarshal(document, &value) == nil {
		l.V = value
	}
	return nil
}

// looseList is a list without the items of other types.
type looseList[T any] []T

// UnmarshalJSON never fails.
func (l *looseList[T]) UnmarshalJSON(document []byte) error {
	var items []json.RawMessage
	_ = json.Unmarshal(document, &items) // a value that is not a list has no items
	for _, item := range items {
		var value T
		if json.Unmarshal(item, &value) == nil {
			*l = append(*l, value)
		}
	}
	return nil
}

// read decodes a part of a custom resource as far as the types match. A missing part is empty.
func read[T any](part json.RawMessage) T {
	var value loose[T]
	if len(part) > 0 {
		_ = value.UnmarshalJSON(part)
	}
	return value.V
}

// CustomObject is the part of a custom resource that reducers may need. It lives as long as its page is read.
type CustomObject struct {
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	Metadata   json.RawMessage `json:"metadata"`
	Spec       json.RawMessage `json:"spec"`
	Status     json.RawMessage `json:"status"`
	Report     json.RawMessage `json:"report"`
}

type customMeta struct {
	Name            loose[string]                    `json:"name"`
	Namespace       loose[string]                    `json:"namespace"`
	UID             loose[string]                    `json:"uid"`
	Generation      loose[int64]                     `json:"generation"`
	Created         loose[metav1.Time]               `json:"creationTimestamp"`
	Deleting        loose[*metav1.Time]              `json:"deletionTimestamp"`
	Finalizers      looseList[string]                `json:"finalizers"`
	Labels          loose[map[string]string]         `json:"labels"`
	Annotations     loose[map[string]string]         `json:"annotations"`
	OwnerReferences looseList[metav1.OwnerReference] `json:"ownerReferences"`
	ManagedFields   looseList[struct {
		Manager     loose[string]      `json:"manager"`
		Time        loose[metav1.Time] `json:"time"`
		Subresource loose[string]      `json:"subresource"`
	}] `json:"managedFields"`
}

func (m *customMeta) object() *metav1.ObjectMeta {
	managers := make([]metav1.ManagedFieldsEntry, 0, len(m.ManagedFields))
	for _, f := range m.ManagedFields {
		managers = append(managers, metav1.ManagedFieldsEntry{Manager: f.Manager.V, Subresource: f.Subresource.V})
	}
	return &metav1.ObjectMeta{
		Name: m.Name.V, Namespace: m.Namespace.V, UID: types.UID(m.UID.V), Generation: m.Generation.V, CreationTimestamp: m.Created.V,
		DeletionTimestamp: m.Deleting.V, Finalizers: m.Finalizers, Labels: m.Labels.V, Annotations: m.Annotations.V,
		OwnerReferences: m.OwnerReferences, ManagedFields: managers,
	}
}

type customCondition struct {
	Type       loose[string]      `json:"type"`
	Status     loose[any]         `json:"status"`
	Reason     loose[string]      `json:"reason"`
	Message    loose[string]      `json:"message"`
	Transition loose[metav1.Time] `json:"lastTransitionTime"`
	Updated    loose[metav1.Time] `json:"lastUpdateTime"`
	Observed   loose[*int64]      `json:"observedGeneration"`
}

type customStatus struct {
	Conditions looseList[customCondition] `json:"conditions"`
	Observed   loose[*int64]              `json:"observedGeneration"`
	Phase      loose[string]              `json:"phase"`
	State      loose[string]              `json:"state"`
	Health     loose[any]                 `json:"health"`
	Completed  loose[metav1.Time]         `json:"completionTime"`
	CompletedT loose[metav1.Time]         `json:"completionTimestamp"`
	FinishedAt loose[metav1.Time]         `json:"finishedAt"`
}

type customSpec struct {
	Suspend   loose[bool] `json:"suspend"`
	Suspended loose[bool] `json:"suspended"`
	Paused    loose[bool] `json:"paused"`
	Pause     loose[bool] `json:"pause"`
}

// reduceCustom returns nil for an object without a name or kind.
func reduceCustom(o *CustomObject) *CustomNode {
	meta := read[customMeta](o.Metadata)
	spec := read[customSpec](o.Spec)
	status := read[customStatus](o.Status)
	if meta.Name.V == "" || o.Kind == "" || group(o.APIVersion) == "" {
		return nil
	}
	node := &CustomNode{
		Meta: metaOf(CustomKind(group(o.APIVersion), o.Kind), meta.object()), APIVersion: o.APIVersion,
		Phase: clip(firstOf(status.Phase.V, status.State.V)), Health: clip(healthOf(status.Health.V)),
		Suspended: spec.Suspend.V || spec.Suspended.V || spec.Paused.V || spec.Pause.V || pausedBy(meta.Annotations.V),
		Finished:  latest(status.Completed.V.Time, status.CompletedT.V.Time, status.FinishedAt.V.Time),
		Changed:   meta.Created.V.Time,
	}
	for _, f := range meta.ManagedFields {
		if f.Subresource.V == "" {
			node.Changed = latest(node.Changed, f.Time.V.Time)
		}
	}
	node.Conditions = customConditions(status.Conditions)
	node.Observed = observed(&status)
	if info, _ := node.Kind.Info(); info.reduceCustom != nil {
		info.reduceCustom(node, o, &meta)
	}
	node.Refs = node.Refs[:min(len(node.Refs), maxCustomRefs)]
	return node
}

// observed is the observed generation, from the status or else from its conditions.
func observed(status *customStatus) int64 {
	if status.Observed.V != nil {
		return *status.Observed.V
	}
	newest := int64(-1)
	for _, c := range status.Conditions {
		newest = max(newest, value(c.Observed.V, -1))
	}
	return newest
}

// customConditions are the conditions of a status. A condition without a status, as Argo CD writes them, is True.
func customConditions(conditions []customCondition) []Condition {
	var kept []Condition
	for _, c := range conditions {
		if c.Type.V == "" || len(kept) == maxCustomConditions {
			continue
		}
		since := c.Transition.V.Time
		if since.IsZero() {
			since = c.Updated.V.Time
		}
		kept = append(kept, Condition{clip(c.Type.V), statusOf(c.Status.V), clip(c.Reason.V), clip(c.Message.V), since})
	}
	return kept
}

// statusOf normalizes the status of a condition.
func statusOf(status any) string {
	switch s := status.(type) {
	case nil:
		return "True"
	case bool:
		if s {
			return "True"
		}
		return "False"
	case string:
		for _, known := range []string{"True", "False", "Unknown"} {
			if strings.EqualFold(s, known) {
				return known
			}
		}
		return clip(s)
	default:
		return "Unknown"
	}
}

// healthOf reads status.health, which is a string or an object with a status.
func healthOf(health any) string {
	switch h := health.(type) {
	case string:
		return h
	case map[string]any:
		if word, ok := h["status"].(string); ok {
			return word
		}
	}
	return ""
}

// pausedBy reports whether an annotation pauses the controller.
func pausedBy(annotations map[string]string) bool {
	for key, value := range annotations {
		name := key[strings.LastIndex(key, "/")+1:]
		if slices.Contains([]string{"paused", "pause-reconciliation", "suspend", "suspended"}, name) && !strings.EqualFold(value, "false") {
			return true
		}
	}
	return false
}

func firstOf(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}

func latest(times ...time.Time) time.Time {
	var last time.Time
	for _, t := range times {
		if t.After(last) {
			last = t
		}
	}
	return last
}

// reduceExternalSecret reads which Secret the External Secrets Operator creates.
func reduceExternalSecret(node *CustomNode, o *CustomObject, _ *customMeta) {
	target := read[struct {
		Target struct {
			Name loose[string] `json:"name"`
		} `json:"target"`
	}](o.Spec).Target.Name.V
	node.Makes = []Ref{{Secret, node.Namespace, firstOf(target, node.Name)}}
}

// reduceSealedSecret names the Secret that the controller of Sealed Secrets creates: it has the same name.
func reduceSealedSecret(node *CustomNode, _ *CustomObject, _ *customMeta) {
	node.Makes = []Ref{{Secret, node.Namespace, node.Name}}
}

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
