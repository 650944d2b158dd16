package doctor

import (
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

func TestRemediesAreOfWhatInstalledTheManager(t *testing.T) {
	for name, tc := range map[string]struct {
		meta             metav1.ObjectMeta
		again, component string
	}{
		"config/default": {
			metav1.ObjectMeta{Namespace: defaultNamespace},
			"In the checkout of the version of the manager, run `kubectl apply --server-side --force-conflicts -k config/rbac`.",
			"Add component `config/components/network-policy` to the overlay.",
		},
		"an overlay": {
			metav1.ObjectMeta{Namespace: "platform"},
			"Apply your overlay again, in the version of the manager: `kubectl apply --server-side --force-conflicts -k <overlay>`.",
			"Add component `config/components/network-policy` to the overlay.",
		},
		"Helm": {
			metav1.ObjectMeta{Namespace: "platform", Annotations: map[string]string{releaseName: "ops", releaseNamespace: "platform"}},
			"In the checkout of the version of the manager, run `helm upgrade ops charts/kubeops --namespace platform " +
				"--reset-then-reuse-values`.",
			"In the checkout of the version of the manager, run `helm upgrade ops charts/kubeops --namespace platform " +
				"--reset-then-reuse-values --set components.networkPolicy=true`.",
		},
	} {
		from := originOf(&appsv1.Deployment{ObjectMeta: tc.meta})
		if got := string(from.again("config/rbac")); got != tc.again {
			t.Errorf("%s: %s", name, got)
		}
		if got := string(from.component("network-policy", "networkPolicy", true)); got != tc.component {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestImpersonatedAccountsAreThoseOfTheRoles(t *testing.T) {
	acts := func(names ...string) []rbacv1.PolicyRule {
		return []rbacv1.PolicyRule{
			{APIGroups: []string{"authentication.k8s.io"}, Resources: []string{"serviceaccounts"}, ResourceNames: names, Verbs: []string{asAccount}},
			{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"other"}, Verbs: []string{"get"}},
		}
	}
	subject := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "platform", Name: "operator"}}
	stranger := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "other", Name: "operator"}}
	named := func(namespace, name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: name}
	}
	reads := fake.NewClientBuilder().WithScheme(clientgoscheme.Scheme).WithObjects(
		&rbacv1.ClusterRole{ObjectMeta: named("", "wide"), Rules: acts("auditor", "deployer")},
		&rbacv1.ClusterRole{ObjectMeta: named("", "strange"), Rules: acts("stranger")},
		&rbacv1.Role{ObjectMeta: named("shop", "narrow"), Rules: acts("shopper")},
		&rbacv1.ClusterRoleBinding{ObjectMeta: named("", "a"), Subjects: subject, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "wide"}},
		&rbacv1.ClusterRoleBinding{ObjectMeta: named("", "b"), Subjects: stranger, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "strange"}},
		&rbacv1.RoleBinding{ObjectMeta: named("shop", "c"), Subjects: subject, RoleRef: rbacv1.RoleRef{Kind: "Role", Name: "narrow"}},
	).Build()
	e := &examination{client: reads}
	for name, tc := range map[string]struct {
		installation
		want []string
	}{
		"all namespaces":    {installation{account: "operator"}, []string{"auditor", "deployer"}},
		"single namespaces": {installation{account: "operator", namespaces: []string{"shop"}}, []string{"auditor", "deployer", "shopper"}},
		"no role":           {installation{account: "unbound"}, []string{"kubeops"}},
	} {
		tc.deployment = &appsv1.Deployment{ObjectMeta: named("platform", managerName)}
		if got := e.impersonated(t.Context(), &tc.installation); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}
