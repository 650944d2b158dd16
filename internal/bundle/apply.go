package bundle

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/text"
)

// ofItself is the message of a manifest of the ResourceBundle that it belongs to.
const ofItself = "is this ResourceBundle itself; remove it from the manifests"

// object plans and applies one object.
func (r *Run) object(ctx context.Context, o *Object, before []Result) (Result, error) {
	p := &planner{Target: r.Target, object: o, entry: r.entry(o.Key()), policy: r.Policy, detailed: r.Detailed, self: r.Self}
	if r.Save != nil {
		p.settled = r.Target.settled
		if err := r.adopt(ctx, p); err != nil {
			return r.failure(o, err)
		}
	}
	d, err := p.plan(ctx)
	if err != nil {
		return r.failure(o, err)
	}
	if r.Save == nil {
		return r.planned(ctx, p, d)
	}
	if err := r.clearUID(ctx, o, d); err != nil {
		return Result{}, err
	}
	result := resultOf(o, d.state, "")
	result.Fields = d.fields
	result.Shared = d.shared
	result.live = d.live
	if d.intent == nil {
		r.notWritten(&result, d, p)
		return result, nil
	}
	if d.live == nil {
		if waitsFor := unhealthyBackend(o, before); waitsFor != "" {
			return resultOf(o, v1alpha1.ObjectPending, "waits for "+waitsFor+", which serves its requests"), nil
		}
	}
	if err := r.markExisting(ctx, o, d.live); err != nil {
		return Result{}, err
	}
	applied, err := r.Target.apply(ctx, d.intent, d.force, false)
	if fields := conflictsOf(err, d.live); len(fields) > 0 {
		result.State = v1alpha1.ObjectConflict
		result.Fields = p.classify(fields, d.live)
		for i := range result.Fields {
			if result.Fields[i].State == Adopting { // written again since it was adopted
				result.Fields[i].State = Conflicting
			}
		}
		result.Message = conflictMessage(result.Fields)
		return result, nil
	}
	if err != nil {
		return r.failure(o, err)
	}
	result.Written = true
	result.Changed = d.changed
	result.live = applied
	result.Applied = true
	r.applied(o, p, applied)
	return result, nil
}

// notWritten completes the result of an object that the run does not write: it is up to date, or blocked.
func (r *Run) notWritten(result *Result, d *decision, p *planner) {
	switch {
	case d.state == v1alpha1.ObjectInvalid:
		result.Message = ofItself
	case d.state == v1alpha1.ObjectConflict:
		result.Message = conflictMessage(d.fields)
	case d.state == v1alpha1.ObjectDrifted:
		result.Message = driftMessage(d)
	case d.state == v1alpha1.ObjectPending:
		result.Message = "the object is being deleted; it is created again afterwards"
	case d.live == nil: // deleted by someone, which is ignored
		result.Applied = true
	default:
		if !p.known(d.live) { // applied by a run that was interrupted before it stored the inventory, or by another policy
			r.applied(p.object, p, d.live)
		}
		result.Applied = true
	}
}

// judge the health of objects that are up to date.
func (r *Run) judge(ctx context.Context, results []Result) error {
	if r.Save == nil {
		return nil
	}
	assessed, err := r.assess(ctx, results)
	if err != nil {
		return err
	}
	for i := range results {
		result := &results[i]
		if !result.Applied || result.live == nil {
			continue
		}
		a, ok := assessed[result.Key]
		if !ok {
			a = assessment{healthOf(result.live), ""}
			if a.health != healthy {
				a.message = healthMessage(result.live)
			}
		}
		r.conclude(result, a)
	}
	return nil
}

// conclude records the health of an object.
func (r *Run) conclude(result *Result, a assessment) {
	switch {
	case a.health == healthy && len(result.Fields) > 0:
		result.State = v1alpha1.ObjectYielded
		result.Message = yieldMessage(result.Fields)
	case a.health == healthy:
	case a.health == failed:
		result.State = v1alpha1.ObjectUnhealthy
		result.Message = a.message
	case r.Overdue:
		result.State = v1alpha1.ObjectUnhealthy
		result.Message = "the object did not become healthy within spec.timeout: " + a.message
	default:
		result.State = v1alpha1.ObjectInProgress
		result.Message = a.message
	}
}

// clearUID stores, before an object is created again, or was by a run that did not store its UID, that its UID is not known. With the
// old one, the object would be someone else's after a crash, and leave the inventory.
func (r *Run) clearUID(ctx context.Context, o *Object, d *decision) error {
	entry := r.entry(o.Key())
	same := d.live != nil && string(d.live.GetUID()) == entry.UID
	if entry.UID == "" || same || d.live == nil && d.intent == nil {
		return nil
	}
	entry.UID = ""
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.Inventory[o.Key()] = entry
	return r.Save(ctx, r.Inventory)
}

// markExisting records, before it is applied, that an object is one that someone else created: it was created since the inventory was
// written, or deleted and created again.
func (r *Run) markExisting(ctx context.Context, o *Object, live *unstructured.Unstructured) error {
	entry := r.entry(o.Key())
	if live == nil || entry.Existed || r.Target.applied(live) || r.Target.otherBundle(live) != "" {
		return nil
	}
	entry.Existed = true
	entry.UID = ""
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.Inventory[o.Key()] = entry
	return r.Save(ctx, r.Inventory)
}

// applied records in the inventory what an object is now.
func (r *Run) applied(o *Object, p *planner, live *unstructured.Unstructured) {
	entry := r.entry(o.Key())
	entry.Version = o.Content.GroupVersionKind().Version
	entry.UID = string(live.GetUID())
	entry.Digest = manifestDigest(o, r.Policy)
	entry.Fields = nil
	if fields, err := compress(p.owned(live)); err == nil && len(fields) <= maxStoredSet {
		entry.Fields = fields
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.Inventory[o.Key()] = entry
}

func (r *Run) entry(key Key) v1alpha1.InventoryEntry {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.Inventory[key]
}

// planned is the result of a plan.
func (r *Run) planned(ctx context.Context, p *planner, d *decision) (Result, error) {
	result := resultOf(p.object, d.state, "")
	result.Fields = d.fields
	result.Changed = d.changed
	result.Shared = d.shared
	switch {
	case d.intent != nil && d.live == nil:
		result.State = v1alpha1.ObjectCreate
		_, err := r.Target.apply(ctx, d.intent, false, true)
		if err != nil && !(apierrors.IsNotFound(err) && r.definesNamespace(p.object.Content.GetNamespace())) {
			return r.failure(p.object, err)
		}
	case d.intent != nil, len(d.adopts) > 0 && d.state == "":
		result.State = v1alpha1.ObjectChange
	default:
		result.Applied = d.state == ""
	}
	if len(d.adopts) > 0 && result.State == v1alpha1.ObjectChange {
		result.Message = "adopts the fields of " + text.List(d.adopts, maxNamed) + "; those that the manifest does not contain are removed"
	}
	switch d.state {
	case v1alpha1.ObjectInvalid:
		result.Message = ofItself
	case v1alpha1.ObjectConflict:
		result.Message = conflictMessage(d.fields)
	case v1alpha1.ObjectDrifted:
		result.Message = driftMessage(d)
	case v1alpha1.ObjectPending:
		result.Message = "the object is being deleted"
	}
	return result, nil
}

// failure is the result of an object whose request failed, or the problem of the whole cluster.
func (r *Run) failure(o *Object, err error) (Result, error) {
	if isClusterProblem(err) {
		return Result{}, r.unreachable(err)
	}
	state, message := r.Target.describe(err, o.Key())
	if meta.IsNoMatchError(err) && r.definedKinds()[o.Content.GroupVersionKind().Group+"/"+o.Content.GetKind()] {
		state = v1alpha1.ObjectPending
		message = "waits for its CustomResourceDefinition to be served"
		if r.Save == nil {
			state = v1alpha1.ObjectCreate
			message = "is created after its CustomResourceDefinition, and not verified before"
		}
	}
	return resultOf(o, state, message), nil
}

// isClusterProblem reports whether an error is one of the cluster or of its credentials, and not of an object.
func isClusterProblem(err error) bool {
	if refused, ok := apierror.ImpersonationRefused(err); ok {
		return refused.OfAccount()
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return apierrors.IsUnauthorized(err) // all else is about one object, such as the timeout of a webhook
	}
	return problem.As(err) != nil || apierror.IsTimeout(err) || apierror.IsConnection(err) || errors.Is(err, context.Canceled)
}

// unreachable is the problem of a cluster that does not answer, or rejects the credentials.
func (r *Run) unreachable(err error) error {
	if problem.As(err) != nil || errors.Is(err, context.Canceled) {
		return err
	}
	if refused, ok := apierror.ImpersonationRefused(err); ok && refused.OfAccount() {
		return problem.Waiting(v1alpha1.ReasonImpersonationForbidden, time.Minute,
			"KubeOps cannot impersonate ServiceAccount %s/%s in the cluster (RBAC); grant its user there the verb %s on serviceaccounts",
			r.Namespace, r.Account, refused.Verb)
	}
	return problem.Retrying(v1alpha1.ReasonClusterUnreachable, err, "the API server does not answer (%s)", apierror.Describe(err))
}

func resultOf(o *Object, state v1alpha1.BundleObjectState, message string) Result {
	return Result{Key: o.Key(), APIVersion: o.Content.GetAPIVersion(), Source: o.Source, State: state, Message: message}
}
