package logcollection

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/logroute"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/problem"
)

// report writes the condition CollectionReady of one LogBackend, if it differs from the one that is cached. The object is
// read again before the write, because other conditions of it belong to another controller.
func (r *Reconciler) report(
	ctx context.Context, cached *v1alpha1.LogBackend, states map[types.NamespacedName]logroute.State, syncErr error,
) error {
	if !cached.DeletionTimestamp.IsZero() || !r.apply(cached.DeepCopy(), cached, states, syncErr) {
		return nil
	}
	current := &v1alpha1.LogBackend{}
	if err := r.Reader.Get(ctx, client.ObjectKeyFromObject(cached), current); err != nil {
		return client.IgnoreNotFound(err)
	}
	stored := current.DeepCopy()
	if !r.apply(current, stored, states, syncErr) {
		return nil
	}
	return outcome.PatchStatus(ctx, r.Client, stored, current)
}

// apply sets the condition of an object, and reports whether that changes it.
func (r *Reconciler) apply(b, stored *v1alpha1.LogBackend, states map[types.NamespacedName]logroute.State, syncErr error) bool {
	scope := &kind.Scope[*v1alpha1.LogBackend]{Object: b, Stored: stored, Now: r.Clock.Now()}
	if b.Spec.Collect == nil {
		scope.Conditions().Remove(v1alpha1.ConditionCollectionReady)
		b.Status.Collection = nil
	} else {
		state, known := states[scope.Key()]
		if !state.Provisional || !refused(stored) || syncErr != nil {
			scope.Conditions().SetAuxiliary(v1alpha1.ConditionCollectionReady, r.state(scope.Key(), states, syncErr))
		}
		switch {
		case r.Routes == nil:
			b.Status.Collection = nil
		case !known || syncErr != nil || state.Reason == v1alpha1.ReasonRetrying:
		case state.Counts != nil:
			b.Status.Collection = state.Counts
		case !state.Routed || counted(stored) == nil:
			b.Status.Collection = nil // they are of a route that is left out, or of the one before
		}
	}
	return !equality.Semantic.DeepEqual(b.Status.Conditions, stored.Status.Conditions) ||
		!equality.Semantic.DeepEqual(b.Status.Collection, stored.Status.Collection)
}

// refused reports whether the condition says that lines are lost. It stays until that is known to have ended.
func refused(b *v1alpha1.LogBackend) bool {
	c := meta.FindStatusCondition(b.Status.Conditions, v1alpha1.ConditionCollectionReady)
	return c != nil && c.ObservedGeneration == b.Generation &&
		(c.Reason == v1alpha1.ReasonLinesRefused || c.Reason == v1alpha1.ReasonBufferFull)
}

func (r *Reconciler) state(key client.ObjectKey, states map[types.NamespacedName]logroute.State, syncErr error) outcome.Auxiliary {
	if r.Routes == nil {
		return outcome.False(v1alpha1.ReasonNotAvailable,
			"this manager runs no log collectors; install config/components/log-collection, or remove spec.collect")
	}
	switch p := problem.As(syncErr); {
	case p != nil:
		return outcome.False(p.Reason, p.Message)
	case syncErr != nil:
		return outcome.False(v1alpha1.ReasonRetrying, "unexpected error while updating the log collectors; see the manager's log")
	}
	switch state := states[key]; {
	case state.Reason == "":
		return outcome.Unknown(v1alpha1.ReasonProgressing, "the collectors do not have this resource's route yet")
	case state.Ready:
		return outcome.True(state.Reason, state.Message)
	default:
		return outcome.False(state.Reason, state.Message)
	}
}
