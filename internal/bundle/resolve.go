package bundle

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kubeops.io/kubeops/api/v1alpha1"
)

// resolve finds the kinds of the objects. A kind that the cluster does not serve is a result.
func (r *Run) resolve(ctx context.Context) (objects []*Object, results []Result, err error) {
	for _, i := range r.Desired.Invalid {
		content := &unstructured.Unstructured{Object: map[string]any{"apiVersion": i.APIVersion, "kind": i.Kind}}
		key := Key{GroupKind: content.GroupVersionKind().GroupKind(), Namespace: i.Namespace, Name: i.Name}
		results = append(results, Result{
			Key: key, APIVersion: i.APIVersion, Source: i.Source, State: v1alpha1.ObjectInvalid, Message: i.Message,
		})
	}
	seen := map[Key]bool{}
	defined := r.definedKinds()
	for _, o := range r.Desired.Objects {
		gvk := o.Content.GroupVersionKind()
		mapping, err := r.Target.kinds.mapping(ctx, gvk.GroupKind(), gvk.Version)
		switch {
		case meta.IsNoMatchError(err) && defined[gvk.Group+"/"+gvk.Kind]:
			// Its CustomResourceDefinition is applied first.
			objects = append(objects, r.inNamespace(o, defined[gvk.Group+"/"+gvk.Kind+"/Cluster"]))
			continue
		case meta.IsNoMatchError(err):
			r.unresolved = append(r.unresolved, o)
			state, message := r.Target.describe(err, o.Key())
			results = append(results, resultOf(o, state, message))
			continue
		case err != nil:
			return nil, nil, r.unreachable(err)
		}
		clusterScoped := mapping.Scope.Name() == meta.RESTScopeNameRoot
		if clusterScoped && o.Content.GetNamespace() != "" {
			r.unresolved = append(r.unresolved, o)
			results = append(results, resultOf(o, v1alpha1.ObjectInvalid,
				fmt.Sprintf("%s is cluster-scoped; remove metadata.namespace", gvk.Kind)))
			continue
		}
		o = r.inNamespace(o, clusterScoped)
		if seen[o.Key()] {
			results = append(results, resultOf(o, v1alpha1.ObjectInvalid,
				"is in the manifests twice, also in "+o.Source+"; remove one of them"))
			continue
		}
		seen[o.Key()] = true
		objects = append(objects, o)
	}
	return objects, results, nil
}

// inNamespace is an object with its namespace.
func (r *Run) inNamespace(o *Object, clusterScoped bool) *Object {
	if clusterScoped || o.Content.GetNamespace() != "" {
		return o
	}
	content := o.Content.DeepCopy()
	content.SetNamespace(r.Namespace)
	return &Object{Content: content, Source: o.Source, Warnings: o.Warnings}
}

// definedKinds are the kinds of the CustomResourceDefinitions of the bundle as GROUP/KIND, and with /Cluster those that are cluster-scoped.
func (r *Run) definedKinds() map[string]bool {
	kinds := map[string]bool{}
	for _, o := range r.Desired.Objects {
		if o.Content.GetKind() != kindCRD {
			continue
		}
		group, _, _ := unstructured.NestedString(o.Content.Object, "spec", "group")
		kind, _, _ := unstructured.NestedString(o.Content.Object, "spec", "names", "kind")
		scope, _, _ := unstructured.NestedString(o.Content.Object, "spec", "scope")
		kinds[group+"/"+kind] = true
		kinds[group+"/"+kind+"/"+scope] = true
	}
	return kinds
}

// definesNamespace reports whether the bundle contains a Namespace.
func (r *Run) definesNamespace(name string) bool {
	for _, o := range r.Desired.Objects {
		if o.Content.GetKind() == kindNamespace && o.Content.GetName() == name {
			return true
		}
	}
	return false
}
