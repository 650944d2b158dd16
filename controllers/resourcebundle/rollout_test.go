package resourcebundle

import (
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
)

func testRollout(t *testing.T, f *fleet) {
	f.bundle("waves", v1alpha1.ResourceBundleSpec{
		Clusters:  &v1alpha1.ClusterTargets{Names: []string{"east", "west"}},
		Manifests: manifests(t, configMap("w-one", "1"), configMap("w-two", "1")),
		Rollout:   &v1alpha1.BundleRollout{Waves: []v1alpha1.BundleWave{{Clusters: &v1alpha1.ClusterTargets{Names: []string{"west"}}}}},
	})
	b := f.reconcile("waves")
	if f.read(f.west, "w-one") == nil || f.read(f.east, "w-one") != nil {
		t.Errorf("the first reconcile did not apply to the first wave only: %s", show(b.Status))
	}
	if row := rowOf(b, "east"); row.Reason != v1alpha1.ReasonWaitingForWave || b.Status.Rollout.UpdatedClusters != "1/2" {
		t.Error(show(b.Status))
	}
	b = f.until("waves", v1alpha1.ReasonSucceeded)
	if r := b.Status.Rollout; r.Wave != 2 || r.Waves != 2 || r.UpdatedClusters != "2/2" || r.Paused || f.read(f.east, "w-one") == nil {
		t.Error(show(b.Status))
	}

	f.change("waves", func(s *v1alpha1.ResourceBundleSpec) {
		s.Manifests = manifests(t, configMap("w-one", "2"), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: w-two}\ndate: {key: typo}\n")
	})
	b = f.until("waves", v1alpha1.ReasonInvalidManifest)
	for range 2 {
		b = f.reconcile("waves")
	}
	if got := f.read(f.east, "w-one").Data["key"]; got != "1" || f.read(f.west, "w-one").Data["key"] != "2" {
		t.Errorf("the second wave began after a failure: %s", show(b.Status))
	}
	// The message of Ready is shortened.
	message := conditionMessage(b, v1alpha1.ConditionReconciling)
	if !b.Status.Rollout.Paused || !strings.HasPrefix(message, "the rollout is paused in wave 1 of 2: cluster west: ConfigMap") {
		t.Errorf("%q: %s", message, show(b.Status))
	}
	f.change("waves", func(s *v1alpha1.ResourceBundleSpec) {
		s.Manifests = manifests(t, configMap("w-one", "3"), configMap("w-two", "3"))
	})
	f.until("waves", v1alpha1.ReasonSucceeded)
	if got := f.read(f.east, "w-one").Data["key"]; got != "3" {
		t.Errorf("key in east is %q", got)
	}
}
