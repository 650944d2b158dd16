package resourcebundle

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// crasher is a process that is killed at one of its requests: that request is sent or not, its response is lost, and no other follows.
type crasher struct {
	mutex sync.Mutex
	// left are the requests until the crash; negative for none.
	left    int
	sent    bool
	crashed bool
	count   int
}

var errCrashed = errors.New("the process was killed")

// mortal is a client of the process.
type mortal struct {
	process *crasher
	next    http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (m *mortal) RoundTrip(r *http.Request) (*http.Response, error) {
	dead, last, sent := m.process.request()
	if dead || last && !sent {
		return nil, errCrashed
	}
	response, err := m.next.RoundTrip(r)
	if last && err == nil {
		_ = response.Body.Close()
		return nil, errCrashed
	}
	return response, err
}

// request counts one, and reports whether the process is dead, or dies at this one, and whether that is sent.
func (c *crasher) request() (dead, last, sent bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.count++
	if c.left > 0 {
		c.left--
	}
	dead = c.crashed
	last = c.left == 0 && !c.crashed
	c.crashed = c.crashed || last
	return dead, last, c.sent
}

// arm the crash at a request; zero never crashes.
func (c *crasher) arm(at int, sent bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.left = at
	if at == 0 {
		c.left = -1
	}
	c.sent = sent
	c.crashed = false
	c.count = 0
}

func TestACrashAtAnyRequestLosesNoObjectAndTouchesNoForeignOne(t *testing.T) {
	const crashes = 50
	steady := newWorld(t)
	steady.Create(&corev1.ConfigMap{ObjectMeta: steady.Meta("foreign"), Data: map[string]string{"key": "theirs"}})
	applyAs(t, steady.Client, "helm", steady.Namespace, configMap("existed", "same"))
	sets := [][]v1alpha1.Manifest{
		manifests(t, configMap("a", "1"), configMap("b", "1"), configMap("c", "1"), configMap("d", "1")),
		manifests(t, configMap("a", "2"), configMap("b", "1"), configMap("e", "1"), configMap("f", "1"), configMap("existed", "same")),
	}
	desired := [][]string{{"a", "b", "c", "d"}, {"a", "b", "e", "existed", "f"}}
	steady.bundle("b", v1alpha1.ResourceBundleSpec{Prune: &v1alpha1.PrunePolicy{Enabled: true}, Manifests: sets[0]})
	steady.until("b", v1alpha1.ReasonSucceeded)
	foreign := steady.read(steady.Client, "foreign")
	existed := steady.read(steady.Client, "existed")

	c := &crasher{left: -1}
	w := steady.killable(t, c)
	c.arm(0, false)
	if _, err := w.once("b"); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // points of crashes, the same each time
	for i := range crashes {
		set := (i + 1) % 2
		steady.change("b", func(s *v1alpha1.ResourceBundleSpec) { s.Manifests = sets[set] })
		at := 1 + random.IntN(45)
		c.arm(at, random.IntN(2) == 0)
		_, err := w.once("b")
		what := fmt.Sprintf("crash %d at request %d of %d (%v)", i, at, c.count, err)
		owned := steady.owned("b")
		listed := steady.listed("b")
		for _, name := range owned {
			if !slices.Contains(listed, name) {
				t.Errorf("%s: %s is not in the inventory %v", what, name, listed)
			}
		}
		steady.until("b", v1alpha1.ReasonSucceeded) // another process
		steady.reconcile("b")                       // what was being deleted is gone
		if got := steady.owned("b"); !slices.Equal(got, desired[set]) {
			t.Errorf("%s: objects %v, want %v", what, got, desired[set])
		}
		if got := steady.listed("b"); !slices.Equal(got, desired[set]) {
			t.Errorf("%s: inventory %v, want %v", what, got, desired[set])
		}
	}
	if got := steady.read(steady.Client, "foreign"); got == nil || got.ResourceVersion != foreign.ResourceVersion {
		t.Errorf("the foreign object was touched: %+v", got)
	}
	if got := steady.read(steady.Client, "existed"); got == nil || got.UID != existed.UID || got.Data["key"] != "same" {
		t.Errorf("the object that existed before is %+v", got)
	}
}

// killable is the same world in another process, whose requests go through a crasher.
func (w *world) killable(t *testing.T, c *crasher) *world {
	t.Helper()
	config := rest.CopyConfig(w.Config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return &mortal{c, next}
	})
	other := *w.Tenant
	other.Config = config
	var err error
	if other.Client, err = client.NewWithWatch(config, client.Options{Scheme: tenant.Scheme(t)}); err != nil {
		t.Fatal(err)
	}
	env := testsuite.NewEnvironment(t, &other, prometheus.NewRegistry())
	return &world{Tenant: &other, t: t, env: env, r: New(env)}
}

// owned are the ConfigMaps that the bundle owns fields of, by name.
func (w *world) owned(name string) (names []string) {
	w.t.Helper()
	list := &corev1.ConfigMapList{}
	if err := w.Client.List(w.t.Context(), list, client.InNamespace(w.Namespace)); err != nil {
		w.t.Fatal(err)
	}
	for _, found := range list.Items {
		for _, entry := range found.ManagedFields {
			if strings.HasSuffix(entry.Manager, "/"+name) {
				names = append(names, found.Name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// listed are the names in the inventory.
func (w *world) listed(name string) (names []string) {
	w.t.Helper()
	for _, entry := range w.inventory(name) {
		names = append(names, entry.Name)
	}
	slices.Sort(names)
	return names
}
