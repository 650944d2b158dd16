package walls

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/faults"
)

const (
	// clusterDeadline of the inspection of one cluster, and the time that a run of all may take in addition.
	clusterDeadline = 30 * time.Second
	runGrace        = 5 * time.Second
	// probeInterval of all clusters, and minProbes the part of the probes that are due which there are at least: the cadence varies.
	probeInterval = 10 * time.Second
	minProbes     = 0.6
	// quiet is how long no cluster may be connected again.
	quiet = 3 * probeInterval
	// fleetMemory is what the manager may use with all clusters, without its runs, in bytes.
	fleetMemory = 300 << 20
	// What 1,000 rotations may leave behind: the noise of a process that does other things, too.
	maxMoreGoroutines = 25
	maxMoreMemory     = 8 << 20
)

// managed are clusters of one manager: one API server behind a proxy for each.
type managed struct {
	*cluster
	proxies []*faults.Proxy
	config  *rest.Config
}

// newManaged connects clusters, as many as KUBEOPS_CLUSTERS says (default 50).
func newManaged(t *testing.T) *managed {
	t.Helper()
	c := newCluster(t)
	c.alone = true
	c.newTenant(fleetNamespace)
	f := &managed{cluster: c, config: c.reader()}
	for i := range number(t, "KUBEOPS_CLUSTERS", 50) {
		f.connect(i)
	}
	return f
}

// TestManyClustersOfWhichSomeDie connects 50 clusters, of which ten die in several ways: the others are probed and inspected as before.
func TestManyClustersOfWhichSomeDie(t *testing.T) {
	f := newManaged(t)
	c := f.cluster
	size := len(f.proxies)
	c.populate(c.config, 200)
	c.create(&v1alpha1.Inspection{
		ObjectMeta: metav1.ObjectMeta{Namespace: fleetNamespace, Name: "all"},
		Spec: v1alpha1.InspectionSpec{
			Namespaces: []string{"shop"}, Suspend: true, Timeout: &metav1.Duration{Duration: 20 * time.Minute},
			Clusters: &v1alpha1.ClusterSelection{Selector: &metav1.LabelSelector{}, Timeout: &metav1.Duration{Duration: clusterDeadline}},
		},
	})
	m := c.startManager()
	f.await()
	f.inspect(m, "the first run", clusterDeadline)
	healthy := f.inspect(m, "the second run", clusterDeadline)
	f.fails(size/5, faults.Stall)
	// Their deadlines begin when they are read, which may be after all others.
	f.inspect(m, "the run in which a fifth answers small requests only", clusterDeadline+healthy)
	f.fails(size/5, faults.Reset) // what stalled does not go on
	f.fails(size/5, faults.None)
	f.await()

	stop := f.watch(m, size/5)
	f.fails(size/5, faults.Hang, faults.Reset, faults.Certificate)
	f.inspect(m, "the run in which a fifth dies", clusterDeadline)
	f.await()
	f.inspect(m, "the run with a dead fifth", clusterDeadline)
	f.staysConnected(size / 5)
	stop()
	f.endsWell(m)
}

// fails makes as many clusters fail, in several ways.
func (f *managed) fails(clusters int, ways ...faults.Fault) {
	for i, proxy := range f.proxies[:clusters] {
		proxy.Set(ways[i%len(ways)])
	}
}

// TestManyClustersWhoseCredentialsAreRotated rotates the credentials of 50 clusters. KUBEOPS_ROTATIONS is the number of rotations (default
// 1000).
func TestManyClustersWhoseCredentialsAreRotated(t *testing.T) {
	f := newManaged(t)
	m := f.startManager()
	f.await()
	f.rotations(m, number(t, "KUBEOPS_ROTATIONS", 1000))
	f.endsWell(m)
}

// endsWell checks that the manager still runs, and how much memory it used.
func (f *managed) endsWell(m *manager) {
	f.t.Helper()
	m.alive()
	used := m.wall.used().manager
	f.t.Logf("the manager used %d MiB at most", used>>20)
	if used > fleetMemory {
		f.t.Errorf("the manager used %d MiB", used>>20)
	}
}

// reader is the configuration of a ServiceAccount that may be inspected with.
func (c *cluster) reader() *rest.Config {
	c.t.Helper()
	account := metav1.ObjectMeta{Namespace: managerNamespace, Name: "fleet-reader"}
	c.create(&corev1.ServiceAccount{ObjectMeta: account})
	c.create(&rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: account.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace, Name: account.Name}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "kubeops-inspector"},
	})
	return c.as(account.Namespace, account.Name)
}

// connect a cluster, the farther away the higher its number.
func (f *managed) connect(i int) {
	f.t.Helper()
	server, _, err := rest.DefaultServerUrlFor(f.config)
	if err != nil {
		f.t.Fatal(err)
	}
	f.proxies = append(f.proxies, faults.NewProxy(f.t, server.Host, time.Duration(i)*time.Millisecond))
	key := metav1.ObjectMeta{Namespace: fleetNamespace, Name: nameOf(i)}
	f.create(&corev1.Secret{ObjectMeta: key, Data: map[string][]byte{v1alpha1.DefaultKubeconfigKey: f.kubeconfig(i, f.config.BearerToken)}})
	f.create(&v1alpha1.ManagedCluster{ObjectMeta: key, Spec: v1alpha1.ManagedClusterSpec{
		Kubeconfig: &v1alpha1.KubeconfigReference{SecretReference: v1alpha1.SecretReference{Name: key.Name}},
		Interval:   &metav1.Duration{Duration: probeInterval},
	}})
}

func nameOf(i int) string { return fmt.Sprintf("c%02d", i) }

func (f *managed) kubeconfig(i int, token string) []byte {
	config := rest.CopyConfig(f.config)
	config.Host = (&url.URL{Scheme: "https", Host: f.proxies[i].Address()}).String()
	config.BearerToken = token
	return testkit.Kubeconfig(f.t, config)
}

// staysConnected checks for a while without runs, which have connections of their own, that the clusters from a number on are not connected
// again. Once is allowed: what is rarely used may have been idle for too long.
func (f *managed) staysConnected(from int) {
	f.t.Helper()
	var before []int64
	for _, proxy := range f.proxies {
		before = append(before, proxy.Accepted())
	}
	pause(f.t.Context(), quiet)
	for i, proxy := range f.proxies[from:] {
		if more := proxy.Accepted() - before[from+i]; more > 1 {
			f.t.Errorf("%s is healthy, and was connected again %d times", nameOf(from+i), more)
		}
	}
}

// await the state of all clusters: healthy ones are Ready and were probed recently, and others are not Ready.
func (f *managed) await() {
	f.t.Helper()
	f.eventually("the state of the clusters is known", 5*time.Minute, func(ctx context.Context) error {
		for i, proxy := range f.proxies {
			mc := &v1alpha1.ManagedCluster{}
			if err := f.client.Get(ctx, client.ObjectKey{Namespace: fleetNamespace, Name: nameOf(i)}, mc); err != nil {
				return err
			}
			if meta.IsStatusConditionTrue(mc.Status.Conditions, v1alpha1.ConditionReady) != proxy.Healthy() {
				return fmt.Errorf("%s: %+v", mc.Name, mc.Status.Conditions)
			}
			if proxy.Healthy() && mc.Status.Inventory == nil {
				return fmt.Errorf("%s has no inventory", mc.Name)
			}
		}
		return nil
	})
}

// watch the clusters from a number on until stop is called: none may leave Ready, and each was probed lately.
func (f *managed) watch(m *manager, from int) (stop func()) {
	f.t.Helper()
	probes := f.probes(m)
	began := time.Now()
	ctx, cancel := context.WithCancel(f.t.Context())
	events, err := f.client.Watch(ctx, &v1alpha1.ManagedClusterList{}, client.InNamespace(fleetNamespace))
	if err != nil {
		f.t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() {
		for event := range events.ResultChan() {
			mc, ok := event.Object.(*v1alpha1.ManagedCluster)
			if ok && mc.Name >= nameOf(from) && !meta.IsStatusConditionTrue(mc.Status.Conditions, v1alpha1.ConditionReady) {
				f.t.Errorf("%s is healthy: %+v", mc.Name, mc.Status.Conditions)
			}
		}
	})
	return func() {
		f.t.Helper()
		took := time.Since(began)
		got := f.probes(m) - probes
		due := int(float64(len(f.proxies)-from) * took.Seconds() / probeInterval.Seconds())
		f.t.Logf("within %s, %d probes of healthy clusters were due, and there were %d of all", took.Round(time.Second), due, got)
		if float64(got) < minProbes*float64(due) {
			f.t.Errorf("%d probes within %s, and %d were due", got, took, due)
		}
		cancel()
		events.Stop()
		group.Wait()
	}
}

// probes of the manager so far.
func (f *managed) probes(m *manager) (n int) {
	f.t.Helper()
	for line := range strings.Lines(m.metric(`controller_runtime_reconcile_total\{controller="managedcluster"`)) {
		fields := strings.Fields(line)
		count, err := strconv.Atoi(fields[len(fields)-1])
		if err != nil {
			f.t.Fatal(err)
		}
		n += count
	}
	return n
}

// inspect all clusters. Each that is not healthy is a gap, and the run takes no longer than a limit and a grace.
func (f *managed) inspect(m *manager, what string, limit time.Duration) (took time.Duration) {
	f.t.Helper()
	took, lines := f.inspectFleet(clusterDeadline+time.Minute, func(context.Context) {})
	inspected, dead := 0, 0
	for _, line := range lines {
		fields := strings.Fields(line) // of a cluster: its name, its version, why it was not inspected, and its number of objects
		const ofInspected = 4
		switch {
		case fields[0] != "cluster":
		case len(fields) == ofInspected && strings.HasPrefix(fields[2], "v1."):
			inspected++
		default:
			dead++
		}
	}
	healthy := 0
	for _, proxy := range f.proxies {
		if proxy.Healthy() {
			healthy++
		}
	}
	f.t.Logf("%s: %d clusters inspected and %d not in %s; %s", what, inspected, dead, took.Round(time.Millisecond), m.wall.peak())
	if inspected != healthy || dead != len(f.proxies)-healthy {
		f.t.Errorf("%s: %d clusters are healthy, and %d were inspected", what, healthy, inspected)
	}
	if took > limit+runGrace {
		f.t.Errorf("%s took %s, and may take %s", what, took, limit)
	}
	return took
}

// rotations of credentials, one for each cluster at a time, with the connections of the manager before and after.
func (f *managed) rotations(m *manager, count int) {
	f.t.Helper()
	size := len(f.proxies)
	done := 0
	for done < count/10 { // until everything that is needed once is there
		f.rotate(done)
		done += size
	}
	before := f.footprint(m)
	began := time.Now()
	for end := done + count; done < end; done += size {
		f.rotate(done)
	}
	took := time.Since(began)
	var after footprint
	f.eventually("what rotations leave behind is released", 2*time.Minute, func(context.Context) error {
		after = f.footprint(m)
		if after.connections > 2*size || after.goroutines > before.goroutines+maxMoreGoroutines ||
			after.memory > before.memory+maxMoreMemory {
			return fmt.Errorf("before %d rotations %s, and after them %s", count, before, after)
		}
		return nil
	})
	f.t.Logf("%d rotations in %s: before %s, after %s", count, took.Round(time.Second), before, after)
}

// rotate the credentials of all clusters, and wait until each uses its new ones. Every fifth time, the authority is written otherwise, too,
// which requires another connection.
func (f *managed) rotate(done int) {
	f.t.Helper()
	expires := make([]metav1.Time, len(f.proxies))
	if done/len(f.proxies)%5 == 4 {
		f.config.CAData = append([]byte("\n"), f.config.CAData...)
	}
	for i := range f.proxies {
		request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(2*3600 + done + i))}}
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: managerNamespace, Name: "fleet-reader"}}
		if err := f.client.SubResource("token").Create(f.t.Context(), account, request); err != nil {
			f.t.Fatal(err)
		}
		expires[i] = request.Status.ExpirationTimestamp
		secret := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: fleetNamespace, Name: nameOf(i)},
			Data:       map[string][]byte{v1alpha1.DefaultKubeconfigKey: f.kubeconfig(i, request.Status.Token)},
		}
		if err := f.client.Update(f.t.Context(), secret); err != nil {
			f.t.Fatal(err)
		}
	}
	f.eventually("the clusters use their new credentials", 2*time.Minute, func(ctx context.Context) error {
		all := &v1alpha1.ManagedClusterList{}
		if err := f.client.List(ctx, all, client.InNamespace(fleetNamespace)); err != nil {
			return err
		}
		for i, mc := range all.Items {
			used := mc.Status.Credentials
			if used == nil || used.ExpirationTime == nil || !used.ExpirationTime.Equal(&expires[i]) ||
				!meta.IsStatusConditionTrue(mc.Status.Conditions, v1alpha1.ConditionReady) {
				return fmt.Errorf("%s has %+v, want %s", mc.Name, used, expires[i])
			}
		}
		return nil
	})
}

// footprint of the manager.
type footprint struct {
	connections, goroutines int
	// memory in bytes, without the page cache.
	memory int64
}

func (f footprint) String() string {
	return fmt.Sprintf("%d TCP connections, %d goroutines, %d MiB", f.connections, f.goroutines, f.memory>>20)
}

func (f *managed) footprint(m *manager) (now footprint) {
	f.t.Helper()
	for _, proxy := range f.proxies {
		now.connections += proxy.Open()
	}
	var err error
	if now.goroutines, err = strconv.Atoi(strings.TrimPrefix(m.metric("go_goroutines "), "go_goroutines ")); err != nil {
		f.t.Fatal(err)
	}
	now.memory = proportional(m.process.Process.Pid)
	return now
}
