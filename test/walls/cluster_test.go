package walls

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit"
)

const (
	managerNamespace = "kubeops-system"
	// offender and crowd are the namespaces of hostile tenants.
	offender = "offender"
	crowd    = "crowd"
	// deploying is the namespace of a hostile tenant whose ServiceAccount may write in it.
	deploying = "deploying"
)

// cluster is a real API server with KubeOps installed.
type cluster struct {
	t      *testing.T
	config *rest.Config // of an administrator
	client client.WithWatch
	// tenants are the clients of those who may edit a namespace, by its name.
	tenants map[string]client.Client
	// program is the path of the manager, once it is built.
	program string
	// alone starts managers without leader election: one that was killed would hold its Lease for 10 s.
	alone bool
	// election are settings of the leader election of managers, each followed by a comma.
	election string
	// collectsNoLogs starts managers without log collection, whose namespace and permissions are not installed.
	collectsNoLogs bool
	// settings are added to the configuration of managers.
	settings string
	// stopTenants ends what tenants do over and over.
	stopTenants func()
}

// newCluster starts an API server with KubeOps, with more flags as NAME=VALUE.
func newCluster(t *testing.T, flags ...string) *cluster {
	t.Helper()
	c := newEmptyCluster(t, flags...)
	c.namespace(managerNamespace)
	c.namespace("kubeops-logging")
	for _, folder := range []string{"rbac", "admission", "components/log-collection"} {
		c.install(filepath.Join("..", "..", "config", folder))
	}
	return c
}

// newEmptyCluster starts an API server with nothing but the CRDs of KubeOps.
func newEmptyCluster(t *testing.T, flags ...string) *cluster {
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
	admin, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return &cluster{t: t, config: config, client: admin, tenants: map[string]client.Client{}}
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
		c.t.Fatalf("%s %s: %v", object.GetObjectKind().GroupVersionKind().Kind, object.GetName(), err)
	}
}

func (c *cluster) namespace(name string) {
	c.t.Helper()
	c.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
}

// newTenant is a namespace with the ServiceAccount kubeops, which may inspect it and read its Secrets, and a user with the role edit.
func (c *cluster) newTenant(namespace string) {
	c.t.Helper()
	c.namespace(namespace)
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: namespace, Name: name} }
	for _, account := range []string{v1alpha1.DefaultServiceAccountName, "developer"} {
		c.create(&corev1.ServiceAccount{ObjectMeta: meta(account)})
	}
	c.create(&rbacv1.Role{ObjectMeta: meta("secrets"), Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get", "watch"}},
	}})
	for name, grant := range map[string][3]string{
		"inspector": {"ClusterRole", "kubeops-inspector", v1alpha1.DefaultServiceAccountName},
		"secrets":   {"Role", "secrets", v1alpha1.DefaultServiceAccountName},
		"editor":    {"ClusterRole", "kubeops-editor", "developer"},
		"viewer":    {"ClusterRole", "kubeops-viewer", "developer"},
		// A controller adds both to the role edit, which does not run here.
		"edit": {"ClusterRole", "system:aggregate-to-edit", "developer"},
		"view": {"ClusterRole", "system:aggregate-to-view", "developer"},
	} {
		c.create(&rbacv1.RoleBinding{
			ObjectMeta: meta(name), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: grant[0], Name: grant[1]},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: grant[2]}},
		})
	}
	developer, err := client.New(c.as(namespace, "developer"), client.Options{Scheme: c.client.Scheme(), Mapper: c.client.RESTMapper()})
	if err != nil {
		c.t.Fatal(err)
	}
	c.tenants[namespace] = developer
	c.eventually("the roles of the tenant take effect", time.Minute, func(ctx context.Context) error {
		return developer.List(ctx, &v1alpha1.InspectionList{}, client.InNamespace(namespace))
	})
}

// newDeployingTenant is a tenant whose ServiceAccount kubeops may also write what bundles and stages of Pipelines write, in its namespace.
func (c *cluster) newDeployingTenant(namespace string) {
	c.t.Helper()
	for _, component := range []string{"bundles", "pipelines"} {
		c.install(filepath.Join("..", "..", "config", "components", component))
	}
	c.newTenant(namespace)
	write := []string{"get", "list", "create", "patch", "delete"}
	c.create(&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "writer"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"configmaps", "secrets", "services"}, Verbs: write},
		{APIGroups: []string{"rbac.authorization.k8s.io"}, Resources: []string{"roles", "rolebindings"}, Verbs: write},
		{APIGroups: []string{v1alpha1.GroupVersion().Group}, Resources: []string{"resourcebundles"}, Verbs: write},
		{APIGroups: []string{""}, Resources: []string{"serviceaccounts"}, Verbs: []string{"impersonate"},
			ResourceNames: []string{v1alpha1.DefaultServiceAccountName}},
	}})
	for name, role := range map[string]string{"writer": "Role", "kubeops-pipeline-jobs": "ClusterRole", "kubeops-pipeline-bundles": "ClusterRole"} {
		c.create(&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: role, Name: name},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: v1alpha1.DefaultServiceAccountName}},
		})
	}
}

// as is the configuration of a ServiceAccount with a real token.
func (c *cluster) as(namespace, name string) *rest.Config {
	c.t.Helper()
	return testkit.AsServiceAccount(c.t, c.config, namespace, name)
}

// eventually waits until a condition holds; what it returned last is the failure.
func (c *cluster) eventually(what string, within time.Duration, holds func(context.Context) error) {
	c.t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(c.t.Context(), 100*time.Millisecond, within, true, func(ctx context.Context) (bool, error) {
		err := holds(ctx)
		if err == nil || ctx.Err() == nil { // an attempt that the deadline ends says nothing
			last = err
		}
		return err == nil, nil
	})
	if err != nil {
		c.t.Fatalf("%s: %v", what, last)
	}
}

// removeOffenders deletes what the hostile tenants created, finalizers included, until the manager has nothing left to do for them.
func (c *cluster) removeOffenders() {
	c.t.Helper()
	for namespace := range c.tenants {
		for _, kind := range []string{
			"Inspection", "MetricsBackend", "LogBackend", "AIProvider", "NotificationChannel", "InspectionReport",
			"ManagedCluster", "CIProvider", "CDProvider", "ResourceBundle", "Pipeline", "PipelineRun",
		} {
			list := &metav1.PartialObjectMetadataList{}
			list.SetGroupVersionKind(v1alpha1.GroupVersion().WithKind(kind + "List"))
			object := &metav1.PartialObjectMetadata{}
			object.SetGroupVersionKind(v1alpha1.GroupVersion().WithKind(kind))
			c.eventually("the "+kind+"s of "+namespace+" are gone", time.Minute, func(ctx context.Context) error {
				if err := c.client.DeleteAllOf(ctx, object, client.InNamespace(namespace)); err != nil {
					return err
				}
				if err := c.client.List(ctx, list, client.InNamespace(namespace)); err != nil {
					return err
				}
				var names []string
				for i := range list.Items {
					left := &list.Items[i]
					names = append(names, left.Name)
					patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))
					if err := client.IgnoreNotFound(c.client.Patch(ctx, left, patch)); err != nil {
						return err
					}
				}
				if len(names) > 0 {
					return fmt.Errorf("left: %.200s", strings.Join(names, " "))
				}
				return nil
			})
		}
	}
}
