package bundle

import (
	"encoding/json"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
)

const repository = "https://git.example.com/shop/deployments.git"

func commit(digit string) *v1alpha1.GitRef {
	return &v1alpha1.GitRef{Commit: strings.Repeat(digit, 40)}
}

// bundleOf has a source of the repository for each reference, after one of another repository.
func bundleOf(refs ...*v1alpha1.GitRef) *v1alpha1.ResourceBundle {
	b := &v1alpha1.ResourceBundle{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "shop"}}
	other := &v1alpha1.GitManifests{URL: "https://git.example.com/other.git"}
	b.Spec.ManifestsFrom = []v1alpha1.ManifestSource{{Git: other}}
	for _, ref := range refs {
		b.Spec.ManifestsFrom = append(b.Spec.ManifestsFrom, v1alpha1.ManifestSource{Git: &v1alpha1.GitManifests{URL: repository, Ref: ref}})
	}
	return b
}

// TestWhatARollbackRestores asks about a stage that set commit 2.
func TestWhatARollbackRestores(t *testing.T) {
	main, tag := &v1alpha1.GitRef{Branch: "main"}, &v1alpha1.GitRef{Tag: "v1"}
	for name, c := range map[string]struct {
		was, is  []*v1alpha1.GitRef
		handle   string
		request  string
		changed  bool
		conflict bool
	}{
		"what the stage set":           {was: []*v1alpha1.GitRef{main}, is: []*v1alpha1.GitRef{commit("2")}, handle: commit("2").Commit, changed: true},
		"nothing":                      {was: []*v1alpha1.GitRef{main}, is: []*v1alpha1.GitRef{main}, handle: commit("2").Commit},
		"not what someone else set":    {was: []*v1alpha1.GitRef{main}, is: []*v1alpha1.GitRef{commit("3")}, handle: commit("2").Commit, conflict: true},
		"nor a reference that is gone": {was: []*v1alpha1.GitRef{main}, is: []*v1alpha1.GitRef{nil}, conflict: true},
		"sources with two references": {
			was: []*v1alpha1.GitRef{main, tag, nil}, is: []*v1alpha1.GitRef{commit("2"), commit("2"), commit("2")}, handle: commit("2").Commit,
			changed: true,
		},
		"also if the first has it already": {
			was: []*v1alpha1.GitRef{commit("2"), tag}, is: []*v1alpha1.GitRef{commit("2"), commit("2")}, handle: commit("2").Commit, changed: true,
		},
		"what the stage set without an answer": {
			was: []*v1alpha1.GitRef{main}, is: []*v1alpha1.GitRef{commit("2")}, request: request("shop-1", commit("2").Commit), changed: true,
		},
		"not what someone else set after that": {
			was: []*v1alpha1.GitRef{main}, is: []*v1alpha1.GitRef{commit("3")}, request: request("shop-1", commit("2").Commit), conflict: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			content, err := json.Marshal(stateOf(bundleOf(c.was...), repository))
			if err != nil {
				t.Fatal(err)
			}
			was, ok := decode(string(content))
			if !ok {
				t.Fatalf("cannot read %s", content)
			}
			for n, ref := range c.was {
				if !same(refAt(was.Refs, n), ref) {
					t.Errorf("source %d had %+v, and is restored to %+v", n, ref, refAt(was.Refs, n))
				}
			}
			found := bundleOf(c.is...)
			found.Annotations = map[string]string{v1alpha1.AnnotationRequestedAt: c.request}
			stage := &v1alpha1.PipelineStage{Bundle: &v1alpha1.BundleStage{BundleRef: v1alpha1.LocalReference{Name: "shop"}}}
			attempt := pipeline.Attempt{
				Namespace: "team", Stage: stage, Undo: &pipeline.Undo{Handle: c.handle, Keys: []string{"shop-2", "shop-1"}},
			}
			changed, err := changedBy(attempt, found, repository, was)
			if p := problem.As(err); changed != c.changed || (p != nil && p.Reason == v1alpha1.ReasonValuesChanged) != c.conflict {
				t.Errorf("changed %t, %v", changed, err)
			}
		})
	}
}

func TestAStageEndsWithTheCommitThatItSet(t *testing.T) {
	found := bundleOf(commit("3"))
	found.Annotations = map[string]string{v1alpha1.AnnotationRequestedAt: request("shop-1", commit("2").Commit)}
	if set, is := requested(found, "shop-1"); !is || set != commit("2").Commit {
		t.Errorf("the attempt set %q, %t", set, is)
	}
	if _, is := requested(found, "shop"); is {
		t.Error("the request is that of another attempt")
	}
	o := judge(found, repository, []*v1alpha1.GitRef{commit("2")})
	if o.State != pipeline.Failed || o.Reason != v1alpha1.ReasonBundleChanged {
		t.Errorf("someone else set another commit since: %+v", o)
	}
}
