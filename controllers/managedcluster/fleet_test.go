package managedcluster

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/faults"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

const (
	fleetSize = 10
	deadOnes  = 3
	// observed is how long the fleet is watched with and without dead clusters.
	observed = 10 * time.Second
)

// fleet is the clusters of one manager that runs: one API server behind several proxies. test/walls has more of them.
type fleet struct {
	*tenant.Tenant
	t       *testing.T
	env     *environment.Environment
	proxies []*faults.Proxy
}

// probeTimeout of a cluster. Those that will be dead are to be noticed soon. The others get time enough that a machine that stalls for some
// seconds is not taken for a cluster that does not answer: only the dead ones may disturb them.
func probeTimeout(i int) time.Duration {
	if i < deadOnes {
		return 2 * time.Second
	}
	return 30 * time.Second
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	remote := testkit.NewCluster(t)
	n := tenant.New(t, realAPI)
	n.Account()
	f := &fleet{Tenant: n, t: t}
	f.env = testsuite.StartManager(t, realAPI, Setup)
	server, _, err := rest.DefaultServerUrlFor(remote.Config)
	if err != nil {
		t.Fatal(err)
	}
	for i := range fleetSize {
		proxy := faults.NewProxy(t, server.Host, time.Duration(i)*5*time.Millisecond)
		f.proxies = append(f.proxies, proxy)
		config := rest.CopyConfig(remote.Config)
		config.Host = (&url.URL{Scheme: "https", Host: proxy.Address()}).String()
		name := fmt.Sprintf("c%02d", i)
		n.Grant(name)
		n.Secret(name, "value", string(testkit.Kubeconfig(t, config)))
		n.Create(&v1alpha1.ManagedCluster{ObjectMeta: n.Meta(name), Spec: v1alpha1.ManagedClusterSpec{
			Kubeconfig: &v1alpha1.KubeconfigReference{SecretReference: v1alpha1.SecretReference{Name: name}},
			Interval:   &metav1.Duration{Duration: 5 * time.Second}, Timeout: &metav1.Duration{Duration: probeTimeout(i)},
		}})
	}
	return f
}

// list the clusters by whether they should be dead.
func (f *fleet) list() (healthy, dead []v1alpha1.ManagedCluster) {
	f.t.Helper()
	all := &v1alpha1.ManagedClusterList{}
	if err := f.Client.List(f.t.Context(), all, client.InNamespace(f.Namespace)); err != nil {
		f.t.Fatal(err)
	}
	slices.SortFunc(all.Items, func(a, b v1alpha1.ManagedCluster) int { return strings.Compare(a.Name, b.Name) })
	for i, c := range all.Items {
		if f.proxies[i].Healthy() {
			healthy = append(healthy, c)
		} else {
			dead = append(dead, c)
		}
	}
	return healthy, dead
}

func ready(c v1alpha1.ManagedCluster) *metav1.Condition {
	return meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionReady)
}

// await the state of all clusters: healthy ones are Ready with an inventory, and dead ones are not.
func (f *fleet) await() {
	f.t.Helper()
	f.Within(3*time.Minute, func() error {
		healthy, dead := f.list()
		for _, c := range healthy {
			if r := ready(c); r == nil || r.Status != metav1.ConditionTrue || c.Status.Inventory == nil {
				return fmt.Errorf("%s: %+v", c.Name, r)
			}
		}
		for _, c := range dead {
			if r := ready(c); r == nil || r.Status != metav1.ConditionFalse {
				return fmt.Errorf("%s is dead: %+v", c.Name, r)
			}
		}
		return nil
	})
}

// watch the healthy clusters for a while: none may leave Ready.
func (f *fleet) watch(d time.Duration) {
	f.t.Helper()
	before, _ := f.list()
	watcher, err := f.Client.Watch(f.t.Context(), &v1alpha1.ManagedClusterList{}, client.InNamespace(f.Namespace))
	if err != nil {
		f.t.Fatal(err)
	}
	defer watcher.Stop()
	deadline := time.After(d)
	names := map[string]bool{}
	for _, c := range before {
		names[c.Name] = true
	}
	for {
		select {
		case <-deadline:
			return
		case event := <-watcher.ResultChan():
			c, ok := event.Object.(*v1alpha1.ManagedCluster)
			if !ok || !names[c.Name] {
				continue
			}
			if r := ready(*c); r == nil || r.Status != metav1.ConditionTrue {
				f.t.Errorf("%s is healthy, and its condition is %+v", c.Name, r)
			}
		}
	}
}

func TestDeadClustersDisturbNoOther(t *testing.T) {
	f := newFleet(t)
	f.await()
	connections := func() (n int64) {
		for _, proxy := range f.proxies[deadOnes:] {
			n += proxy.Accepted()
		}
		return n
	}
	before := connections()
	for i, fault := range []faults.Fault{faults.Hang, faults.Reset, faults.Certificate} {
		f.proxies[i].Set(fault)
	}
	f.await()
	f.watch(observed)
	if more := connections() - before; more != 0 {
		t.Errorf("the healthy clusters were connected again %d times", more)
	}
	for i := range deadOnes {
		key := f.Key(fmt.Sprintf("c%02d", i))
		f.Eventually(func() error {
			if _, err := f.env.Clusters.Get(key); err == nil {
				return fmt.Errorf("the connection of %s is still in use", key)
			}
			return nil
		})
	}
	for _, proxy := range f.proxies {
		proxy.Set(faults.None)
	}
	f.await()
}
