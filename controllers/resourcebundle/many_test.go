package resourcebundle

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
)

// bundleSize is the number of objects of the large bundle: 200, or KUBEOPS_BUNDLE_OBJECTS, which are applied to three clusters.
func bundleSize(t *testing.T) int {
	t.Helper()
	value := os.Getenv("KUBEOPS_BUNDLE_OBJECTS")
	if value == "" {
		return 200
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// shortInterval between two comparisons, for tests of how soon a conflict is named.
const shortInterval = 5 * time.Second

// namedWithin is how soon a conflict is named, at most.
const namedWithin = 10 * time.Second

// taken checks that a field that another manager took is named within 10 s, with the drift that the bundle reports, and not overwritten
// before the spec says so.
func (f *fleet) taken(n int) {
	f.t.Helper()
	applyAs(f.t, f.east, "argocd", f.Namespace, configMap("many-0001", "taken"))
	began := time.Now()
	result, err := f.once("many")
	if err != nil {
		f.t.Fatal(err)
	}
	took := time.Since(began)
	b := f.get("many")
	if c := b.Status.Conflicts; len(c) != 1 || c[0].Cluster != "east" || c[0].Name != "many-0001" || c[0].Manager != "argocd" {
		f.t.Error(show(c))
	}
	if result.RequeueAfter > shortInterval {
		f.t.Errorf("the next comparison is in %s", result.RequeueAfter)
	}
	// At worst, the field is taken just after it was compared.
	worst := took + result.RequeueAfter + took
	f.t.Logf("of %d objects, the taken field was named %s after the start of a comparison; at worst, that is %s after it was taken",
		n, took, worst)
	if worst > namedWithin {
		f.t.Errorf("at worst, a taken field is named after %s, want %s", worst, namedWithin)
	}
	if got := f.read(f.east, "many-0001").Data["key"]; got != "taken" {
		f.t.Errorf("overwritten with %q", got)
	}
	f.change("many", func(s *v1alpha1.ResourceBundleSpec) { s.Drift = v1alpha1.DriftCorrect })
	f.until("many", v1alpha1.ReasonSucceeded)
	if got := f.read(f.east, "many-0001").Data["key"]; got != "1" {
		f.t.Errorf("not corrected: %q", got)
	}
}

// peakMemory is the largest resident memory of this process so far, in MiB: that of the controller and of the test.
func peakMemory(t *testing.T) int64 {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return usage.Maxrss >> 10
}

func testManyObjects(t *testing.T, f *fleet) {
	f = f.at(clock.RealClock{}) // which shortens the pause after a comparison that takes long
	before := peakMemory(t)
	defer func() { t.Logf("the process has at most %d MiB, before %d MiB", peakMemory(t), before) }()
	n := bundleSize(t)
	in := 2
	if os.Getenv("KUBEOPS_BUNDLE_OBJECTS") != "" {
		f.join("north")
		in = 3
	}
	var documents []string
	for i := range n {
		documents = append(documents, configMap(fmt.Sprintf("many-%04d", i), strconv.Itoa(i)))
	}
	f.bundle("many", v1alpha1.ResourceBundleSpec{
		Clusters: labelled("tier", "app"), Manifests: manifests(t, documents...), Interval: &metav1.Duration{Duration: shortInterval},
	})
	began := time.Now()
	b := f.until("many", v1alpha1.ReasonSucceeded)
	t.Logf("%d objects applied to %d clusters, and compared once, in %s", n, in, time.Since(began))
	if b.Status.ReadyClusters != fmt.Sprintf("%d/%d", in, in) || len(f.inventory("many")) != in*n {
		t.Error(show(b.Status))
	}
	east, _ := f.versions(f.east)
	west, _ := f.versions(f.west)
	began = time.Now()
	if _, err := f.once("many"); err != nil {
		t.Fatal(err)
	}
	t.Logf("compared again in %s", time.Since(began))
	eastAfter, _ := f.versions(f.east)
	westAfter, _ := f.versions(f.west)
	if len(east) < n || fmt.Sprint(east, west) != fmt.Sprint(eastAfter, westAfter) {
		t.Error("a resourceVersion moved")
	}
	f.taken(n)
	f.change("many", func(s *v1alpha1.ResourceBundleSpec) { s.Clusters = &v1alpha1.ClusterTargets{Names: []string{"west"}} })
	f.until("many", v1alpha1.ReasonSucceeded)
	if _, err := f.once("many"); err != nil { // what was being deleted is gone
		t.Fatal(err)
	}
	if east, _ := f.versions(f.east); len(east) > 1 { // kube-root-ca.crt aside
		t.Errorf("%d ConfigMaps are left in a cluster that is no longer selected", len(east))
	}
	if west, _ := f.versions(f.west); len(west) < n || len(f.inventory("many")) != n {
		t.Errorf("%d ConfigMaps and %d entries are left", len(west), len(f.inventory("many")))
	}
	f.Delete(f.get("many"))
	for range 2 {
		if _, err := f.once("many"); err != nil {
			t.Logf("delete: %v", err)
		}
	}
	if west, _ := f.versions(f.west); len(west) > 1 {
		t.Errorf("%d ConfigMaps are left of a deleted bundle", len(west))
	}
}
