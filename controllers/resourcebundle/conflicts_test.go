package resourcebundle

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/bundle"
	"kubeops.io/kubeops/internal/problem"
)

// What was not looked at again is neither fixed nor new.
func TestAConflictRemainsUntilItsObjectWasLookedAt(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	known := v1alpha1.BundleConflict{
		Cluster: "a", Kind: "ConfigMap", Namespace: "shop", Name: "c", Field: ".data.x", Type: v1alpha1.FieldConflict,
		FirstSeenTime: metav1.NewTime(now.Add(-time.Hour)),
	}
	result := func(name string, fields ...bundle.Field) bundle.Result {
		r := bundle.Result{Fields: fields}
		r.Key.Kind = "ConfigMap"
		r.Key.Namespace = "shop"
		r.Key.Name = name
		return r
	}
	field := bundle.Field{Path: ".data.x", State: bundle.FieldState(v1alpha1.FieldConflict)}
	for name, tc := range map[string]struct {
		outcome clusterOutcome
		unread  bool
		want    bool
	}{
		"fixed":                                        {clusterOutcome{results: []bundle.Result{result("c")}}, false, false},
		"removed from the manifests":                   {clusterOutcome{results: []bundle.Result{result("d")}}, false, false},
		"it persists":                                  {clusterOutcome{results: []bundle.Result{result("c", field)}}, false, true},
		"the cluster is away":                          {clusterOutcome{problem: &problem.Problem{}}, false, true},
		"the cluster waits for its wave":               {clusterOutcome{waits: "wave 2"}, false, true},
		"its source is away":                           {clusterOutcome{results: []bundle.Result{result("d")}}, true, true},
		"its source is away, and it persists":          {clusterOutcome{results: []bundle.Result{result("c", field)}}, true, true},
		"another source is away, and it was looked at": {clusterOutcome{results: []bundle.Result{result("c")}}, true, false},
	} {
		tc.outcome.cluster = "a"
		got := conflicts([]clusterOutcome{tc.outcome, {cluster: "b"}}, []v1alpha1.BundleConflict{known}, now, tc.unread)
		var want []v1alpha1.BundleConflict
		if tc.want {
			want = append(want, known)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
