package bundle

import (
	"cmp"
	"context"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"kubeops.io/kubeops/api/v1alpha1"
)

// maxRounds of reading, trying and applying an object that others change at the same time.
const maxRounds = 3

// Policy is how differences are treated.
type Policy struct {
	Conflicts v1alpha1.ConflictPolicy
	Drift     v1alpha1.DriftPolicy
	// Adopt are the field managers whose fields are taken over when an object is applied first.
	Adopt []string
}

// decision is what to do with an object.
type decision struct {
	// live is the object as it was read; nil if there is none.
	live *unstructured.Unstructured
	// intent to send with its resource version, and whether it takes fields from others. Nil writes nothing.
	intent *unstructured.Unstructured
	force  bool
	// state is why nothing is written; empty if the object is up to date or is written.
	state v1alpha1.BundleObjectState
	// deleted says that the object was applied and someone deleted it.
	deleted bool
	// fields that have another value than in the manifest, as far as they stay so.
	fields []Field
	// changed fields, if the intent is sent.
	changed []Change
	// shared fields of the intent, which other field managers own with the same value.
	shared []Field
	// adopts are the field managers whose fields are taken over.
	adopts []string
}

// planner decides about one object. It only sends dry runs.
type planner struct {
	*Target
	object *Object
	entry  v1alpha1.InventoryEntry
	policy Policy
	// detailed adds the values of fields.
	detailed bool
	// settled are comparisons that need no dry run; nil sends one for each.
	settled *Settled
	// self is the UID of the ResourceBundle; see Run.
	self types.UID
}

// manifestDigest identifies what an apply was about. Another policy for conflicts or adoption is another apply.
func manifestDigest(object *Object, policy Policy) string {
	if len(policy.Adopt) > 0 {
		return digest(object.Content.Object, policy.Conflicts, policy.Adopt)
	}
	return digest(object.Content.Object, policy.Conflicts)
}

// plan decides what to do with an object.
func (p *planner) plan(ctx context.Context) (*decision, error) {
	for range maxRounds - 1 {
		d, err := p.once(ctx)
		if !changedMeanwhile(err) {
			return d, err
		}
	}
	return p.once(ctx)
}

// changedMeanwhile reports whether an object was changed between two requests.
func changedMeanwhile(err error) bool {
	return apierrors.IsConflict(err) && len(conflictsOf(err, nil)) == 0
}

func (p *planner) once(ctx context.Context) (*decision, error) {
	key := p.object.Key()
	live, err := p.get(ctx, key, p.object.Content.GroupVersionKind().Version)
	switch {
	case apierrors.IsNotFound(err):
		return p.missing(), nil
	case err != nil:
		return nil, err
	case p.self != "" && live.GetUID() == p.self:
		return &decision{live: live, state: v1alpha1.ObjectInvalid}, nil
	case live.GetDeletionTimestamp() != nil:
		return &decision{live: live, state: v1alpha1.ObjectPending}, nil
	}
	if p.isSettled(live) {
		return &decision{live: live}, nil
	}
	d := &decision{live: live, intent: p.object.Content.DeepCopy(), adopts: p.adoptable(live)}
	d.intent.SetResourceVersion(live.GetResourceVersion())
	result, err := p.apply(ctx, d.intent, false, true)
	fields := conflictsOf(err, live)
	if len(fields) > 0 {
		if !p.resolve(d, fields) {
			return d, nil
		}
		result, err = p.apply(ctx, d.intent, d.force, true)
		if again := conflictsOf(err, live); len(again) > 0 {
			return d.blocked(v1alpha1.ObjectConflict, p.classify(again, live)), nil
		}
	}
	if err != nil {
		return nil, err
	}
	p.compare(d, result)
	return d, nil
}

// known reports whether the manifest is the one that was applied last, to the same object.
func (p *planner) known(live *unstructured.Unstructured) bool {
	if p.entry.UID == "" || p.entry.Digest != manifestDigest(p.object, p.policy) {
		return false
	}
	return live == nil || string(live.GetUID()) == p.entry.UID
}

// missing decides about an object that does not exist.
func (p *planner) missing() *decision {
	d := &decision{intent: p.object.Content.DeepCopy()}
	if !p.known(nil) {
		return d
	}
	d.deleted = true
	switch p.policy.Drift {
	case v1alpha1.DriftCorrect:
		return d
	case v1alpha1.DriftIgnore:
		d.deleted = false
		return d.blocked("", nil)
	}
	return d.blocked(v1alpha1.ObjectDrifted, nil)
}

// blocked writes nothing.
func (d *decision) blocked(state v1alpha1.BundleObjectState, fields []Field) *decision {
	d.intent = nil
	d.state = state
	d.fields = fields
	return d
}

// classify fields that others own: drift is a field that the last apply contained.
func (p *planner) classify(fields []Field, live *unstructured.Unstructured) []Field {
	applied := &fieldpath.Set{}
	if p.entry.UID != "" {
		applied = decompress(p.entry.Fields)
	}
	known := p.entry.UID != "" && p.entry.Digest == manifestDigest(p.object, p.policy)
	adopted := p.adoptable(live)
	for i := range fields {
		f := &fields[i]
		// Without a stored set, all fields of the manifest are those of the last apply.
		ours := f.path != nil && (applied.Has(f.path) || known && len(p.entry.Fields) == 0)
		switch {
		case f.scaled():
			f.State = Yielding
		case slices.Contains(adopted, f.Manager):
			f.State = Adopting
		case ours && (known || p.policy.Drift == v1alpha1.DriftCorrect):
			f.State = Drifting
		case p.policy.Conflicts == v1alpha1.ConflictYield && f.path != nil:
			f.State = Yielding
		default:
			f.State = Conflicting
		}
		if p.detailed && f.path != nil && live != nil && !isSecret(live) {
			f.Live, _ = valueAt(live.Object, f.path)
			f.Manifest, _ = valueAt(p.object.Content.Object, f.path)
		}
	}
	return fields
}

// resolve changes the intent for the fields that others own. It returns false if nothing is written.
func (p *planner) resolve(d *decision, fields []Field) bool {
	fields = p.classify(fields, d.live)
	adopts := slices.ContainsFunc(fields, func(f Field) bool { return f.State == Adopting })
	fields = slices.DeleteFunc(fields, func(f Field) bool { return f.State == Adopting })
	is := func(state FieldState) bool {
		return slices.ContainsFunc(fields, func(f Field) bool { return f.State == state })
	}
	switch {
	case is(Conflicting) && p.policy.Conflicts != v1alpha1.ConflictForce:
		d.blocked(v1alpha1.ObjectConflict, fields)
		return false
	case is(Drifting) && p.policy.Drift == v1alpha1.DriftReport:
		d.blocked(v1alpha1.ObjectDrifted, fields)
		return false
	case is(Drifting) && p.policy.Drift == v1alpha1.DriftIgnore:
		d.blocked("", nil)
		return false
	}
	removed := map[string]bool{}
	for i, f := range fields {
		if f.State != Yielding || removed[f.Path] {
			continue
		}
		// The other manager owns the field of the object that was read, and the resource version makes it a conflict if it is changed.
		if !removeField(d.intent, f.path) {
			fields[i].State = Conflicting
			d.blocked(v1alpha1.ObjectConflict, fields)
			return false
		}
		removed[f.Path] = true
	}
	d.force = is(Conflicting) || is(Drifting) || adopts
	d.fields = slices.DeleteFunc(fields, func(f Field) bool { return f.State != Yielding })
	return true
}

// compare the result of the dry run with the object, as far as its fields are those of the bundle. Defaults and webhooks have been applied
// to both.
func (p *planner) compare(d *decision, result *unstructured.Unstructured) {
	before := p.owned(d.live)
	after := p.owned(result)
	d.changed = changedFields(after, d.live, result)
	d.changed = append(d.changed, changedFields(before.Difference(after), d.live, result)...)
	d.shared = p.sharing(result, after)
	known := p.known(d.live)
	switch {
	case len(d.changed) == 0 && before.Equals(after):
		d.intent = nil
		p.settle(d)
	case known && p.policy.Drift == v1alpha1.DriftIgnore:
		d.blocked("", d.fields)
	case known && p.policy.Drift == v1alpha1.DriftReport && len(d.changed) > 0:
		for _, change := range d.changed {
			d.fields = append(d.fields, Field{Path: change.Path, State: Drifting, Live: change.Before, Manifest: change.After})
		}
		d.blocked(v1alpha1.ObjectDrifted, d.fields)
	}
}

// isSettled reports whether the dry run is known to change nothing.
func (p *planner) isSettled(live *unstructured.Unstructured) bool {
	if p.settled == nil {
		return false
	}
	c, ok := comparisonOf(p.manager, manifestDigest(p.object, p.policy), live)
	return ok && p.settled.has(namespaceOf(p.manager), c)
}

// settle remembers that the dry run changed nothing, of an object of which no field is left to others.
func (p *planner) settle(d *decision) {
	if p.settled == nil || len(d.fields) > 0 || len(d.adopts) > 0 {
		return
	}
	if c, ok := comparisonOf(p.manager, manifestDigest(p.object, p.policy), d.live); ok {
		p.settled.add(namespaceOf(p.manager), c)
	}
}

// sharing are the fields of a set that other field managers own, too. Without details, there is one for each manager.
func (p *planner) sharing(object *unstructured.Unstructured, fields *fieldpath.Set) (shared []Field) {
	for _, entry := range object.GetManagedFields() {
		if p.owns(entry) || entry.Subresource != "" {
			continue
		}
		set, err := setOf(entry)
		if err != nil {
			continue
		}
		first := true
		set.Intersection(fields).Leaves().Iterate(func(path fieldpath.Path) {
			if first || p.detailed {
				shared = append(shared, Field{Path: path.String(), State: Shared, Manager: entry.Manager, LastWrite: entry.Time})
			}
			first = false
		})
	}
	slices.SortFunc(shared, func(a, b Field) int { return cmp.Or(cmp.Compare(a.Manager, b.Manager), cmp.Compare(a.Path, b.Path)) })
	return shared
}
