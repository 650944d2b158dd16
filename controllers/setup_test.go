package controllers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit"
)

const operatorNamespace = "kubeops-system"

// cluster is a real API server with KubeOps' CRDs and, from config/rbac, its rights.
type cluster struct {
	t      *testing.T
	config *rest.Config // of an administrator
	client client.Client
	scheme *runtime.Scheme
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	return newClusterWith(t, append(manifests(t, "rbac"), manifests(t, "admission")...))
}

// newClusterWith has other manifests. The flags of the API server are NAME=VALUE.
func newClusterWith(t *testing.T, installed []client.Object, flags ...string) *cluster {
	t.Helper()
	config, stop, err := testkit.StartAPIServer(flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("stop the API server: %v", err)
		}
	})
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	admin, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{t: t, config: config, client: admin, scheme: scheme}
	c.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: operatorNamespace}})
	for _, object := range installed {
		c.create(object)
	}
	return c
}

// manifests are the objects of a folder of config, those of kustomize left out.
func manifests(t *testing.T, folder string) []client.Object {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "config", folder, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests in %s: %v", folder, err)
	}
	var objects []client.Object
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range testkit.Manifests(t, file, content) {
			if object.GetKind() != "Kustomization" {
				objects = append(objects, object)
			}
		}
	}
	return objects
}

func (c *cluster) create(object client.Object) {
	c.t.Helper()
	if err := c.client.Create(c.t.Context(), object); err != nil {
		c.t.Fatal(err)
	}
}

// as is the configuration of a ServiceAccount with a real token.
func (c *cluster) as(namespace, name string) *rest.Config {
	c.t.Helper()
	return testkit.AsServiceAccount(c.t, c.config, namespace, name)
}

// bind gives a ServiceAccount a ClusterRole in the whole cluster.
func (c *cluster) bind(namespace, name, role string) {
	c.t.Helper()
	c.create(&rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: namespace + "-" + role},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
	})
}

// eventually waits until a condition holds; what it returned last is the failure.
func (c *cluster) eventually(what string, holds func(context.Context) error) {
	c.t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(c.t.Context(), 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		last = holds(ctx)
		return last == nil, nil
	})
	if err != nil {
		c.t.Fatalf("%s: %v", what, last)
	}
}

// startManager runs the manager of this package's list with the rights of config/rbac, until the test ends. It serves all
// namespaces, or only those named.
func (c *cluster) startManager(registry *prometheus.Registry, namespaces ...string) {
	c.t.Helper()
	var served map[string]cache.Config
	if len(namespaces) > 0 {
		served = map[string]cache.Config{}
	}
	for _, namespace := range namespaces {
		served[namespace] = cache.Config{}
	}
	manager, err := ctrl.NewManager(c.as(operatorNamespace, "kubeops-manager"), ctrl.Options{
		Scheme: c.scheme, Metrics: metricsserver.Options{BindAddress: "0"}, LeaderElection: true, LeaderElectionID: "kubeops-manager.kubeops.io",
		LeaderElectionNamespace: operatorNamespace, LeaderElectionReleaseOnCancel: true,
		Cache:      cache.Options{DefaultNamespaces: served},
		Controller: ctrlconfig.Controller{SkipNameValidation: ptr.To(true)}, // each test has a manager of its own
	})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := Setup(manager, Options{ParallelInspections: 2, Metrics: registry, Namespaces: namespaces}); err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(c.t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- manager.Start(ctx) }()
	c.t.Cleanup(func() {
		cancel()
		if err := <-stopped; err != nil {
			c.t.Errorf("the manager ended with: %v", err)
		}
	})
}

// TestTheManagerWorksWithItsOwnRights runs the whole manager as it is installed: with the token of its ServiceAccount, which
// has the roles of config/rbac and no others, against an Inspection whose ServiceAccount has the ready-made roles.
func TestTheManagerWorksWithItsOwnRights(t *testing.T) {
	c := newCluster(t)
	c.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team"}})
	c.create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "kubeops"}})
	c.bind("team", "kubeops", "kubeops-inspector")
	registry := prometheus.NewRegistry()
	c.startManager(registry)

	c.create(&v1alpha1.Inspection{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "all"}, Spec: v1alpha1.InspectionSpec{KeepReports: 1},
	})
	first := c.waitForReport("", "generation")
	for _, gap := range first.Gaps {
		if gap.Source != "secrets" {
			t.Errorf("kubeops-inspector leaves a gap besides Secrets: %+v", gap)
		}
	}

	// A second run, which prunes the report of the first, with the role that completes the rights.
	c.bind("team", "kubeops", "kubeops-inspector-secrets")
	c.request("once more")
	second := c.waitForReport(first.Name, "request")
	if len(second.Gaps) != 0 {
		t.Errorf("gaps with both roles: %+v", second.Gaps)
	}
	if err := c.client.Get(t.Context(), client.ObjectKeyFromObject(first), first); client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("the first report was not pruned: %v", err)
	}
	c.eventually("an event of the report", func(ctx context.Context) error {
		events := &eventsv1.EventList{}
		if err := c.client.List(ctx, events, client.InNamespace("team")); err != nil {
			return err
		}
		for _, e := range events.Items {
			if e.Reason == "ReportSaved" && e.Regarding.Name == "all" && strings.Contains(e.Note, second.Name) {
				return nil
			}
		}
		return errors.New("there is none")
	})
	c.eventually("an event of the lease", func(ctx context.Context) error {
		events := &corev1.EventList{}
		if err := c.client.List(ctx, events, client.InNamespace(operatorNamespace)); err != nil || len(events.Items) > 0 {
			return err
		}
		return errors.New("there is none")
	})

	// The status patches did not wake the controller: it ran twice.
	if n := series(t, registry, "kubeops_inspection_runs_total"); n != 2 {
		t.Errorf("%v runs, want 2", n)
	}
	if err := c.client.Delete(t.Context(), &v1alpha1.Inspection{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "all"}}); err != nil {
		t.Fatal(err)
	}
	c.eventually("the metrics of a deleted Inspection", func(context.Context) error {
		if n := series(t, registry, "kubeops_inspection_score"); n != 0 {
			return errors.New("are still there")
		}
		return nil
	})
}

// TestSecretsOfBackEndsAreReadWithTheRightsOfTheirNamespace runs the manager with its own rights, which have none to Secrets, and
// carries out the command of the condition.
func TestSecretsOfBackEndsAreReadWithTheRightsOfTheirNamespace(t *testing.T) {
	c := newCluster(t)
	c.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team"}})
	c.create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "kubeops"}})
	c.create(
		&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "login"},
			StringData: map[string]string{"token": "open-sesame"},
		},
	)
	registry := prometheus.NewRegistry()
	c.startManager(registry)

	access := v1alpha1.BackendAccess{
		Auth:     &v1alpha1.BackendAuth{BearerToken: &v1alpha1.SecretKeyReference{Name: "login", Key: "token"}},
		Interval: &metav1.Duration{Duration: 5 * time.Second}, Timeout: &metav1.Duration{Duration: time.Second},
	}
	metadata := metav1.ObjectMeta{Namespace: "team", Name: "b"}
	m := &v1alpha1.MetricsBackend{ObjectMeta: metadata, Spec: v1alpha1.MetricsBackendSpec{
		Type: v1alpha1.MetricsBackendPrometheus, Prometheus: &v1alpha1.PrometheusBackend{URL: "http://127.0.0.1:1"}, BackendAccess: access,
	}}
	l := &v1alpha1.LogBackend{ObjectMeta: metadata, Spec: v1alpha1.LogBackendSpec{
		Type: v1alpha1.LogBackendLoki, Loki: &v1alpha1.LokiBackend{URL: "http://127.0.0.1:1"}, BackendAccess: access,
	}}
	c.create(m)
	c.create(l)
	reasons := func(ctx context.Context, wrong func(reason string) bool) error {
		if err := errors.Join(c.client.Get(ctx, client.ObjectKeyFromObject(m), m), c.client.Get(ctx, client.ObjectKeyFromObject(l), l)); err != nil {
			return err
		}
		for _, list := range [][]metav1.Condition{m.Status.Conditions, l.Status.Conditions} {
			if ready := meta.FindStatusCondition(list, v1alpha1.ConditionReady); ready == nil || wrong(ready.Reason) {
				return fmt.Errorf("%+v", ready)
			}
		}
		return nil
	}
	c.eventually("the right is missing", func(ctx context.Context) error {
		return reasons(ctx, func(reason string) bool { return reason != v1alpha1.ReasonSecretForbidden })
	})
	c.create(&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "kubeops-reads-login"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"login"}, Verbs: []string{"get"}},
	}})
	c.create(&rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "kubeops-reads-login"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "kubeops-reads-login"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "team", Name: "kubeops"}},
	})
	c.eventually("the right is there", func(ctx context.Context) error { // what is wrong now is the address
		return reasons(ctx, func(reason string) bool { return reason == v1alpha1.ReasonSecretForbidden })
	})
	if err := errors.Join(c.client.Delete(t.Context(), m), c.client.Delete(t.Context(), l)); err != nil {
		t.Fatal(err)
	}
	c.eventually("the metrics of deleted back ends", func(context.Context) error {
		families, err := registry.Gather()
		for _, family := range families {
			if family.GetName() == "kubeops_backend_ready" {
				return errors.New("are still there")
			}
		}
		return err
	})
}

// request asks for a run by the annotation.
func (c *cluster) request(value string) {
	c.t.Helper()
	i := &v1alpha1.Inspection{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "all"}}
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.AnnotationRequestedAt, value)
	if err := c.client.Patch(c.t.Context(), i, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		c.t.Fatal(err)
	}
}

// waitForReport waits until the Inspection is Ready with another report than the last.
func (c *cluster) waitForReport(last, trigger string) *v1alpha1.InspectionReport {
	c.t.Helper()
	report := &v1alpha1.InspectionReport{}
	ready := false
	c.eventually("a report by "+trigger, func(ctx context.Context) error {
		i := &v1alpha1.Inspection{}
		if err := c.client.Get(ctx, client.ObjectKey{Namespace: "team", Name: "all"}, i); err != nil {
			return err
		}
		if i.Status.ActiveRun != nil || i.Status.LastReport == last {
			return errors.New("not yet")
		}
		ready = meta.IsStatusConditionTrue(i.Status.Conditions, v1alpha1.ConditionReady)
		return c.client.Get(ctx, client.ObjectKey{Namespace: "team", Name: i.Status.LastReport}, report)
	})
	if ready != report.Summary.Complete() {
		c.t.Errorf("Ready is %v, with %d gaps that are not optional", ready, report.Summary.RequiredGaps)
	}
	if report.Summary.Trigger != trigger {
		c.t.Errorf("trigger %s, want %s", report.Summary.Trigger, trigger)
	}
	return report
}

// series adds up the values of a metric; zero when there is no series of it.
func series(t *testing.T, registry *prometheus.Registry, name string) (sum float64) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == name {
				sum += metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
			}
		}
	}
	return sum
}

func TestNoRuleAllowsEverything(t *testing.T) {
	for _, object := range manifests(t, "rbac") {
		rules, _, err := unstructured.NestedSlice(object.(*unstructured.Unstructured).Object, "rules")
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range rules {
			for field, values := range rule.(map[string]any) {
				for _, value := range values.([]any) {
					if strings.Contains(value.(string), "*") {
						t.Errorf("%s %s: %s has a wildcard", object.GetObjectKind().GroupVersionKind().Kind, object.GetName(), field)
					}
				}
			}
		}
	}
}
