// Package apply brings objects into a cluster by server-side apply: it plans, applies, prunes by inventory, names conflicts by
// manager and field, and reads health as kstatus does. It writes nothing where nothing differs.
//
// It uses controller-runtime's client rather than github.com/fluxcd/pkg/ssa: that library forces ownership in every dry run and
// every apply, so that a conflict with another manager could be neither seen nor left to the user.
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

// FieldManager is the one name under which KubeOps owns fields.
const FieldManager = "kubeops"

// Ref names an object, whatever version it is served in.
type Ref struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

// RefOf an object.
func RefOf(o *unstructured.Unstructured) Ref {
	return Ref{APIVersion: o.GetAPIVersion(), Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName()}
}

// String is `Kind namespace/name`, for messages.
func (r Ref) String() string {
	if r.Namespace == "" {
		return r.Kind + " " + r.Name
	}
	return r.Kind + " " + r.Namespace + "/" + r.Name
}

// same says whether two references mean the same object; a kind may have moved to another version of its group.
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

// Action that was taken, or would be.
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

// Options of an apply.
type Options struct {
	// Force takes fields over from other managers. Default: a conflict is a problem, and the object stays as it is.
	Force bool
}

// Applier applies objects with the rights of its client, which must not answer unstructured reads from a cache.
type Applier struct {
	Client client.Client
}

// Plan says what Apply would do. It sends dry runs only. Its error is the first problem; the changes are those before it.
func (a *Applier) Plan(ctx context.Context, objects []*unstructured.Unstructured, options Options) ([]Change, error) {
	return a.each(ctx, objects, options, true)
}

// Apply brings the objects into the cluster, what others depend on first. The API server writes nothing for an object that is as
// it should be already, so that neither its resource version nor its watchers notice. It ends at the first problem.
func (a *Applier) Apply(ctx context.Context, objects []*unstructured.Unstructured, options Options) ([]Change, error) {
	return a.each(ctx, objects, options, false)
}

func (a *Applier) each(ctx context.Context, objects []*unstructured.Unstructured, options Options, dry bool) ([]Change, error) {
	sorted := slices.Clone(objects)
	slices.SortStableFunc(sorted, func(x, y *unstructured.Unstructured) int {
		if c := order(x.GetKind()) - order(y.GetKind()); c != 0 {
			return c
		}
		return strings.Compare(RefOf(x).String(), RefOf(y).String())
	})
	changes := make([]Change, 0, len(sorted))
	for _, o := range sorted {
		action, err := a.one(ctx, o, options, dry)
		if err != nil {
			return changes, explain(err, RefOf(o))
		}
		changes = append(changes, Change{RefOf(o), action})
	}
	return changes, nil
}

func (a *Applier) one(ctx context.Context, o *unstructured.Unstructured, options Options, dry bool) (Action, error) {
	before := RefOf(o).object()
	if err := a.Client.Get(ctx, client.ObjectKeyFromObject(o), before); err != nil {
		if !apierrors.IsNotFound(err) {
			return "", err
		}
		before = nil
	}
	wanted := o.DeepCopy()
	// What only a server may say would be refused, or make every apply a write.
	wanted.SetManagedFields(nil)
	wanted.SetResourceVersion("")
	wanted.SetUID("")
	wanted.SetGeneration(0)
	unstructured.RemoveNestedField(wanted.Object, "metadata", "creationTimestamp")
	unstructured.RemoveNestedField(wanted.Object, "status")
	how := []client.ApplyOption{client.FieldOwner(FieldManager)}
	if options.Force {
		how = append(how, client.ForceOwnership)
	}
	if dry {
		how = append(how, client.DryRunAll)
	}
	if err := a.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(wanted), how...); err != nil {
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

// differ compares what a dry run answers with what is stored. Ownership is part of it: a field that is taken over is a change.
func differ(stored, planned *unstructured.Unstructured) bool {
	bare := func(o *unstructured.Unstructured) map[string]any {
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
	return !equality.Semantic.DeepEqual(bare(stored), bare(planned))
}

// order of kinds: what others refer to comes first.
func order(kind string) int {
	first := []string{
		"CustomResourceDefinition", "Namespace", "ClusterRole", "ClusterRoleBinding", "ServiceAccount", "Role", "RoleBinding",
		"NetworkPolicy", "ConfigMap", "Secret", "Service",
	}
	if at := slices.Index(first, kind); at >= 0 {
		return at
	}
	return len(first)
}
