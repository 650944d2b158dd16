package explanation

import (
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
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/internal/explain"
	"kubeops.io/kubeops/internal/explain/tools"
)

// maxLookedThrough are the reports before this one in which an explanation is looked for. Each report has a copy of what it uses, so
// that the one before has all but what comes and goes.
const maxLookedThrough = 3

// answerTTL is how long the cache keeps an answer.
const answerTTL = 30 * 24 * time.Hour

// store are the explanations of the reports of one Inspection. They survive a restart, and all replicas see them.
type store struct {
	client client.Client
	reader client.Reader
	// answers may be nil.
	answers    environment.AnswerCache
	inspection *v1alpha1.Inspection
	report     *v1alpha1.InspectionReport

	mutex sync.Mutex
	added int
	// size of those that were added, in bytes.
	size int
}

// Lookup reads the newest reports before this one.
func (s *store) Lookup(ctx context.Context, keys []string) (map[string]v1alpha1.Explanation, error) {
	own, err := s.others(ctx)
	if err != nil {
		return nil, err
	}
	found := map[string]v1alpha1.Explanation{}
	for _, m := range own[:min(len(own), maxLookedThrough)] {
		if len(found) == len(keys) {
			break
		}
		report := &v1alpha1.InspectionReport{}
		if err := s.reader.Get(ctx, client.ObjectKeyFromObject(&m), report); client.IgnoreNotFound(err) != nil {
			return nil, err
		}
		for _, e := range report.Explanations {
			if _, has := found[e.Key]; !has && slices.Contains(keys, e.Key) {
				found[e.Key] = e
			}
		}
	}
	s.share(ctx, keys, found)
	return found, nil
}

// others are the other reports of the Inspection, the newest first.
func (s *store) others(ctx context.Context) ([]metav1.PartialObjectMetadata, error) {
	listed, err := tools.ListReports(ctx, s.reader, client.ObjectKeyFromObject(s.inspection))
	return slices.DeleteFunc(listed, func(m metav1.PartialObjectMetadata) bool {
		return !metav1.IsControlledBy(&m, s.inspection) || m.Name == s.report.Name
	}), err
}

// Earlier implements tools.History.
func (s *store) Earlier(ctx context.Context, each func(*v1alpha1.InspectionReport) bool) error {
	own, err := s.others(ctx)
	if err != nil {
		return err
	}
	earlier := slices.DeleteFunc(own, func(m metav1.PartialObjectMetadata) bool {
		return m.CreationTimestamp.After(s.report.CreationTimestamp.Time)
	})
	return tools.EachReport(ctx, s.reader, earlier, each)
}

// share adds what the cache knows. One that does not answer is none: its answers are asked for again.
func (s *store) share(ctx context.Context, keys []string, found map[string]v1alpha1.Explanation) {
	missing := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { _, has := found[key]; return has })
	if s.answers == nil || len(missing) == 0 {
		return
	}
	kept, err := s.answers.Get(ctx, missing)
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
func (s *store) keep(ctx context.Context, e v1alpha1.Explanation) {
	if s.answers == nil {
		return
	}
	value, err := json.Marshal(e)
	if err == nil {
		err = s.answers.Set(ctx, e.Key, value, answerTTL)
	}
	if err != nil {
		log.FromContext(ctx).Info("The cache of explanations was not written", "error", err.Error())
	}
}

// Add adds explanations to the report, in one patch.
func (s *store) Add(ctx context.Context, explanations ...v1alpha1.Explanation) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	operations := []map[string]any{{"op": "test", "path": "/metadata/uid", "value": s.report.UID}}
	left := explain.MaxBytes - explain.SizeOf(s.report.Explanations...) - s.size
	explanations = slices.Clone(explanations)
	for i := range explanations {
		explanations[i], left = explain.Within(explanations[i], left)
		e := explanations[i]
		if len(s.report.Explanations)+s.added+i == 0 {
			operations = append(operations, map[string]any{"op": "add", "path": "/explanations", "value": []v1alpha1.Explanation{e}})
			continue
		}
		operations = append(operations, map[string]any{"op": "add", "path": "/explanations/-", "value": e})
	}
	patch, err := json.Marshal(operations)
	if err != nil {
		return err
	}
	answer := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: s.report.Namespace, Name: s.report.Name}}
	answer.SetGroupVersionKind(v1alpha1.GroupVersion().WithKind("InspectionReport"))
	if err := s.client.Patch(ctx, answer, client.RawPatch(types.JSONPatchType, patch)); err != nil {
		return err
	}
	s.added += len(explanations)
	s.size += explain.SizeOf(explanations...)
	for _, e := range explanations {
		if e.Dropped != explain.DroppedTooLarge { // another report may have room for it
			s.keep(ctx, e)
		}
	}
	return nil
}
