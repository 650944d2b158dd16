package bundle

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/text"
)

// maxSuspicious is how many objects may be deleted without a confirmation, if they are more than half of the inventory.
const maxSuspicious = 10

// Prune says which obsolete objects may be deleted: those of the inventory that are not in the manifests.
type Prune struct {
	// Policy Delete deletes them, and Orphan gives up their fields. Empty leaves them as they are.
	Policy v1alpha1.RemovalPolicy
	// Guarded kinds that are deleted, too.
	Guarded []v1alpha1.GuardedKind
	// Final says that the bundle leaves the cluster: objects of guarded kinds are then released, and no confirmation is needed.
	Final bool
	// Confirmed says that a suspicious number of deletions is confirmed, and Digest is what to confirm.
	Confirmed bool
	Digest    string
	// Held is why nothing may be deleted; empty if it may.
	Held string
	// Claims are the other bundles of the cluster. It is called before anything is deleted. Nil has none.
	Claims func(context.Context) (Claims, error)
}

// Claims of other bundles to objects of a cluster.
type Claims struct {
	// Objects in the inventories of other bundles, which they apply, with the name of the bundle.
	Objects map[Key]string
	// Pending are the names of bundles that select the cluster, and whose inventory is not known yet.
	Pending []string
	// Behind are the names of bundles that read the same branch or tag of a Git repository, and have another commit of it: an object may
	// have moved to them.
	Behind []string
}

// prune removes obsolete objects in reverse order. Without Save, it only says what it would do.
func (r *Run) prune(ctx context.Context, objects []*Object, results []Result) ([]Result, error) {
	desired := map[Key]bool{}
	for _, o := range objects {
		desired[o.Key()] = true
	}
	var obsolete []Key
	for _, key := range r.Inventory.keys() {
		if !desired[key] && !r.mentioned(key) {
			obsolete = append(obsolete, key)
		}
	}
	if len(obsolete) == 0 {
		return nil, nil
	}
	if r.Prune.Policy == "" {
		return r.obsolete(obsolete), nil
	}
	if err := r.confirm(ctx); err != nil {
		return nil, err
	}
	held := r.held(len(obsolete), len(objects), results)
	var claims Claims
	if held == "" && r.Prune.Claims != nil {
		var err error
		if claims, err = r.Prune.Claims(ctx); err != nil {
			return nil, err
		}
		held = claims.hold(r.Prune.Final)
	}
	var pruned []Result
	for stage := stages - 1; stage >= 0; stage-- {
		in := slices.DeleteFunc(slices.Clone(obsolete), func(key Key) bool { return stageOf(key.Kind) != stage })
		err := inParallel(ctx, in, func(ctx context.Context, key Key) error {
			result, err := r.pruneOne(ctx, key, held, claims)
			if err != nil || result == nil {
				return err
			}
			r.mutex.Lock()
			defer r.mutex.Unlock()
			pruned = append(pruned, *result)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(pruned, func(a, b Result) int {
		return cmp.Or(cmp.Compare(stageOf(b.Key.Kind), stageOf(a.Key.Kind)), compareKeys(a.Key, b.Key))
	})
	return pruned, nil
}

// hold is why nothing may be deleted before other bundles were reconciled; empty if it may. Another commit does not matter to a bundle that
// leaves the cluster.
func (c *Claims) hold(final bool) string {
	switch {
	case len(c.Pending) > 0:
		return fmt.Sprintf("waits for ResourceBundle %s, which selects the cluster and may contain the object",
			text.List(c.Pending, maxNamed))
	case len(c.Behind) > 0 && !final:
		return fmt.Sprintf("waits for ResourceBundle %s, which has another commit of the same Git repository and may contain the object; "+
			"if it cannot read it, fix or suspend it", text.List(c.Behind, maxNamed))
	}
	return ""
}

// obsolete are the results of objects that are left alone.
func (r *Run) obsolete(keys []Key) (results []Result) {
	for _, key := range keys {
		results = append(results, Result{Key: key, APIVersion: apiVersion(r.entry(key)), Obsolete: true})
	}
	return results
}

// mentioned reports whether an entry may be the object of a manifest whose kind or scope is not known.
func (r *Run) mentioned(key Key) bool {
	return slices.ContainsFunc(r.unresolved, func(o *Object) bool {
		same := o.Content.GroupVersionKind().GroupKind() == key.GroupKind && o.Content.GetName() == key.Name
		return same && slices.Contains([]string{key.Namespace, ""}, o.Content.GetNamespace())
	})
}

// held is why nothing is deleted; empty if it is.
func (r *Run) held(obsolete, desired int, results []Result) string {
	switch {
	case r.Prune.Held != "":
		return r.Prune.Held
	case r.Prune.Final:
		return ""
	case len(r.Desired.Invalid) > 0:
		return "a manifest is invalid, and may be the one of this object"
	}
	for _, result := range results {
		switch result.State {
		case v1alpha1.ObjectFailed, v1alpha1.ObjectInvalid, v1alpha1.ObjectConflict, v1alpha1.ObjectPending:
			return result.Key.String() + " is not applied"
		}
	}
	suspicious := desired == 0 || obsolete > maxSuspicious && obsolete*2 > len(r.Inventory)
	if suspicious && !r.Prune.Confirmed {
		return fmt.Sprintf("%s of %d would be deleted; if they are obsolete, set spec.prune.confirm to %s",
			text.Count(obsolete, "object"), len(r.Inventory), r.Prune.Digest)
	}
	return ""
}

// pruneOne removes an obsolete object. Its entry leaves the inventory once the object is gone, or is no longer one of the bundle. A nil
// result says that.
func (r *Run) pruneOne(ctx context.Context, key Key, held string, claims Claims) (*Result, error) {
	entry := r.entry(key)
	result := &Result{Key: key, APIVersion: apiVersion(entry), Obsolete: true}
	live, err := r.Target.get(ctx, key, entry.Version)
	switch {
	case apierrors.IsNotFound(err), meta.IsNoMatchError(err) && !isIncomplete(err):
		return nil, r.forget(key)
	case err != nil && isClusterProblem(err):
		return result, r.unreachable(err)
	case err != nil:
		_, result.Message = r.Target.describe(err, key)
		result.State = v1alpha1.ObjectFailed
		return result, nil
	case entry.UID != "" && string(live.GetUID()) != entry.UID, !r.Target.applied(live):
		return nil, r.forget(key) // someone else's
	}
	if message := r.keeps(key, live, held); message != "" {
		result.State = v1alpha1.ObjectHeld
		result.Message = message
		return result, nil
	}
	release := r.Prune.Policy == v1alpha1.RemovalOrphan || entry.Existed || claims.Objects[key] != "" || r.Target.otherBundle(live) != "" ||
		r.guarded(key) || live.GetAnnotations()[v1alpha1.AnnotationPrune] == v1alpha1.PruneDisabled
	if r.Save == nil {
		result.State = v1alpha1.ObjectDelete
		if release {
			result.State = v1alpha1.ObjectRelease
		}
		return result, nil
	}
	if release {
		err = r.Target.release(ctx, key, entry.Version, live)
	} else if live.GetDeletionTimestamp() == nil {
		err = r.Target.remove(ctx, key, entry.Version, live)
	}
	switch {
	case err != nil && isClusterProblem(err):
		return result, r.unreachable(err)
	case err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err):
		result.State = v1alpha1.ObjectFailed
		_, result.Message = r.Target.describe(err, key)
		return result, nil
	case err == nil && release:
		return nil, r.forget(key)
	}
	// A conflict is one with a change since the read; the next run reads it again.
	result.State = v1alpha1.ObjectDeleting
	result.Message = deletingMessage(live)
	return result, nil
}

// keeps is why an object is not removed now; empty if it is.
func (r *Run) keeps(key Key, live *unstructured.Unstructured, held string) string {
	switch {
	case held != "":
		return held
	case r.Prune.Final || r.Prune.Policy == v1alpha1.RemovalOrphan:
		return ""
	case live.GetAnnotations()[v1alpha1.AnnotationPrune] == v1alpha1.PruneDisabled:
		return "its annotation " + v1alpha1.AnnotationPrune + " keeps it"
	case r.guarded(key):
		return "a " + key.Kind + " is deleted only if spec.prune.guardedKinds lists it"
	}
	return ""
}

// guarded reports whether objects of a kind are not deleted.
func (r *Run) guarded(key Key) bool {
	kinds := []string{kindNamespace, kindCRD, "PersistentVolume", "PersistentVolumeClaim"}
	return slices.Contains(kinds, key.Kind) && !slices.Contains(r.Prune.Guarded, v1alpha1.GuardedKind(key.Kind))
}

func (r *Run) forget(key Key) error {
	if r.Save == nil {
		return nil
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	delete(r.Inventory, key)
	return nil
}

// deletingMessage says what an object that is being deleted waits for.
func deletingMessage(live *unstructured.Unstructured) string {
	if finalizers := live.GetFinalizers(); len(finalizers) > 0 {
		return "is being deleted; waits for finalizer " + text.List(finalizers, maxNamed)
	}
	return "is being deleted"
}

func apiVersion(e v1alpha1.InventoryEntry) string {
	if e.Group == "" {
		return e.Version
	}
	return e.Group + "/" + e.Version
}

// versionOf is the version of an API version.
func versionOf(apiVersion string) string { return apiVersion[strings.LastIndex(apiVersion, "/")+1:] }
