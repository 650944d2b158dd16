package inspection

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"kubeops.io/kubeops/api/v1alpha1"
)

// lookedThrough are the reports before this one in which an explanation is looked for. Each report has a copy of what it uses, so
// that the one before has all but what comes and goes.
const lookedThrough = 3

// answersFor is how long the cache keeps an answer.
const answersFor = 30 * 24 * time.Hour

// AnswerCache keeps answers of models beside the reports, for all replicas. Its errors are never those of an Inspection.
type AnswerCache interface {
	// Get returns the values of the keys that it has, also beside an error.
	Get(ctx context.Context, keys []string) (map[string][]byte, error)
	// Set keeps a value for a while.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error
}

// explanations are those of the reports of one Inspection. They survive a restart, and all replicas see them.
type explanations struct {
	r      *Reconciler
	i      *v1alpha1.Inspection
	report *v1alpha1.InspectionReport

	mutex sync.Mutex
	added int
}

// Lookup reads the newest reports before this one.
func (x *explanations) Lookup(ctx context.Context, keys []string) (map[string]v1alpha1.Explanation, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(v1alpha1.GroupVersion().WithKind("InspectionReportList"))
	if err := x.r.Reader.List(ctx, list, client.InNamespace(x.i.Namespace), client.MatchingLabels{v1alpha1.LabelInspection: label(x.i.Name)}); err != nil {
		return nil, err
	}
	own := slices.DeleteFunc(list.Items, func(m metav1.PartialObjectMetadata) bool {
		return !metav1.IsControlledBy(&m, x.i) || m.Name == x.report.Name
	})
	slices.SortFunc(own, func(a, b metav1.PartialObjectMetadata) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(b.Name, a.Name))
	})
	found := map[string]v1alpha1.Explanation{}
	for _, m := range own[:min(len(own), lookedThrough)] {
		if len(found) == len(keys) {
			break
		}
		report := &v1alpha1.InspectionReport{}
		if err := x.r.Reader.Get(ctx, client.ObjectKeyFromObject(&m), report); client.IgnoreNotFound(err) != nil {
			return nil, err
		}
		for _, e := range report.Explanations {
			if _, has := found[e.Key]; !has && slices.Contains(keys, e.Key) {
				found[e.Key] = e
			}
		}
	}
	x.share(ctx, keys, found)
	return found, nil
}

// share adds what the cache knows. One that does not answer is none: its answers are asked for again.
func (x *explanations) share(ctx context.Context, keys []string, found map[string]v1alpha1.Explanation) {
	missing := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { _, has := found[key]; return has })
	if x.r.Answers == nil || len(missing) == 0 {
		return
	}
	kept, err := x.r.Answers.Get(ctx, missing)
	if err != nil {
		log.FromContext(ctx).Info("The cache of explanations was not read", "error", err.Error())
	}
	for key, value := range kept {
		var e v1alpha1.Explanation
		if json.Unmarshal(value, &e) == nil && e.Key == key {
			found[key] = e
		}
	}
}

// keep puts one into the cache, too.
func (x *explanations) keep(ctx context.Context, e v1alpha1.Explanation) {
	if x.r.Answers == nil {
		return
	}
	value, err := json.Marshal(e)
	if err == nil {
		err = x.r.Answers.Set(ctx, e.Key, value, answersFor)
	}
	if err != nil {
		log.FromContext(ctx).Info("The cache of explanations was not written", "error", err.Error())
	}
}

// Add adds one to the report.
func (x *explanations) Add(ctx context.Context, e v1alpha1.Explanation) error {
	x.mutex.Lock()
	defer x.mutex.Unlock()
	add := map[string]any{"op": "add", "path": "/explanations/-", "value": e}
	if len(x.report.Explanations)+x.added == 0 {
		add = map[string]any{"op": "add", "path": "/explanations", "value": []v1alpha1.Explanation{e}}
	}
	patch, err := json.Marshal([]map[string]any{{"op": "test", "path": "/metadata/uid", "value": x.report.UID}, add})
	if err != nil {
		return err
	}
	answer := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: x.report.Namespace, Name: x.report.Name}}
	answer.SetGroupVersionKind(v1alpha1.GroupVersion().WithKind("InspectionReport"))
	if err := x.r.Client.Patch(ctx, answer, client.RawPatch(types.JSONPatchType, patch)); err != nil {
		return err
	}
	x.added++
	x.keep(ctx, e)
	return nil
}
