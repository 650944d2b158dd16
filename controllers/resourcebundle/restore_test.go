package resourcebundle

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit"
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

func testKilled(t *testing.T, f *fleet) {
	const n, killedAt = 200, 20
	var documents []string
	for i := range n {
		documents = append(documents, configMap(fmt.Sprintf("k-%03d", i), "1"))
	}
	f.bundle("killed", v1alpha1.ResourceBundleSpec{
		Clusters: &v1alpha1.ClusterTargets{Names: []string{"west"}}, Manifests: manifests(t, documents...),
	})
	events, err := f.west.Watch(t.Context(), &corev1.ConfigMapList{}, client.InNamespace(f.Namespace))
	if err != nil {
		t.Fatal(err)
	}
	defer events.Stop()
	ended := make(chan error)
	go func() {
		_, err := f.once("killed")
		ended <- err
	}()
	deadline := time.After(time.Minute)
	for seen := 0; seen < killedAt; {
		select {
		case event := <-events.ResultChan():
			if applied, ok := event.Object.(client.Object); ok && strings.HasPrefix(applied.GetName(), "k-") {
				seen++
			}
		case <-deadline:
			t.Fatalf("%d objects were applied within a minute", seen)
		}
	}
	f.west.Kill()
	t.Log("the reconcile ended with:", <-ended)
	b := f.get("killed")
	if row := rowOf(b, "west"); row == nil || row.Ready || len(f.inventory("killed")) != n {
		t.Errorf("%d entries, %s", len(f.inventory("killed")), show(b.Status))
	}
	f.west.Start()
	f.connected("west", true)
	f.until("killed", v1alpha1.ReasonSucceeded)
	if versions, _ := f.versions(f.west); len(versions) < n || len(f.inventory("killed")) != n {
		t.Errorf("%d objects and %d entries", len(versions), len(f.inventory("killed")))
	}
}

func testExpired(t *testing.T, f *fleet) {
	f.bundle("expired", v1alpha1.ResourceBundleSpec{
		Clusters:  &v1alpha1.ClusterTargets{Names: []string{"west"}},
		Manifests: manifests(t, configMap("x-one", "1"), configMap("x-two", "1")), Prune: &v1alpha1.PrunePolicy{Enabled: true},
	})
	f.until("expired", v1alpha1.ReasonSucceeded)
	valid := string(testkit.Kubeconfig(t, f.west.Config))
	expired := rest.CopyConfig(f.west.Config)
	expired.BearerToken = "expired-token-0123"
	f.Secret("west", "value", string(testkit.Kubeconfig(t, expired)))
	f.connected("west", false)
	f.change("expired", func(s *v1alpha1.ResourceBundleSpec) { s.Manifests = s.Manifests[:1] })
	b := f.until("expired", v1alpha1.ReasonUnauthorized)
	if got := f.entries("expired"); len(got) != 2 || f.read(f.west, "x-two") == nil || strings.Contains(show(b), "expired-token-0123") {
		t.Errorf("the inventory has %v: %s", got, show(b.Status))
	}
	f.Secret("west", "value", valid)
	f.connected("west", true)
	f.until("expired", v1alpha1.ReasonSucceeded)
	f.reconcile("expired") // what was being deleted is gone
	if f.read(f.west, "x-one") == nil || f.read(f.west, "x-two") != nil {
		t.Error("the change was not applied after the credentials were renewed")
	}
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
