package resourcebundle

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/managedcluster"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// remote is a cluster that is not the one of the manager.
type remote struct {
	*testkit.Cluster
	client.WithWatch
	name string
}

// fleet is a world with ManagedClusters.
type fleet struct {
	*world
	clusters   *kind.Reconciler[*v1alpha1.ManagedCluster]
	east, west *remote
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{world: newWorld(t)}
	f.clusters = managedcluster.New(f.env, testsuite.Steady())
	f.east = f.join("east")
	f.west = f.join("west")
	return f
}

// join starts a cluster, in which the ServiceAccount may do everything in the namespace, and connects it.
func (f *fleet) join(name string) *remote {
	f.t.Helper()
	cluster := testkit.NewCluster(f.t)
	c, err := client.NewWithWatch(cluster.Config, client.Options{Scheme: tenant.Scheme(f.t)})
	if err != nil {
		f.t.Fatal(err)
	}
	if err := c.Create(f.t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace}}); err != nil {
		f.t.Fatal(err)
	}
	f.allow(c, "*", "*")
	f.Secret(name, "value", string(testkit.Kubeconfig(f.t, cluster.Config)))
	f.Grant(name)
	f.Create(&v1alpha1.ManagedCluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: f.Namespace, Name: name, Labels: map[string]string{"tier": "app"}},
		Spec: v1alpha1.ManagedClusterSpec{
			Kubeconfig: &v1alpha1.KubeconfigReference{SecretReference: v1alpha1.SecretReference{Name: name}},
			Timeout:    &metav1.Duration{Duration: time.Second},
		},
	})
	r := &remote{Cluster: cluster, WithWatch: c, name: name}
	f.Eventually(func() error {
		f.probe(name)
		_, err := f.env.Clusters.Get(f.Key(name))
		return err
	})
	return r
}

// probe a cluster once.
func (f *fleet) probe(name string) {
	f.t.Helper()
	if _, err := testsuite.Reconcile(f.t, f.clusters, f.Key(name)); err != nil {
		f.t.Logf("probe %s: %v", name, err)
	}
}

// label a ManagedCluster.
func (f *fleet) label(name, key, value string) {
	f.t.Helper()
	mc := &v1alpha1.ManagedCluster{}
	if err := f.Client.Get(f.t.Context(), f.Key(name), mc); err != nil {
		f.t.Fatal(err)
	}
	mc.Labels = map[string]string{key: value}
	f.Update(mc)
}

func labelled(key, value string) *v1alpha1.ClusterTargets {
	return &v1alpha1.ClusterTargets{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}}
}

// versions are the resource versions of all ConfigMaps of the namespace in a cluster, by name, and their UIDs.
func (f *fleet) versions(c client.Client) (versions, uids map[string]string) {
	f.t.Helper()
	list := &corev1.ConfigMapList{}
	if err := c.List(f.t.Context(), list, client.InNamespace(f.Namespace)); err != nil {
		f.t.Fatal(err)
	}
	versions = map[string]string{}
	uids = map[string]string{}
	for _, found := range list.Items {
		versions[found.Name] = found.ResourceVersion
		uids[found.Name] = string(found.UID)
	}
	return versions, uids
}

func TestBundlesInOtherClusters(t *testing.T) {
	f := newFleet(t)
	for _, tc := range []struct {
		name string
		test func(*testing.T, *fleet)
	}{
		{"many objects are applied, and written once", testManyObjects},
		{"a field of another manager is a conflict in its cluster only", testConflictInOneCluster},
		{"a cluster that moves to another bundle loses nothing", testMove},
		{"a cluster that is away for an hour keeps everything", testAway},
		{"the ServiceAccount has the permissions of the target", testPermissionsOfTheTarget},
		{"overrides change objects in single clusters", testOverrides},
		{"a wave waits for the one before, and a failure pauses it", testRollout},
		{"a cluster whose API server is killed amid an apply gets the rest afterwards", testKilled},
		{"a cluster whose credentials expired keeps everything", testExpired},
		{"a cluster that was restored from an older snapshot is only reported", testRestored},
		{"another cluster at the same address is left alone", testReplaced},
	} {
		if !t.Run(tc.name, func(t *testing.T) { tc.test(t, f) }) {
			return
		}
	}
}

func testConflictInOneCluster(t *testing.T, f *fleet) {
	applyAs(t, f.east, "argocd", f.Namespace, configMap("shared", "theirs"))
	f.bundle("conflict", v1alpha1.ResourceBundleSpec{Clusters: &v1alpha1.ClusterTargets{Names: []string{"east", "west"}},
		Manifests: manifests(t, configMap("shared", "ours"))})
	b := f.until("conflict", v1alpha1.ReasonConflict)
	if got := f.read(f.east, "shared").Data["key"]; got != "theirs" {
		t.Errorf("overwritten with %q", got)
	}
	if got := f.read(f.west, "shared").Data["key"]; got != "ours" || b.Status.ReadyClusters != "1/2" {
		t.Errorf("key is %q: %s", got, show(b.Status))
	}
	if c := b.Status.Conflicts; len(c) != 1 || c[0].Cluster != "east" || c[0].Manager != "argocd" {
		t.Error(show(c))
	}
	f.change("conflict", func(s *v1alpha1.ResourceBundleSpec) { s.DeletionPolicy = v1alpha1.RemovalOrphan })
	f.Delete(f.get("conflict"))
	if _, err := f.once("conflict"); err != nil {
		t.Error(err)
	}
	f.t.Log("orphaned")
}

func testMove(t *testing.T, f *fleet) {
	f.label("east", "stage", "old")
	documents := []string{configMap("moved-1", "1"), configMap("moved-2", "2")}
	f.bundle("old", v1alpha1.ResourceBundleSpec{Clusters: labelled("stage", "old"), Manifests: manifests(t, documents...)})
	f.until("old", v1alpha1.ReasonSucceeded)
	_, before := f.versions(f.east)
	f.bundle("new", v1alpha1.ResourceBundleSpec{
		Clusters: labelled("stage", "new"), Manifests: manifests(t, documents...), Prune: &v1alpha1.PrunePolicy{Enabled: true},
	})
	f.until("new", v1alpha1.ReasonNoClusters)
	f.label("east", "stage", "new")
	b := f.reconcile("old") // before the new bundle has seen the cluster
	if held := conditionMessage(b, v1alpha1.ConditionPruneHeld); !strings.Contains(held, "waits for ResourceBundle new") {
		t.Errorf("PruneHeld: %q", held)
	}
	f.until("new", v1alpha1.ReasonSucceeded)
	b = f.until("old", v1alpha1.ReasonNoClusters)
	_, after := f.versions(f.east)
	if fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("before %v, after %v", before, after)
	}
	for _, entry := range f.read(f.east, "moved-1").ManagedFields {
		if entry.Manager == b.Status.FieldManager {
			t.Error("the old bundle still owns fields")
		}
	}
	if entries := f.inventory("old"); len(entries) > 0 {
		t.Errorf("the old bundle has entries: %+v", entries)
	}
	f.change("new", func(s *v1alpha1.ResourceBundleSpec) { s.Manifests = s.Manifests[:1] })
	f.until("new", v1alpha1.ReasonSucceeded)
	if f.read(f.east, "moved-2") != nil {
		t.Error("the new bundle does not prune what it took over")
	}
}

// at is the same fleet with the bundles of a manager whose clock is another one.
func (f *fleet) at(clock clock.PassiveClock) *fleet {
	env := *f.env
	env.Clock = clock
	w := *f.world
	w.env = &env
	w.r = New(&env)
	other := *f
	other.world = &w
	return &other
}

func testAway(t *testing.T, f *fleet) {
	now := testingclock.NewFakeClock(time.Now())
	f = f.at(now)
	f.label("east", "stage", "frozen")
	f.bundle("frozen", v1alpha1.ResourceBundleSpec{
		Clusters: labelled("stage", "frozen"), Manifests: manifests(t, configMap("stays", "1"), configMap("stays-too", "2")),
		Prune: &v1alpha1.PrunePolicy{Enabled: true},
	})
	f.until("frozen", v1alpha1.ReasonSucceeded)
	_, before := f.versions(f.east)
	f.east.Freeze()
	f.Eventually(func() error {
		f.probe("east")
		if _, err := f.env.Clusters.Get(f.Key("east")); err == nil {
			return errNotYet
		}
		return nil
	})
	entries := len(f.inventory("frozen"))
	for range 6 {
		now.Step(10 * time.Minute)
		b := f.reconcile("frozen")
		if b.Status.ReadyClusters != "0/1" || b.Status.Clusters[0].Counts.Healthy != 2 {
			t.Error(show(b.Status))
		}
	}
	f.label("east", "stage", "elsewhere") // it is deselected while it is away
	b := f.reconcile("frozen")
	if held := conditionMessage(b, v1alpha1.ConditionPruneHeld); !strings.Contains(held, "cluster east is no longer selected") {
		t.Errorf("PruneHeld: %q", held)
	}
	f.label("east", "stage", "frozen")
	if got := len(f.inventory("frozen")); got != entries {
		t.Errorf("the inventory has %d entries, before %d", got, entries)
	}
	f.east.Thaw()
	f.Eventually(func() error {
		f.probe("east")
		_, err := f.env.Clusters.Get(f.Key("east"))
		return err
	})
	b = f.until("frozen", v1alpha1.ReasonSucceeded)
	if _, after := f.versions(f.east); fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("before %v, after %v", before, after)
	}
	if got := len(f.inventory("frozen")); got != entries || b.Status.Clusters[0].Counts.Healthy != 2 {
		t.Errorf("the inventory has %d entries, before %d: %s", got, entries, show(b.Status))
	}
}

func testPermissionsOfTheTarget(t *testing.T, f *fleet) {
	f.label("east", "stage", "tenant")
	document := "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: " + f.Namespace + "}\n" +
		"roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}\n"
	f.bundle("tenant", v1alpha1.ResourceBundleSpec{Clusters: labelled("stage", "tenant"),
		Manifests: manifests(t, document, configMap("may", "1"),
			strings.Replace(configMap("elsewhere", "1"), "{name: elsewhere}", "{name: elsewhere, namespace: kube-system}", 1))})
	b := f.until("tenant", v1alpha1.ReasonApplyFailed)
	if f.read(f.east, "may") == nil || b.Status.Clusters[0].Counts.Failed != 2 {
		t.Error(show(b.Status))
	}
	for _, object := range b.Status.Clusters[0].Objects {
		if !strings.Contains(object.Message, "the ServiceAccount cannot") {
			t.Errorf("%+v", object)
		}
	}
}
