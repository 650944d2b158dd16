package bundle

import (
	"context"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/expression"
)

const (
	// parallel requests to one cluster. The connection allows 16, and probes have their own.
	parallel = 8
	// establishTimeout is how long a run waits for new CustomResourceDefinitions. Their objects are pending after that.
	establishTimeout = 5 * time.Second
	// saveTimeout of the inventory after a run.
	saveTimeout = 30 * time.Second
)

// Run brings one cluster to what a bundle consists of. All fields but those that say so are required.
type Run struct {
	Target *Target
	// Namespace of objects without one.
	Namespace string
	// Account and its namespace, for messages.
	Account string
	Policy  Policy
	Desired *Desired
	// Self is the UID of the ResourceBundle, which is none of its own objects: it would wait for itself to become healthy. Empty if it has
	// none.
	Self types.UID
	// Inventory as it is stored. The run changes it.
	Inventory Inventory
	// Save stores the inventory. Nil sends dry runs only: nothing is written anywhere.
	Save func(ctx context.Context, inventory Inventory) error
	// Prune says what may be deleted; see the type.
	Prune Prune
	// Confirm asks the cluster whether it is still the one that the inventory is about, before anything is written and before anything is
	// deleted. Its error ends the run. Nil asks nothing.
	Confirm func(ctx context.Context) error
	// Overdue says that applied objects had enough time to become healthy.
	Overdue bool
	// Health has the expressions of kinds, which Expressions evaluates. Both may be nil.
	Health      []v1alpha1.HealthExpression
	Expressions expression.Evaluator
	// Detailed adds the values of fields, and all shared fields, to the results.
	Detailed bool

	mutex sync.Mutex
	// unresolved objects are those whose kind or scope is not known. Entries that may be theirs are kept.
	unresolved []*Object
}

// Result is the state of an object after a run.
type Result struct {
	Key        Key
	APIVersion string
	// Source of an invalid manifest without a name.
	Source string
	// State is empty for an object that is applied and healthy, or, in a plan, unchanged.
	State   v1alpha1.BundleObjectState
	Message string
	// Fields that have another value than in the manifest.
	Fields []Field
	// Changed fields of a plan, or of an apply.
	Changed []Change
	// Shared fields of the manifest, which other field managers own with the same value; one of each manager unless the run is detailed.
	Shared []Field
	// Applied says that the object is up to date; Written that this run changed it.
	Applied, Written bool
	// Obsolete says that the object is no longer in the manifests.
	Obsolete bool

	live *unstructured.Unstructured
}

// Do runs. The error is a problem of the whole cluster; all others are results of objects. What was done until then is in the inventory.
func (r *Run) Do(ctx context.Context) ([]Result, error) {
	objects, results, err := r.resolve(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.confirm(ctx); err != nil {
		return nil, err
	}
	if r.Save == nil {
		return r.steps(ctx, objects, results)
	}
	if err := r.intend(ctx, objects); err != nil {
		return nil, err
	}
	results, err = r.steps(ctx, objects, results)
	// The deadline of the cluster is none of the inventory.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	if saved := r.Save(ctx, r.Inventory); saved != nil {
		return nil, saved
	}
	return results, err
}

// confirm that the cluster is the one of the inventory.
func (r *Run) confirm(ctx context.Context) error {
	if r.Confirm == nil {
		return nil
	}
	return r.Confirm(ctx)
}

// steps apply and prune.
func (r *Run) steps(ctx context.Context, objects []*Object, results []Result) ([]Result, error) {
	for stage := range stages {
		in := slices.DeleteFunc(slices.Clone(objects), func(o *Object) bool { return stageOf(o.Content.GetKind()) != stage })
		done, err := r.stage(ctx, in, results)
		if err != nil {
			return nil, err
		}
		if err := r.judge(ctx, done); err != nil {
			return nil, err
		}
		results = append(results, done...)
	}
	pruned, err := r.prune(ctx, objects, results)
	return append(results, pruned...), err
}

// intend adds the objects to the inventory, before any of them is applied. Whether a new object exists already is read first.
func (r *Run) intend(ctx context.Context, objects []*Object) error {
	added := slices.DeleteFunc(slices.Clone(objects), func(o *Object) bool {
		_, known := r.Inventory[o.Key()]
		return known
	})
	err := inParallel(ctx, added, func(ctx context.Context, o *Object) error {
		entry := newEntry(o)
		live, err := r.Target.get(ctx, o.Key(), entry.Version)
		switch {
		case err == nil:
			// What another bundle applied is handed over; all else belongs to someone else.
			entry.Existed = !r.Target.applied(live) && r.Target.otherBundle(live) == ""
		case isClusterProblem(err):
			return r.unreachable(err)
		case !apierrors.IsNotFound(err) && !meta.IsNoMatchError(err):
			entry.Existed = true // it cannot be read, so that it must not be deleted
		}
		r.mutex.Lock()
		defer r.mutex.Unlock()
		r.Inventory[o.Key()] = entry
		return nil
	})
	if err != nil {
		return err
	}
	return r.Save(ctx, r.Inventory)
}

// stage applies objects of one stage in parallel. before are the results of the stages before it.
func (r *Run) stage(ctx context.Context, objects []*Object, before []Result) ([]Result, error) {
	var results []Result
	err := inParallel(ctx, objects, func(ctx context.Context, o *Object) error {
		result, err := r.object(ctx, o, before)
		if err != nil {
			return err
		}
		r.mutex.Lock()
		defer r.mutex.Unlock()
		results = append(results, result)
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(results, func(a, b Result) int { return compareKeys(a.Key, b.Key) })
	return results, r.awaitEstablished(ctx, results)
}

// awaitEstablished waits a short time for new CustomResourceDefinitions to be served.
func (r *Run) awaitEstablished(ctx context.Context, results []Result) error {
	if r.Save == nil {
		return nil
	}
	for _, result := range results {
		if result.Key.Kind != kindCRD || !result.Written {
			continue
		}
		err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, establishTimeout, true, func(ctx context.Context) (bool, error) {
			live, err := r.Target.get(ctx, result.Key, versionOf(result.APIVersion))
			return err == nil && healthOf(live) == healthy, nil
		})
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		r.Target.kinds.invalidate()
	}
	return nil
}
