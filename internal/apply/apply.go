// Package apply manages objects with server-side apply: it plans, applies, prunes by inventory, reports conflicts by manager and
// field, and reads health as kstatus does. It does not write an object that is up to date.
//
// It uses controller-runtime's client rather than github.com/fluxcd/pkg/ssa: that library forces ownership in every dry run and
// apply, which hides conflicts with other managers from the user.
package apply

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// FieldManager is the field manager of everything that KubeOps applies.
const FieldManager = "kubeops"

// Ref identifies an object, independent of the version that it is served in.
type Ref struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

// RefOf returns the reference of an object.
func RefOf(o *unstructured.Unstructured) Ref {
	return Ref{APIVersion: o.GetAPIVersion(), Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName()}
}

// String returns `Kind namespace/name`, for messages.
func (r Ref) String() string {
	if r.Namespace == "" {
		return r.Kind + " " + r.Name
	}
	return r.Kind + " " + r.Namespace + "/" + r.Name
}

// same reports whether two references identify the same object, possibly in different versions of its API group.
func (r Ref) same(other Ref) bool {
	return r.Kind == other.Kind && r.Namespace == other.Namespace && r.Name == other.Name && r.group() == other.group()
}

func (r Ref) group() string {
	gv, err := schema.ParseGroupVersion(r.APIVersion)
	if err != nil {
		return r.APIVersion
	}
	return gv.Group
}

func (r Ref) object() *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetAPIVersion(r.APIVersion)
	o.SetKind(r.Kind)
	o.SetNamespace(r.Namespace)
	o.SetName(r.Name)
	return o
}

// Action that was taken, or would be taken.
type Action string

// Actions.
const (
	Created    Action = "created"
	Configured Action = "configured"
	Unchanged  Action = "unchanged"
	Deleted    Action = "deleted"
)

// Change of one object.
type Change struct {
	Ref    Ref
	Action Action
}

// Options of Plan and Apply.
type Options struct {
	// Force takes ownership of fields from other managers. Default: a conflict is a problem, and the object is not changed.
	Force bool
}

// Applier applies objects with the permissions of its client, which must not serve unstructured reads from a cache.
type Applier struct {
	Client client.Client
}

// Plan returns what Apply would do; it only sends dry runs. It stops at the first problem and returns the changes before it.
func (a *Applier) Plan(ctx context.Context, objects []*unstructured.Unstructured, options Options) ([]Change, error) {
	return a.applyAll(ctx, objects, options, true)
}

// Apply creates and updates objects, dependencies first. The API server does not write an object that is up to date: its
// resource version stays, and no watcher is woken. It stops at the first problem and returns the changes before it.
func (a *Applier) Apply(ctx context.Context, objects []*unstructured.Unstructured, options Options) ([]Change, error) {
	return a.applyAll(ctx, objects, options, false)
}

func (a *Applier) applyAll(ctx context.Context, objects []*unstructured.Unstructured, options Options, dry bool) ([]Change, error) {
	sorted := slices.Clone(objects)
	slices.SortStableFunc(sorted, func(x, y *unstructured.Unstructured) int {
		if c := applyOrder(x.GetKind()) - applyOrder(y.GetKind()); c != 0 {
			return c
		}
		return strings.Compare(RefOf(x).String(), RefOf(y).String())
	})
	changes := make([]Change, 0, len(sorted))
	for _, object := range sorted {
		action, err := a.applyOne(ctx, object, options, dry)
		if err != nil {
			return changes, toProblem(err, RefOf(object))
		}
		changes = append(changes, Change{RefOf(object), action})
	}
	return changes, nil
}

func (a *Applier) applyOne(ctx context.Context, object *unstructured.Unstructured, options Options, dry bool) (Action, error) {
	before := RefOf(object).object()
	if err := a.Client.Get(ctx, client.ObjectKeyFromObject(object), before); err != nil {
		if !apierrors.IsNotFound(err) {
			return "", err
		}
		before = nil
	}
	wanted := object.DeepCopy()
	// The API server rejects fields that it sets itself, or counts them as a change in every apply.
	wanted.SetManagedFields(nil)
	wanted.SetResourceVersion("")
	wanted.SetUID("")
	wanted.SetGeneration(0)
	unstructured.RemoveNestedField(wanted.Object, "metadata", "creationTimestamp")
	unstructured.RemoveNestedField(wanted.Object, "status")
	applyOptions := []client.ApplyOption{client.FieldOwner(FieldManager)}
	if options.Force {
		applyOptions = append(applyOptions, client.ForceOwnership)
	}
	if dry {
		applyOptions = append(applyOptions, client.DryRunAll)
	}
	if err := a.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(wanted), applyOptions...); err != nil {
		return "", err
	}
	switch {
	case before == nil:
		return Created, nil
	case dry && differ(before, wanted), !dry && before.GetResourceVersion() != wanted.GetResourceVersion():
		return Configured, nil
	}
	return Unchanged, nil
}

// differ compares the result of a dry run with the stored object. A change of field ownership is a difference.
func differ(stored, planned *unstructured.Unstructured) bool {
	content := func(o *unstructured.Unstructured) map[string]any {
		o = o.DeepCopy()
		owners := o.GetManagedFields()
		for i := range owners {
			owners[i].Time = nil
		}
		o.SetManagedFields(owners)
		o.SetResourceVersion("")
		o.SetGeneration(0)
		return o.Object
	}
	return !equality.Semantic.DeepEqual(content(stored), content(planned))
}

// applyOrder returns the position of a kind: dependencies come first.
func applyOrder(kind string) int {
	first := []string{
		"CustomResourceDefinition", "Namespace", "ClusterRole", "ClusterRoleBinding", "ServiceAccount", "Role", "RoleBinding",
		"NetworkPolicy", "ConfigMap", "Secret", "Service",
	}
	if i := slices.Index(first, kind); i >= 0 {
		return i
	}
	return len(first)
}
