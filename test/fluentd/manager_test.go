package fluentd

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/logroute"
	"kubeops.io/kubeops/internal/logroute/meter"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/servers"
)

const (
	managerNamespace   = "kubeops-system"
	collectorNamespace = "kubeops-logging"
	collectorName      = "kubeops-fluentd"
)

// cluster is a real API server and the real manager, with the permissions of its ServiceAccount. The test stands for the controller of
// DaemonSets and for the kubelet of the only node.
type cluster struct {
	t       *testing.T
	client  client.Client
	manager *servers.Process
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	config := testkit.APIServer(t)
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	admin, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{t: t, client: admin}
	for _, name := range []string{managerNamespace, collectorNamespace} {
		c.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	for _, folder := range []string{"rbac", "admission", filepath.Join("components", "log-collection")} {
		c.install(filepath.Join("..", "..", "config", folder))
	}
	c.manager = c.startManager(config)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of the manager's log:\n%s", c.manager.Log())
		}
	})
	return c
}

// install the manifests of a folder. Namespaces exist, and files of kustomize are none.
func (c *cluster) install(folder string) {
	c.t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil || len(files) == 0 {
		c.t.Fatalf("no manifests in %s: %v", folder, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, object := range testkit.Manifests(c.t, file, content) {
			if !slices.Contains([]string{"Kustomization", "Component", "Namespace"}, object.GetKind()) {
				c.create(object)
			}
		}
	}
}

func (c *cluster) create(object client.Object) {
	c.t.Helper()
	if err := c.client.Create(c.t.Context(), object); err != nil {
		c.t.Fatalf("%T %s: %v", object, object.GetName(), err)
	}
}

func (c *cluster) startManager(config *rest.Config) *servers.Process {
	c.t.Helper()
	folder := c.t.TempDir()
	program := filepath.Join(folder, "manager")
	build := exec.CommandContext(c.t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./cmd/manager")
	build.Dir = filepath.Join("..", "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as in a release
	if output, err := build.CombinedOutput(); err != nil {
		c.t.Fatalf("build the manager: %v\n%s", err, output)
	}
	health := servers.FreeAddress(c.t)
	settings := fmt.Sprintf(`apiVersion: config.kubeops.io/v1alpha1
kind: ManagerConfig
backends: {allowLoopback: true}
logCollection: {namespace: %s}
leaderElection: {enabled: false}
metrics: {bindAddress: %q}
health: {bindAddress: %q}
`, collectorNamespace, servers.FreeAddress(c.t), health)
	account := testkit.AsServiceAccount(c.t, config, managerNamespace, "kubeops-manager")
	for name, content := range map[string][]byte{"config.yaml": []byte(settings), "kubeconfig": testkit.Kubeconfig(c.t, account)} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
	return servers.Start(c.t, servers.Spec{
		Name: "manager", Path: program, Dir: folder, Args: []string{"--config=config.yaml"},
		Env: []string{"KUBECONFIG=" + filepath.Join(folder, "kubeconfig")}, Ready: servers.Answers("http://" + health + "/readyz"),
	})
}

// collecting LogBackend for Elasticsearch in a namespace of its own, which writes to an index with the name of the namespace.
func (c *cluster) collecting(namespace, url string) *v1alpha1.LogBackend {
	c.t.Helper()
	c.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	c.create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.DefaultServiceAccountName}})
	b := &v1alpha1.LogBackend{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "logs"},
		Spec: v1alpha1.LogBackendSpec{
			Type:          v1alpha1.LogBackendElasticsearch,
			Elasticsearch: &v1alpha1.ElasticsearchBackend{URL: url, Index: namespace, WriteIndex: namespace},
			Collect:       &v1alpha1.LogCollection{Collector: v1alpha1.CollectorFluentd, ParseJSON: true},
		},
	}
	c.create(b)
	return b
}

// node runs Fluentd with what the manager delivered, and a Pod for it, whose address is that of the test.
func (c *cluster) node(routes int) *collector {
	c.t.Helper()
	config := &corev1.ConfigMap{}
	secrets := &corev1.Secret{}
	key := client.ObjectKey{Namespace: collectorNamespace, Name: collectorName}
	eventually(c.t, 2*time.Minute, func() error {
		if err := errors.Join(c.client.Get(c.t.Context(), key, config), c.client.Get(c.t.Context(), key, secrets)); err != nil {
			return err
		}
		// The manager knows the versions of the servers.
		if got := strings.Count(config.Data["routes.json"], `"typed": true`); got != routes {
			return fmt.Errorf("%d of %d routes are delivered for the version of their server", got, routes)
		}
		return nil
	})
	node := prepareCollector(c.t, logroute.Configuration{Files: config.Data, Secrets: secrets.Data}, meter.Port)
	node.run()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: collectorNamespace, Name: collectorName + "-x", Labels: map[string]string{"app.kubernetes.io/name": collectorName},
		},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "fluentd", Image: "fluentd"}}, AutomountServiceAccountToken: new(bool)},
	}
	c.create(pod)
	pod.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, PodIP: "127.0.0.1", PodIPs: []corev1.PodIP{{IP: "127.0.0.1"}},
		ContainerStatuses: []corev1.ContainerStatus{
			{Name: "fluentd", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}}},
		},
	}
	if err := c.client.Status().Update(c.t.Context(), pod); err != nil {
		c.t.Fatal(err)
	}
	c.rollOut()
	return node
}

// rollOut says that the Pod of node runs with the newest template, as the controller of DaemonSets does after each change of it.
func (c *cluster) rollOut() {
	c.t.Helper()
	daemons := &appsv1.DaemonSet{}
	if err := c.client.Get(c.t.Context(), client.ObjectKey{Namespace: collectorNamespace, Name: collectorName}, daemons); err != nil {
		c.t.Fatal(err)
	}
	if daemons.Status.ObservedGeneration == daemons.Generation {
		return
	}
	daemons.Status = appsv1.DaemonSetStatus{
		ObservedGeneration: daemons.Generation, DesiredNumberScheduled: 1, CurrentNumberScheduled: 1, UpdatedNumberScheduled: 1,
		NumberReady: 1, NumberAvailable: 1,
	}
	if err := c.client.Status().Update(c.t.Context(), daemons); err != nil && !apierrors.IsConflict(err) {
		c.t.Fatal(err)
	}
}

// condition waits until CollectionReady has a status and reason, and returns it with the counts and how long that took.
func (c *cluster) condition(
	of *v1alpha1.LogBackend, within time.Duration, status metav1.ConditionStatus, reason string, counted func(*v1alpha1.CollectionCounts) bool,
) (metav1.Condition, time.Duration) {
	c.t.Helper()
	var found metav1.Condition
	begin := time.Now()
	eventually(c.t, within, func() error {
		c.rollOut()
		b := &v1alpha1.LogBackend{}
		if err := c.client.Get(c.t.Context(), client.ObjectKeyFromObject(of), b); err != nil {
			return err
		}
		if one := meta.FindStatusCondition(b.Status.Conditions, v1alpha1.ConditionCollectionReady); one != nil {
			found = *one
		}
		if found.Status != status || found.Reason != reason || b.Status.Collection == nil || !counted(b.Status.Collection) {
			return fmt.Errorf("LogBackend %s: %+v, counts %+v", b.Namespace, found, b.Status.Collection)
		}
		return nil
	})
	took := time.Since(begin).Round(time.Second)
	c.t.Logf("%s: %s %s after %s: %s", of.Namespace, status, reason, took, found.Message)
	return found, took
}
