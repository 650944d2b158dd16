package facts

import (
	"bytes"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/internal/inspect/facts/origin"
	"kubeops.io/kubeops/internal/text"
)

// Reducer turns objects into nodes. The zero value is ready to use.
type Reducer struct {
	// Scan returns the rule by which a text looks like a secret, or "". With nil, secrets are not searched for. It must be safe
	// for concurrent use.
	Scan func(text string) (rule string)
	// Digests keeps the digests of images, which only a comparison of clusters needs.
	Digests bool
	// SecretKeys keeps the names of the keys of Secrets, which only manifests tell.
	SecretKeys bool
}

// Reduce turns one object into its node, without searching for secrets; see Reducer.
func Reduce(object any) any { return Reducer{}.Reduce(object) }

// Reduce turns one object into its node: a pointer to a typed API object, or to PartialObjectMetadata of a Secret. It returns nil for
// kinds without a reducer and for Events that are not warnings. It never fails: malformed fields are left out of the node.
func (r Reducer) Reduce(object any) any {
	info, ok := kindOfObject(object).builtin() // custom resources share one reducer there
	if !ok {
		return nil
	}
	node := info.reduce(object)
	if node != nil && r.Scan != nil {
		r.leaks(object, node)
	}
	if pod, ok := node.(*PodNode); ok && r.Digests {
		keepDigests(pod, object)
	}
	if secret, ok := object.(*corev1.Secret); ok && r.SecretKeys {
		node.(*ConfigNode).Keys = secretKeys(secret)
	}
	return node
}

// maxText is how many runes of a message of the cluster are kept. Messages that checks need are shorter.
const maxText = 1024

// clip shortens a message of the cluster.
func clip(s string) string { return text.Clip(s, maxText) }

// Clip shortens a text; see text.Clip.
func Clip(s string, maxRunes int) string { return text.Clip(s, maxRunes) }

// metaOf is the metadata of a node, without the observed generation and conditions.
func metaOf(kind Kind, o *metav1.ObjectMeta) Meta {
	m := Meta{
		Ref: Ref{Kind: kind, Name: o.Name}, UID: string(o.UID), Created: o.CreationTimestamp.Time,
		Generation: o.Generation, Observed: -1,
	}
	if kind.Namespaced() {
		m.Namespace = o.Namespace
	}
	if o.DeletionTimestamp != nil {
		m.Deleting = o.DeletionTimestamp.Time
		m.Finalizers = slices.Clone(o.Finalizers)
	}
	m.Owned = len(o.OwnerReferences) > 0
	m.Origin = origin.Of(kind.Name(), o)
	m.Written = written(kind, o.ManagedFields)
	m.SpecChanged = specChanged(kind, o.ManagedFields)
	if owner := metav1.GetControllerOfNoCopy(o); owner != nil {
		m.Owner = Ref{Kind: KindOf(owner.APIVersion, owner.Kind), Name: owner.Name}
		if m.Owner.Kind.Namespaced() {
			m.Owner.Namespace = o.Namespace
		}
	}
	return m
}

// written are the writers of an object that used another API version than the one that is read.
func written(kind Kind, fields []metav1.ManagedFieldsEntry) []Written {
	var others []Written
	for i := range fields {
		if f := &fields[i]; f.APIVersion != "" && f.APIVersion != kind.APIVersion() && f.Subresource == "" && !migrated(kind, fields, f) {
			others = append(others, Written{f.APIVersion, f.Manager, timeOf(f.Time)})
		}
	}
	slices.SortStableFunc(others, func(a, b Written) int { return b.At.Compare(a.At) })
	return others
}

// specChanged is the newest write that set a field of the spec, also by another client than the author of the object. A write that also set
// the status does not count: resources without the status subresource are written as a whole each time that their status changes.
func specChanged(kind Kind, fields []metav1.ManagedFieldsEntry) time.Time {
	var last time.Time
	if kind == Pod || kind == Node {
		return last
	}
	for i := range fields {
		f := &fields[i]
		if f.Subresource == "status" || f.FieldsV1 == nil {
			continue
		}
		set := f.FieldsV1.GetRawBytes()
		if at := timeOf(f.Time); at.After(last) && bytes.Contains(set, []byte(`"f:spec":`)) && !bytes.Contains(set, []byte(`"f:status":`)) {
			last = at
		}
	}
	return last
}

// migrated reports whether a client has since written the version that is read.
func migrated(kind Kind, fields []metav1.ManagedFieldsEntry, old *metav1.ManagedFieldsEntry) bool {
	return slices.ContainsFunc(fields, func(f metav1.ManagedFieldsEntry) bool {
		return f.Manager == old.Manager && f.APIVersion == kind.APIVersion() && f.Subresource == "" &&
			timeOf(f.Time).After(timeOf(old.Time))
	})
}

// convert converts the conditions of a kind.
func convert[T any](conditions []T, one func(T) Condition) []Condition {
	if len(conditions) == 0 {
		return nil
	}
	converted := make([]Condition, 0, len(conditions))
	for _, c := range conditions {
		condition := one(c)
		condition.Type, condition.Reason, condition.Message = clip(condition.Type), clip(condition.Reason), clip(condition.Message)
		converted = append(converted, condition)
	}
	return converted
}

// metaCondition converts the condition type that newer APIs share.
func metaCondition(c metav1.Condition) Condition {
	return Condition{c.Type, string(c.Status), c.Reason, c.Message, c.LastTransitionTime.Time}
}

func value[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

func timeOf(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}

// seconds converts an optional number of seconds to a duration, bounded against overflow.
func seconds(s *int64) time.Duration {
	const maxSeconds = int64(1<<63-1) / int64(time.Second)
	return time.Duration(min(max(value(s, 0), 0), maxSeconds)) * time.Second
}

// secretKeys are the keys of a Secret, sorted. Those of a token are added by a controller.
func secretKeys(s *corev1.Secret) []string {
	if s.Type == corev1.SecretTypeServiceAccountToken {
		return nil
	}
	keys := slices.AppendSeq(slices.Collect(maps.Keys(s.Data)), maps.Keys(s.StringData))
	slices.Sort(keys)
	return slices.Compact(keys)
}
