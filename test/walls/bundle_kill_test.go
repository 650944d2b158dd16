package walls

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

const (
	bundled = "bundled"
	// bundleObjects of each version of the bundle. The next version has half of them, with other values, and as many new ones.
	bundleObjects = 40
	// killPatience is how long a manager has to reach the point at which it is killed. It is killed then in any case.
	killPatience = 30 * time.Second
)

// kills of the manager: 50, or KUBEOPS_BUNDLE_KILLS.
func kills(t *testing.T) int {
	t.Helper()
	value := os.Getenv("KUBEOPS_BUNDLE_KILLS")
	if value == "" {
		return 50
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// version of the bundle: 40 ConfigMaps, of which 20 are in the next version, too.
func version(n int) (manifests []v1alpha1.Manifest, names []string) {
	for i := range bundleObjects {
		name := fmt.Sprintf("c-%d", (n*bundleObjects/2+i)%(2*bundleObjects))
		manifest := v1alpha1.Manifest{}
		manifest.Raw = []byte(fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%q},"data":{"version":"%d"}}`, name, n))
		manifests = append(manifests, manifest)
		names = append(names, name)
	}
	slices.Sort(names)
	return manifests, names
}

// TestAKilledManagerLosesNoObjectOfABundle kills the manager with SIGKILL after a random number of its writes, each time in the middle of
// another version of a bundle: while it applies, and every other time while it prunes. After each, the inventory has at least the objects
// that the bundle owns. The next manager completes.
func TestAKilledManagerLosesNoObjectOfABundle(t *testing.T) {
	c := newCluster(t)
	c.alone = true
	c.newBundleTenant()
	foreign := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: bundled, Name: "foreign"}}
	c.create(foreign)
	manifests, names := version(0)
	c.create(&v1alpha1.ResourceBundle{ObjectMeta: metav1.ObjectMeta{Namespace: bundled, Name: "b"}, Spec: v1alpha1.ResourceBundleSpec{
		Manifests: manifests, Prune: &v1alpha1.PrunePolicy{Enabled: true},
	}})
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // points of kills, the same each time
	var applying, pruning int
	for n := range kills(t) {
		if n > 0 {
			manifests, names = version(n)
			c.changeBundle(manifests)
		}
		at := 1 + random.IntN(bundleObjects/2)
		if deletes := n%2 == 1; !c.killAfter(at, deletes) {
			t.Logf("kill %d: %d writes were not reached", n, at)
		} else if deletes {
			pruning++
		} else {
			applying++
		}
		owned := c.ownedObjects()
		listed := c.listedObjects()
		for _, name := range owned {
			if !slices.Contains(listed, name) {
				t.Fatalf("kill %d after %d writes: %s is not in the inventory %v", n, at, name, listed)
			}
		}
	}
	t.Logf("%d kills: %d after a write of an apply, %d after a deletion, and the others %s after the start", kills(t), applying, pruning,
		killPatience)
	if least := kills(t) / 3; min(applying, pruning) < least {
		t.Errorf("%d kills amid applies and %d amid deletions, want at least %d of each", applying, pruning, least)
	}
	c.startManager()
	c.eventually("the bundle is ready", 2*time.Minute, func(ctx context.Context) error {
		b := &v1alpha1.ResourceBundle{}
		if err := c.client.Get(ctx, client.ObjectKey{Namespace: bundled, Name: "b"}, b); err != nil {
			return err
		}
		if b.Status.ObservedGeneration != b.Generation || !meta.IsStatusConditionTrue(b.Status.Conditions, v1alpha1.ConditionReady) {
			return fmt.Errorf("conditions %+v", b.Status.Conditions)
		}
		if owned := c.ownedObjects(); !slices.Equal(owned, names) {
			return fmt.Errorf("objects %v, want %v", owned, names)
		}
		if listed := c.listedObjects(); !slices.Equal(listed, names) {
			return fmt.Errorf("inventory %v, want %v", listed, names)
		}
		return nil
	})
	after := &corev1.ConfigMap{}
	err := c.client.Get(t.Context(), client.ObjectKeyFromObject(foreign), after)
	if err != nil || after.ResourceVersion != foreign.ResourceVersion {
		t.Errorf("the foreign object was touched: %v %+v", err, after)
	}
}

// newBundleTenant is a namespace whose ServiceAccount kubeops may write ConfigMaps.
func (c *cluster) newBundleTenant() {
	c.t.Helper()
	c.install("../../config/components/bundles")
	c.namespace(bundled)
	in := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: bundled, Name: name} }
	c.create(&corev1.ServiceAccount{ObjectMeta: in(v1alpha1.DefaultServiceAccountName)})
	c.create(&rbacv1.Role{ObjectMeta: in("applies"), Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get", "create", "patch", "delete"}},
	}})
	c.create(&rbacv1.RoleBinding{
		ObjectMeta: in("applies"), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "applies"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: bundled, Name: v1alpha1.DefaultServiceAccountName}},
	})
}

func (c *cluster) changeBundle(manifests []v1alpha1.Manifest) {
	c.t.Helper()
	c.eventually("the bundle is changed", time.Minute, func(ctx context.Context) error {
		b := &v1alpha1.ResourceBundle{}
		if err := c.client.Get(ctx, client.ObjectKey{Namespace: bundled, Name: "b"}, b); err != nil {
			return err
		}
		b.Spec.Manifests = manifests
		return c.client.Update(ctx, b)
	})
}

// killAfter starts a manager and kills it after a number of writes of ConfigMaps, or of deletions. It returns false if there were not so
// many.
func (c *cluster) killAfter(writes int, deletions bool) bool {
	c.t.Helper()
	list := &corev1.ConfigMapList{}
	if err := c.client.List(c.t.Context(), list, client.InNamespace(bundled)); err != nil {
		c.t.Fatal(err)
	}
	from := &client.ListOptions{Namespace: bundled, Raw: &metav1.ListOptions{ResourceVersion: list.ResourceVersion}}
	events, err := c.client.Watch(c.t.Context(), &corev1.ConfigMapList{}, from)
	if err != nil {
		c.t.Fatal(err)
	}
	defer events.Stop()
	m := c.launch()
	defer m.kill()
	deadline := time.After(killPatience)
	for n := 0; n < writes; {
		select {
		case event, open := <-events.ResultChan():
			if !open {
				c.t.Fatal(errors.New("the watch ended"))
			}
			if (event.Type == watch.Deleted) == deletions {
				n++
			}
		case <-m.ended:
			c.t.Fatalf("the manager ended: %v\n%s", m.err, m.tail())
		case <-deadline:
			return false
		}
	}
	return true
}

// ownedObjects are the ConfigMaps of which the bundle owns fields.
func (c *cluster) ownedObjects() (names []string) {
	c.t.Helper()
	list := &corev1.ConfigMapList{}
	if err := c.client.List(c.t.Context(), list, client.InNamespace(bundled)); err != nil {
		c.t.Fatal(err)
	}
	for _, o := range list.Items {
		isBundle := func(f metav1.ManagedFieldsEntry) bool { return strings.HasPrefix(f.Manager, "kubeops/") }
		if slices.ContainsFunc(o.ManagedFields, isBundle) {
			names = append(names, o.Name)
		}
	}
	slices.Sort(names)
	return names
}

// listedObjects are those of the inventory.
func (c *cluster) listedObjects() (names []string) {
	c.t.Helper()
	list := &v1alpha1.BundleInventoryList{}
	if err := c.client.List(c.t.Context(), list, client.InNamespace(bundled)); err != nil {
		c.t.Fatal(err)
	}
	for _, inventory := range list.Items {
		for _, entry := range inventory.Entries {
			names = append(names, entry.Name)
		}
	}
	slices.Sort(names)
	return names
}
