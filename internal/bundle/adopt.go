package bundle

import (
	"context"
	"encoding/json"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// adoptable are the field managers whose fields of an object are adopted: those of the policy, when the manifest is applied first.
func (p *planner) adoptable(live *unstructured.Unstructured) (managers []string) {
	if live == nil || len(p.policy.Adopt) == 0 || p.known(live) {
		return nil
	}
	for _, entry := range live.GetManagedFields() {
		if entry.Subresource == "" && slices.Contains(p.policy.Adopt, entry.Manager) {
			managers = append(managers, entry.Manager)
		}
	}
	slices.Sort(managers)
	return slices.Compact(managers)
}

// adopt makes the bundle the owner of the fields of other managers, before the object is applied. What the manifest does not contain is
// removed by the apply then. The inventory has the object as one that existed.
func (r *Run) adopt(ctx context.Context, p *planner) error {
	if len(r.Policy.Adopt) == 0 {
		return nil
	}
	key := p.object.Key()
	version := p.object.Content.GroupVersionKind().Version
	var err error
	for range maxRounds {
		var live *unstructured.Unstructured
		live, err = p.get(ctx, key, version)
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		managers := p.adoptable(live)
		if len(managers) == 0 || live.GetDeletionTimestamp() != nil {
			return nil
		}
		if err := r.markExisting(ctx, p.object, live); err != nil {
			return err
		}
		p.entry = r.entry(key)
		if err = p.takeOver(ctx, key, version, live, managers); !changedMeanwhile(err) {
			return err
		}
	}
	return err
}

// takeOver moves the fields of managers to this field manager, and changes nothing else. The server merges them as one apply, whatever
// version they were written in.
func (t *Target) takeOver(ctx context.Context, key Key, version string, live *unstructured.Unstructured, managers []string) error {
	own := &fieldpath.Set{}
	var kept []metav1.ManagedFieldsEntry
	for _, entry := range live.GetManagedFields() {
		taken := entry.Subresource == "" && slices.Contains(managers, entry.Manager)
		if !taken && !t.owns(entry) {
			kept = append(kept, entry)
			continue
		}
		set, err := setOf(entry)
		if err != nil {
			return err
		}
		own = own.Union(set)
	}
	encoded, err := own.ToJSON()
	if err != nil {
		return err
	}
	now := metav1.Now()
	kept = append(kept, metav1.ManagedFieldsEntry{
		Manager: t.manager, Operation: metav1.ManagedFieldsOperationApply, APIVersion: live.GetAPIVersion(), Time: &now,
		FieldsType: "FieldsV1",
		FieldsV1:   metav1.NewFieldsV1(string(encoded)),
	})
	resource, err := t.resource(ctx, key, version)
	if err != nil {
		return err
	}
	// The resource version makes it a conflict if the object was changed since it was read.
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": live.GetUID(), "resourceVersion": live.GetResourceVersion(), "managedFields": kept,
	}})
	if err != nil {
		return err
	}
	_, err = resource.Patch(ctx, key.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: t.manager})
	return err
}
