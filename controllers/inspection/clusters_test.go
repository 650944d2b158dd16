package inspection

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/clusters"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// lostService makes a namespace shop with a Service whose selector matches nothing, in a cluster of its own.
func lostService(t *testing.T, config *rest.Config) {
	t.Helper()
	n := tenant.New(t, config)
	n.Create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}})
	n.Create(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "lost"}, Spec: corev1.ServiceSpec{
		Selector: map[string]string{"app": "none"}, Ports: []corev1.ServicePort{{Port: 80}},
	}})
}

// connected makes a ManagedCluster and its connection, as its controller does.
func (w *world) connected(registry *clusters.Registry, name, environment string, config *rest.Config) {
	w.t.Helper()
	w.Create(&v1alpha1.ManagedCluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: name, Labels: map[string]string{"environment": environment}},
		Spec: v1alpha1.ManagedClusterSpec{Kubeconfig: &v1alpha1.KubeconfigReference{
			SecretReference: v1alpha1.SecretReference{Name: name},
		}},
	})
	access, err := clusters.ParseKubeconfig(testkit.Kubeconfig(w.t, config), clusters.KubeconfigOptions{Source: name})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := registry.Open(w.Key(name), access); err != nil {
		w.t.Fatal(err)
	}
	registry.Succeeded(w.Key(name))
}

// identified makes the Secret of a ManagedCluster, and records which cluster it is, as its controller does: a worker relies on both.
func (w *world) identified(name string, config *rest.Config) {
	w.t.Helper()
	w.Secret(name, v1alpha1.DefaultKubeconfigKey, string(testkit.Kubeconfig(w.t, config)))
	w.Grant(name)
	system := &corev1.Namespace{}
	if err := tenant.New(w.t, config).Client.Get(w.t.Context(), client.ObjectKey{Name: metav1.NamespaceSystem}, system); err != nil {
		w.t.Fatal(err)
	}
	cluster := &v1alpha1.ManagedCluster{}
	if err := w.Client.Get(w.t.Context(), w.Key(name), cluster); err != nil {
		w.t.Fatal(err)
	}
	cluster.Status.UID = string(system.UID)
	if err := w.Client.Status().Update(w.t.Context(), cluster); err != nil {
		w.t.Fatal(err)
	}
}

func TestSeveralClustersAreInspectedInOneReport(t *testing.T) {
	broken, healthy := testkit.NewCluster(t), testkit.NewCluster(t)
	lostService(t, broken.Config)
	places := where()
	places["in this process"] = func(*world, string) func(*setup) { return func(*setup) {} }
	for place, with := range places {
		t.Run(place, func(t *testing.T) {
			w := newWorld(t)
			w.Account()
			r := w.reconciler(func(s *setup) {
				w.connected(s.env.Clusters, "a-broken", "production", broken.Config)
				w.connected(s.env.Clusters, "b-healthy", "production", healthy.Config)
				w.connected(s.env.Clusters, "c-other", "test", healthy.Config)
				w.identified("a-broken", broken.Config)
				w.identified("b-healthy", healthy.Config)
				with(w, "engine")(s)
			})
			w.Inspection(v1alpha1.InspectionSpec{
				Namespaces: []string{"shop", "default"}, Checks: &v1alpha1.CheckSelection{Include: []string{"service-selector-matches-nothing"}},
				Clusters: &v1alpha1.ClusterSelection{
					Names: []string{"a-broken", "missing"}, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"environment": "production"}},
				},
			})
			w.Settle(r)
			report := w.Newest()
			w.oneFindingAndGaps(&report)
			testsuite.WantReady(t, w.Get(), metav1.ConditionFalse, v1alpha1.ReasonIncomplete, "1 problem")
			if text, err := json.Marshal(&report); err != nil || strings.Contains(string(text), "PRIVATE KEY") {
				t.Errorf("credentials are in the report, or %v", err)
			}
		})
	}
}

// oneFindingAndGaps checks the report about a broken cluster, a healthy one without namespace shop, and one that does not exist.
func (w *world) oneFindingAndGaps(report *v1alpha1.InspectionReport) {
	w.t.Helper()
	if len(report.Findings) != 1 || report.Findings[0].Cluster != "a-broken" || report.Findings[0].Object.Name != "lost" {
		w.t.Errorf("findings %+v", report.Findings)
	}
	var names []string
	for _, c := range report.Clusters {
		names = append(names, c.Name+" "+string(c.NotInspected))
	}
	if got := strings.Join(names, ", "); got != "a-broken , b-healthy , missing Unavailable" {
		w.t.Errorf("clusters %q", got)
	}
	gaps := map[string]string{}
	for _, gap := range report.Gaps {
		gaps[gap.Cluster] = gap.Message
	}
	if !strings.Contains(gaps["missing"], "does not exist; check spec.clusters.names") || !strings.Contains(gaps["b-healthy"], "Namespace shop") {
		w.t.Errorf("gaps %+v", report.Gaps)
	}
	if report.Summary.Score != nil {
		w.t.Errorf("an incomplete report has score %d", *report.Summary.Score)
	}
}

func TestAClusterThatFreezesCostsItsDeadlineOnly(t *testing.T) {
	frozen, healthy := testkit.NewCluster(t), testkit.NewCluster(t)
	w := newWorld(t)
	w.Account()
	r := w.reconciler(func(s *setup) {
		w.connected(s.env.Clusters, "frozen", "", frozen.Config)
		w.connected(s.env.Clusters, "healthy", "", healthy.Config)
	})
	frozen.Freeze()
	w.Inspection(v1alpha1.InspectionSpec{
		Namespaces: []string{"default"}, Checks: &v1alpha1.CheckSelection{Include: []string{"service-*"}},
		Clusters: &v1alpha1.ClusterSelection{Selector: &metav1.LabelSelector{}, Timeout: &metav1.Duration{Duration: 5 * time.Second}},
	})
	w.Settle(r)
	report := w.Newest()
	if len(report.Clusters) != 2 || report.Clusters[0].NotInspected == "" || report.Clusters[1].NotInspected != "" ||
		report.Clusters[0].Duration.Duration > 15*time.Second {
		t.Errorf("clusters %+v", report.Clusters)
	}
}

// Dead clusters connect in parallel, so that all together cost one deadline.
func TestFiftyClustersOfWhichTenAreDeadAreInspectedWithinTheDeadlineOfTheDead(t *testing.T) {
	const (
		all, dead = 50, 10
		deadline  = 10 * time.Second
	)
	healthy := testkit.NewCluster(t)
	silent := rest.CopyConfig(healthy.Config)
	silent.Host = "https://" + silentListener(t)
	w := newWorld(t)
	w.Account()
	r := w.reconciler(func(s *setup) {
		for i := range all {
			config := healthy.Config
			if i%(all/dead) == 0 {
				config = silent
			}
			w.connected(s.env.Clusters, fmt.Sprintf("c%02d", i), "", config)
		}
		inChild(w, "engine")(s)
	})
	w.Inspection(v1alpha1.InspectionSpec{
		Namespaces: []string{"kube-system"},
		Clusters:   &v1alpha1.ClusterSelection{Selector: &metav1.LabelSelector{}, Timeout: &metav1.Duration{Duration: deadline}},
	})
	w.Settle(r)
	report := w.Newest()
	var lost time.Duration
	complete := 0
	for _, c := range report.Clusters {
		switch {
		case c.NotInspected == v1alpha1.GapTimedOut:
			lost += c.Duration.Duration
		case c.Score != nil:
			complete++
		}
	}
	if len(report.Clusters) != all || complete != all-dead {
		t.Errorf("%d of %d clusters are complete: %+v", complete, len(report.Clusters), report.Gaps[:min(len(report.Gaps), 3)])
	}
	took := report.Summary.Duration.Duration
	t.Logf("%d clusters, %d dead with a deadline of %s: %s", all, dead, deadline, took)
	if took > lost/2 {
		t.Errorf("the run took %s, and the dead clusters alone %s: they were waited for one after the other", took, lost)
	}
}

// silentListener accepts connections and never answers.
func silentListener(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}

func TestARunWaitsForClustersThatWereNotProbedYet(t *testing.T) {
	healthy := testkit.NewCluster(t)
	w := newWorld(t)
	w.Account()
	var registry *clusters.Registry
	r := w.reconciler(func(s *setup) { registry = s.env.Clusters })
	w.Inspection(v1alpha1.InspectionSpec{
		Namespaces: []string{"default"}, Checks: &v1alpha1.CheckSelection{Include: []string{"service-*"}},
		Clusters: &v1alpha1.ClusterSelection{Selector: &metav1.LabelSelector{}},
	})
	reason := func() string {
		t.Helper()
		if _, err := w.Reconcile(r); err != nil {
			t.Fatal(err)
		}
		return meta.FindStatusCondition(w.Get().Status.Conditions, v1alpha1.ConditionReady).Reason
	}
	if got := reason(); got != v1alpha1.ReasonNoClusters {
		t.Errorf("without a ManagedCluster: %s", got)
	}
	w.Create(&v1alpha1.ManagedCluster{ObjectMeta: w.Meta("c"), Spec: v1alpha1.ManagedClusterSpec{InCluster: true}})
	if got := reason(); got != v1alpha1.ReasonNotConnected || len(w.Reports()) != 0 {
		t.Errorf("before the first probe: %s, %d reports", got, len(w.Reports()))
	}
	w.Delete(&v1alpha1.ManagedCluster{ObjectMeta: w.Meta("c")})
	w.connected(registry, "d", "", healthy.Config)
	if got := reason(); got != v1alpha1.ReasonSucceeded || len(w.Reports()) != 1 {
		t.Errorf("connected: %s, %d reports", got, len(w.Reports()))
	}
}
