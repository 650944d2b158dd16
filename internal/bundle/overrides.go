package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/clusters"
	"kubeops.io/kubeops/internal/text"
)

// maxPatched is the size of all objects that the overrides of a bundle change in one cluster, before and after each patch, in bytes.
const maxPatched = 8 << 20

// Cluster is what overrides select and refer to.
type Cluster struct {
	Name   string
	Labels labels.Set
}

// overrider applies the overrides of one cluster.
type overrider struct {
	cluster   Cluster
	namespace string
	// patched bytes so far.
	patched int
}

// For is what a bundle consists of in a cluster: with the overrides that select it. namespace is the one of objects without one. An object
// that a patch does not fit is invalid. The receiver is not changed. The error is one of a selector.
func (d *Desired) For(cluster Cluster, namespace string, overrides []v1alpha1.ClusterOverride) (*Desired, error) {
	changed := &Desired{Objects: slices.Clone(d.Objects), Invalid: slices.Clone(d.Invalid)}
	o := &overrider{cluster: cluster, namespace: namespace}
	for i, override := range overrides {
		field := fmt.Sprintf("spec.overrides[%d]", i)
		selects, err := Selects(field+".clusters", &override.Clusters)
		if err != nil {
			return nil, err
		}
		if !selects(cluster.Name, cluster.Labels) {
			continue
		}
		for j, patch := range override.Patches {
			o.apply(changed, fmt.Sprintf("%s.patches[%d]", field, j), patch)
		}
	}
	return changed, nil
}

// apply one patch to all objects that it selects.
func (o *overrider) apply(d *Desired, field string, patch v1alpha1.ObjectPatch) {
	operations, err := o.operations(patch.Operations)
	if err != nil {
		d.Invalid = append(d.Invalid, Invalid{Source: field, Message: "the patch " + err.Error()})
		return
	}
	selected := 0
	for i, object := range d.Objects {
		if !o.selects(patch.Target, object) {
			continue
		}
		selected++
		updated, err := o.patch(object, operations)
		if err == nil {
			d.Objects[i] = updated
			continue
		}
		content := object.Content
		d.Objects[i] = nil
		d.Invalid = append(d.Invalid, Invalid{
			Source: object.Source, APIVersion: content.GetAPIVersion(), Kind: content.GetKind(), Namespace: content.GetNamespace(),
			Name: content.GetName(), Message: field + " does not fit the object: " + err.Error(),
		})
	}
	d.Objects = slices.DeleteFunc(d.Objects, func(object *Object) bool { return object == nil })
	if selected == 0 && !slices.ContainsFunc(d.Invalid, func(i Invalid) bool { return i.Kind == patch.Target.Kind }) {
		d.Invalid = append(d.Invalid, Invalid{Source: field,
			Message: "the patch selects no object; correct the kind and name of its target"})
	}
}

// selects reports whether a patch selects an object.
func (o *overrider) selects(target v1alpha1.ObjectSelector, object *Object) bool {
	key := object.Key()
	namespace := key.Namespace
	if namespace == "" {
		namespace = o.namespace
	}
	return key.Kind == target.Kind && (target.Group == "" || target.Group == key.Group) &&
		(target.Namespace == "" || target.Namespace == namespace) && (target.Name == "" || text.Match(target.Name, key.Name))
}

// operations of a patch with the values of the cluster.
func (o *overrider) operations(of []v1alpha1.PatchOperation) (jsonpatch.Patch, error) {
	var operations []map[string]any
	for i, operation := range of {
		encoded := map[string]any{"op": operation.Op, "path": operation.Path}
		needsValue := operation.Op != v1alpha1.PatchRemove
		switch {
		case needsValue && operation.Value == nil:
			return nil, fmt.Errorf("has no value in operation %d (%s)", i+1, operation.Op)
		case needsValue:
			var value any
			if err := utiljson.Unmarshal(operation.Value.Raw, &value); err != nil || depthOf(value) > maxDepth {
				return nil, fmt.Errorf("has a value in operation %d (%s) that cannot be used", i+1, operation.Op)
			}
			value, err := o.expand(value)
			if err != nil {
				return nil, err
			}
			encoded["value"] = value
		}
		operations = append(operations, encoded)
	}
	encoded, err := json.Marshal(operations)
	if err != nil {
		return nil, errors.New("cannot be encoded")
	}
	patch, err := jsonpatch.DecodePatch(encoded)
	if err != nil {
		return nil, errors.New("is no JSON patch")
	}
	return patch, nil
}

// expand the variables in all strings of a value.
func (o *overrider) expand(value any) (any, error) {
	var err error
	switch value := value.(type) {
	case string:
		return clusters.Expand(value, o.cluster.Name, o.cluster.Labels)
	case []any:
		for i := range value {
			if value[i], err = o.expand(value[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if value[key], err = o.expand(value[key]); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}

// patch an object. Errors quote no values.
func (o *overrider) patch(object *Object, operations jsonpatch.Patch) (*Object, error) {
	encoded, err := json.Marshal(object.Content.Object)
	if err != nil {
		return nil, errors.New("the object cannot be encoded")
	}
	if o.patched += len(encoded); o.patched > maxPatched {
		return nil, fmt.Errorf("the overrides change more than %d MiB in one cluster; split the bundle", maxPatched>>20)
	}
	options := jsonpatch.NewApplyOptions()
	options.SupportNegativeIndices = false
	changed, err := operations.ApplyWithOptions(encoded, options)
	if err != nil {
		return nil, errors.New(text.Clip(err.Error(), maxServerMessage))
	}
	o.patched += len(changed)
	var content map[string]any
	if err := utiljson.Unmarshal(changed, &content); err != nil || content == nil {
		return nil, errors.New("the result is no object")
	}
	updated := &unstructured.Unstructured{Object: content}
	if message := refusal(content); message != "" {
		return nil, errors.New("the result " + message)
	}
	if KeyOf(updated) != object.Key() || updated.GetAPIVersion() != object.Content.GetAPIVersion() {
		return nil, errors.New("apiVersion, kind, name and namespace cannot be changed")
	}
	return &Object{Content: updated, Source: object.Source, Warnings: append(slices.Clone(object.Warnings),
		dropServerFields(content)...)}, nil
}
