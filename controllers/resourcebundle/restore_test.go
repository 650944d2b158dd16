package resourcebundle

import (
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
)

// connected probes a cluster until it is connected, or no longer is.
func (f *fleet) connected(name string, want bool) {
	f.t.Helper()
	f.Eventually(func() error {
		f.probe(name)
		if _, err := f.env.Clusters.Get(f.Key(name)); (err == nil) != want {
			return fmt.Errorf("cluster %s: %w", name, errNotYet)
		}
		return nil
	})
}

// names of the inventory of a bundle.
func (f *fleet) entries(name string) (names []string) {
	for _, entry := range f.inventory(name) {
		names = append(names, entry.Name)
	}
	slices.Sort(names)
	return names
}

func testRestored(t *testing.T, f *fleet) {
	f.bundle("restored", v1alpha1.ResourceBundleSpec{
		Clusters:  &v1alpha1.ClusterTargets{Names: []string{"east"}},
		Manifests: manifests(t, configMap("r-same", "1"), configMap("r-changed", "1"), configMap("r-pruned", "1")),
		Prune:     &v1alpha1.PrunePolicy{Enabled: true},
	})
	f.until("restored", v1alpha1.ReasonSucceeded)
	older := f.east.Snapshot()
	f.change("restored", func(s *v1alpha1.ResourceBundleSpec) {
		s.Manifests = manifests(t, configMap("r-same", "1"), configMap("r-changed", "2"), configMap("r-new", "1"))
	})
	f.until("restored", v1alpha1.ReasonSucceeded)
	f.reconcile("restored") // what was being deleted is gone
	want := []string{"r-changed", "r-new", "r-same"}
	if got := f.entries("restored"); !slices.Equal(got, want) || f.read(f.east, "r-pruned") != nil {
		t.Fatalf("before the restore, the inventory has %v", got)
	}

	f.east.Restore(older)
	f.connected("east", true)
	before, _ := f.versions(f.east)
	b := f.until("restored", v1alpha1.ReasonDrifted)
	if after, _ := f.versions(f.east); fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("something was written: before %v, after %v", before, after)
	}
	if row := rowOf(b, "east"); row.Counts.Drifted != 2 || row.Counts.Healthy != 1 {
		t.Error(show(b.Status))
	}
	if got := f.entries("restored"); !slices.Equal(got, want) {
		t.Errorf("after the restore, the inventory has %v", got)
	}
	f.change("restored", func(s *v1alpha1.ResourceBundleSpec) { s.Drift = v1alpha1.DriftCorrect })
	f.until("restored", v1alpha1.ReasonSucceeded)
	if f.read(f.east, "r-changed").Data["key"] != "2" || f.read(f.east, "r-new") == nil {
		t.Error("the drift was not corrected")
	}
	if f.read(f.east, "r-pruned") == nil {
		t.Error("an object that is not in the inventory was deleted")
	}
}

func testReplaced(t *testing.T, f *fleet) {
	f.bundle("replaced", v1alpha1.ResourceBundleSpec{
		Clusters:  &v1alpha1.ClusterTargets{Names: []string{"east"}},
		Manifests: manifests(t, configMap("p-one", "1"), configMap("p-two", "1")),
		Drift:     v1alpha1.DriftCorrect, Prune: &v1alpha1.PrunePolicy{Enabled: true},
	})
	f.until("replaced", v1alpha1.ReasonSucceeded)
	own := f.east.Snapshot()
	want := f.entries("replaced")
	f.east.Restore("")
	if err := f.east.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace}}); err != nil {
		t.Fatal(err)
	}
	f.allow(f.east, "*", "*")
	untouched := func() {
		t.Helper()
		if versions, _ := f.versions(f.east); len(versions) > 1 { // kube-root-ca.crt aside
			t.Errorf("the other cluster has %v", versions)
		}
		if got := f.entries("replaced"); !slices.Equal(got, want) {
			t.Errorf("the inventory has %v, before %v", got, want)
		}
	}
	f.until("replaced", v1alpha1.ReasonIdentityChanged) // before a probe has noticed it
	untouched()
	f.connected("east", false)
	f.until("replaced", v1alpha1.ReasonIdentityChanged)
	untouched()
	f.change("replaced", func(s *v1alpha1.ResourceBundleSpec) { s.Clusters.Names = []string{"west"} }) // it is deselected meanwhile
	f.reconcile("replaced")
	versions, _ := f.versions(f.east)
	if len(versions) > 1 || len(f.entries("replaced")) != 4 {
		t.Errorf("the other cluster has %v, and the inventory %v", versions, f.entries("replaced"))
	}
	f.change("replaced", func(s *v1alpha1.ResourceBundleSpec) { s.Clusters.Names = []string{"east"} })
	f.east.Restore(own)
	f.connected("east", true)
	f.until("replaced", v1alpha1.ReasonSucceeded)
	if f.read(f.east, "p-one") == nil || f.read(f.east, "p-two") == nil {
		t.Error("objects are gone after the cluster came back")
	}
}
