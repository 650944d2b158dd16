package walls

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit"
)

// shop is the namespace that a manager without ClusterRoles serves.
const shop = "shop"

// installer is an account that can write in two namespaces, and nothing elsewhere: docs/installation.md has its rules.
func (c *cluster) installer() client.Client {
	c.t.Helper()
	c.create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: managerNamespace, Name: "platform"}})
	write := []string{"create", "delete", "get", "list", "patch", "update"}
	roles := rbacv1.PolicyRule{
		APIGroups: []string{rbacv1.GroupName}, Resources: []string{"roles", "rolebindings"}, Verbs: append(write, "bind", "escalate"),
	}
	for namespace, rules := range map[string][]rbacv1.PolicyRule{
		shop: {roles},
		managerNamespace: {
			roles,
			{APIGroups: []string{""}, Resources: []string{"configmaps", "serviceaccounts", "services"}, Verbs: write},
			{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: write},
			{APIGroups: []string{"policy"}, Resources: []string{"poddisruptionbudgets"}, Verbs: write},
		},
	} {
		in := metav1.ObjectMeta{Namespace: namespace, Name: "platform"}
		c.create(&rbacv1.Role{ObjectMeta: in, Rules: rules})
		c.create(&rbacv1.RoleBinding{
			ObjectMeta: in, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: in.Name},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: managerNamespace, Name: "platform"}},
		})
	}
	as, err := client.New(c.as(managerNamespace, "platform"), client.Options{Scheme: c.client.Scheme(), Mapper: c.client.RESTMapper()})
	if err != nil {
		c.t.Fatal(err)
	}
	c.eventually("the roles of the installer take effect", time.Minute, func(ctx context.Context) error {
		return errors.Join(as.List(ctx, &rbacv1.RoleList{}, client.InNamespace(shop)),
			as.List(ctx, &corev1.ServiceAccountList{}, client.InNamespace(managerNamespace)))
	})
	return as
}

// installAlone installs KubeOps for one namespace as an account that cannot write anything of the whole cluster.
func (c *cluster) installAlone(as client.Client) {
	c.t.Helper()
	err := as.Create(c.t.Context(), &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "mine"}})
	if !apierrors.IsForbidden(err) {
		c.t.Fatalf("the installer can create ClusterRoles: %v", err)
	}
	for _, kustomization := range []string{
		"resources: [../config/default]\n" +
			"components: [../config/components/namespaced, ../config/components/without-cluster-scoped]\n",
		"namespace: " + shop + "\nresources: [../config/tenant]\n",
		"namespace: " + shop + "\nresources: [../config/rbac]\ncomponents: [../config/tenant/users]\n",
	} {
		for _, object := range testkit.Kustomize(c.t, kustomization) {
			if err := as.Create(c.t.Context(), object); err != nil {
				c.t.Errorf("%s %s: %v", object.GetKind(), object.GetName(), err)
			}
		}
	}
}

// TestTheManagerUsesRolesOnly installs it for one namespace without a ClusterRole. An Inspection of the namespace runs, and with an audit log,
// nothing is forbidden but what docs/installation.md lists.
func TestTheManagerUsesRolesOnly(t *testing.T) {
	log, flags := auditFlags(t)
	c := newEmptyCluster(t, flags...)
	c.namespace(managerNamespace)
	c.namespace(shop)
	c.installAlone(c.installer())
	account := metav1.ObjectMeta{Namespace: shop, Name: v1alpha1.DefaultServiceAccountName}
	c.create(&corev1.ServiceAccount{ObjectMeta: account})
	c.create(&rbacv1.RoleBinding{
		ObjectMeta: account, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "kubeops-inspector"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: shop, Name: account.Name}},
	})
	for permission, roles := range c.granted() {
		if at := slices.IndexFunc(roles, func(role string) bool { return strings.HasPrefix(role, "Cluster") }); at >= 0 {
			t.Errorf("%s grants %q", roles[at], permission)
		}
	}
	c.settings = "namespaces: [" + shop + "]\n"
	c.collectsNoLogs = true
	m := c.startManager()
	key := client.ObjectKey{Namespace: shop, Name: "all"}
	c.create(&v1alpha1.Inspection{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}, Spec: v1alpha1.InspectionSpec{Namespaces: []string{shop}},
	})
	c.request(key, "1")
	c.handled(key, "1", 3*time.Minute)
	c.gapsAreOptional(key)
	m.stop()
	c.onlyListedRequestsAreForbidden(log)
}

// gapsAreOptional checks that the last report has everything of its namespace but Secrets and custom resources, whose APIs are not known.
func (c *cluster) gapsAreOptional(key client.ObjectKey) {
	c.t.Helper()
	inspection := &v1alpha1.Inspection{}
	if err := c.client.Get(c.t.Context(), key, inspection); err != nil {
		c.t.Fatal(err)
	}
	report := &v1alpha1.InspectionReport{}
	if err := c.client.Get(c.t.Context(), client.ObjectKey{Namespace: key.Namespace, Name: inspection.Status.LastReport}, report); err != nil {
		c.t.Fatal(err)
	}
	for _, gap := range report.Gaps {
		source, _, _ := strings.Cut(gap.Source, " in namespace ")
		if !slices.Contains([]string{"secrets", "/apis", "/version"}, source) {
			c.t.Errorf("%+v", gap)
		}
	}
}

// onlyListedRequestsAreForbidden reads the audit log: nothing is forbidden that the manager requests for itself, and as an account only kinds
// without a namespace, which APIs there are, and the names of Secrets.
func (c *cluster) onlyListedRequestsAreForbidden(log string) {
	c.t.Helper()
	listed := []string{
		"get /apis", "get /version", "list customresourcedefinitions.apiextensions.k8s.io", "list ingressclasses.networking.k8s.io",
		"list nodes", "list persistentvolumes", "list secrets", "list storageclasses.storage.k8s.io",
	}
	requests := 0
	seen := map[string]bool{}
	for _, event := range readAudit(c.t, log) {
		requests++
		s := event.ResponseStatus
		if s == nil || s.Code != http.StatusForbidden {
			continue
		}
		request := event.Verb + " " + event.target()
		asAccount := event.ImpersonatedUser != nil || strings.Contains(s.Message, "cannot impersonate-on:serviceaccount:")
		if !seen[request] && (!asAccount || !slices.Contains(listed, request)) {
			c.t.Errorf("forbidden: %s: %s", request, s.Message)
		}
		seen[request] = true
	}
	if requests == 0 {
		c.t.Error("the audit log has no request of the manager")
	}
	for _, request := range listed {
		if !seen[request] {
			c.t.Errorf("%q was not forbidden: remove it here and in docs/installation.md", request)
		}
	}
	c.t.Logf("%d requests, of which as an account %d were forbidden", requests, len(seen))
}
