package kind_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/kind"
)

// large metadata, as a tenant can write it.
func large() metav1.ObjectMeta {
	meta := metav1.ObjectMeta{
		Namespace: "team", Name: "a", UID: "u", ResourceVersion: "7", Generation: 3, Labels: map[string]string{},
		Annotations: map[string]string{"a": strings.Repeat("a", 100<<10), v1alpha1.AnnotationRequestedAt: strings.Repeat("b", 100<<10)},
	}
	for i := range 1000 {
		name := fmt.Sprintf("example.com/%d-%s", i, strings.Repeat("x", 40))
		meta.Labels[name] = "v"
		meta.Finalizers = append(meta.Finalizers, name)
		meta.OwnerReferences = append(meta.OwnerReferences, metav1.OwnerReference{Name: name})
		meta.ManagedFields = append(meta.ManagedFields, metav1.ManagedFieldsEntry{Manager: name})
	}
	return meta
}

// metadataOf a large object.
func metadataOf(of string) *metav1.PartialObjectMetadata {
	object := kind.MetadataOf(of)
	object.ObjectMeta = large()
	return object
}

// TestAChangeOfLabelsIsSeenWithoutThem checks what wakes the bundles of a ManagedCluster.
func TestAChangeOfLabelsIsSeenWithoutThem(t *testing.T) {
	transform := func(labels map[string]string) client.Object {
		object := metadataOf("ManagedCluster")
		object.Labels = labels
		for range 2 { // a cache may pass what it has once more
			if _, err := kind.CacheTransform()(object); err != nil {
				t.Fatal(err)
			}
		}
		return object
	}
	labels := []map[string]string{
		nil, {"a": "b"}, {"a": "c"}, {"a": "b", "c": "d"}, {"a": "", "b": ""}, {"ab": ""}, {"a": strings.Repeat("b", 63)},
	}
	for i, before := range labels {
		for j, after := range labels {
			update := event.UpdateEvent{ObjectOld: transform(maps.Clone(before)), ObjectNew: transform(maps.Clone(after))}
			if size := len(fmt.Sprint(update.ObjectNew.GetLabels())); size > 100 {
				t.Errorf("%d bytes of labels are kept", size)
			}
			if got := (predicate.LabelChangedPredicate{}).Update(update); got != (i != j) {
				t.Errorf("from %v to %v: a change is %v", before, after, got)
			}
		}
	}
}

func TestTheCacheKeepsNothingThatGrowsWithAnObject(t *testing.T) {
	text := strings.Repeat("x", 50<<10)
	checks := []v1alpha1.CustomCheck{{ID: "a", Expression: text}}
	const maxBytes = 2 << 10
	for name, object := range map[string]client.Object{
		"Inspection": &v1alpha1.Inspection{ObjectMeta: large(), Spec: v1alpha1.InspectionSpec{CustomChecks: checks}},
		"MetricsBackend": &v1alpha1.MetricsBackend{ObjectMeta: large(), Spec: v1alpha1.MetricsBackendSpec{
			Type: v1alpha1.MetricsBackendType(text),
		}},
		"LogBackend": &v1alpha1.LogBackend{ObjectMeta: large(), Spec: v1alpha1.LogBackendSpec{Type: v1alpha1.LogBackendType(text)}},
		"AIProvider": &v1alpha1.AIProvider{ObjectMeta: large(), Spec: v1alpha1.AIProviderSpec{Model: text}},
		"NotificationChannel": &v1alpha1.NotificationChannel{ObjectMeta: large(), Spec: v1alpha1.NotificationChannelSpec{
			Template: v1alpha1.NotificationTemplate{Text: text},
		}},
		"Pipeline": &v1alpha1.Pipeline{ObjectMeta: large(), Spec: v1alpha1.PipelineSpec{ServiceAccountName: text}},
		"PipelineRun": &v1alpha1.PipelineRun{
			ObjectMeta: large(), Spec: v1alpha1.PipelineRunSpec{RequestedBy: text},
			Status: v1alpha1.PipelineRunStatus{Stages: []v1alpha1.StageStatus{{Message: text}}},
		},
		"metadata of a NotificationChannel": metadataOf("NotificationChannel"),
		"metadata of a ManagedCluster":      metadataOf("ManagedCluster"),
	} {
		request := kind.Request(object)
		kept, err := kind.CacheTransform()(object)
		if err != nil {
			t.Fatal(err)
		}
		content, err := json.Marshal(kept)
		if err != nil {
			t.Fatal(err)
		}
		got := kept.(client.Object)
		switch {
		case len(content) > maxBytes:
			t.Errorf("%s: %d bytes are kept: %.300s", name, len(content), content)
		case got.GetName() != "a" || got.GetNamespace() != "team" || got.GetUID() != "u" || got.GetResourceVersion() != "7",
			got.GetGeneration() != 3:
			t.Errorf("%s: its identity is gone: %s", name, content)
		case got.GetAnnotations()[v1alpha1.AnnotationRequestedAt] != request || kind.Request(got) != request:
			t.Errorf("%s: the request is %q, want %q", name, got.GetAnnotations(), request)
		}
	}
}

func TestTheCacheKeepsWhatEventsAreMappedBy(t *testing.T) {
	inspection := &v1alpha1.Inspection{Spec: v1alpha1.InspectionSpec{
		Channels: []v1alpha1.LocalReference{{Name: "chat"}}, AI: &v1alpha1.AIUse{ProviderRef: v1alpha1.LocalReference{Name: "model"}},
	}}
	logs := &v1alpha1.LogBackend{Spec: v1alpha1.LogBackendSpec{Type: v1alpha1.LogBackendLoki, Collect: &v1alpha1.LogCollection{}}}
	report := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{v1alpha1.LabelUndelivered: "true"}}}
	for _, object := range []any{inspection, logs, report} {
		if _, err := kind.CacheTransform()(object); err != nil {
			t.Fatal(err)
		}
	}
	if inspection.Spec.Channels[0].Name != "chat" || inspection.Spec.AI.ProviderRef.Name != "model" || logs.Spec.Type == "" ||
		report.Labels[v1alpha1.LabelUndelivered] == "" {
		t.Errorf("%+v, %+v, %+v", inspection.Spec, logs.Spec, report.Labels)
	}
}
