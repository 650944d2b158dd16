package resourcebundle

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

func TestAClusterThatTakesAllItsTimeHasAProblem(t *testing.T) {
	w := &work{bundle: &v1alpha1.ResourceBundle{}}
	over, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	late := fmt.Errorf("write the inventory: %w", context.DeadlineExceeded)
	cutOff := problem.Retrying(v1alpha1.ReasonClusterUnreachable, late, "the API server does not answer")
	known := problem.Retrying(v1alpha1.ReasonClusterUnreachable, nil, "the API server does not answer")
	for name, tc := range map[string]struct {
		limited context.Context //nolint:containedctx // an argument
		err     error
		want    string
	}{
		"no error":                         {over, nil, ""},
		"its time is over":                 {over, late, v1alpha1.ReasonTimeout},
		"a deadline of one request":        {t.Context(), late, ""},
		"another error after its time":     {over, errors.New("broken"), ""},
		"a request that its time cut off":  {over, cutOff, v1alpha1.ReasonTimeout},
		"a request that timed out before":  {t.Context(), cutOff, v1alpha1.ReasonClusterUnreachable},
		"a problem is kept after its time": {over, known, v1alpha1.ReasonClusterUnreachable},
	} {
		got := ""
		if p := w.problemOf(tc.limited, tc.err); p != nil {
			got = p.Reason
		}
		if got != tc.want {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
}

func TestNothingIsPrunedWhileFoldersHaveDifferentCommits(t *testing.T) {
	for second, held := range map[string]bool{"1": false, "2": true} {
		w := &work{bundle: &v1alpha1.ResourceBundle{}, sources: &sources{}}
		for path, revision := range map[string]string{"a": "1", "b": second} {
			git := &v1alpha1.GitManifests{URL: "https://git.example.com/shop.git", Path: path}
			w.bundle.Spec.ManifestsFrom = append(w.bundle.Spec.ManifestsFrom, v1alpha1.ManifestSource{Git: git})
			w.sources.folders = append(w.sources.folders, v1alpha1.InventorySource{URL: git.URL, Path: path, Revision: revision})
		}
		if got := w.prune("local").Held; (got != "") != held {
			t.Errorf("commits 1 and %s: %q", second, got)
		}
	}
}
