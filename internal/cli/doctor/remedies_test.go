package doctor

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"kubeops.io/kubeops/config"
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

func TestARemedyOfHelmTurnsOnWhatTheReleaseHasOff(t *testing.T) {
	manager := appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{
		Namespace: "platform", Annotations: map[string]string{releaseName: "ops", releaseNamespace: "platform"},
	}}
	for folder, want := range map[string]string{
		folderCRDs: "--set crds.install=true`.", folderPolicies: "--set components.admission=true`.", "config/rbac": "--reset-then-reuse-values`.",
	} {
		if got := string(originOf(&manager).again(folder)); !strings.HasSuffix(got, want) {
			t.Errorf("%s: %s", folder, got)
		}
	}
	// CustomResourceDefinitions that kubectl installed.
	e := &examination{installed: []installation{{deployment: &manager}}}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if got := string(e.originOfCRD(crd).again(folderCRDs)); !strings.Contains(got, "-k config/crd") {
		t.Error(got)
	}
	crd.Annotations = manager.Annotations
	if got := string(e.originOfCRD(crd).again(folderCRDs)); !strings.Contains(got, "helm upgrade ops ") {
		t.Error(got)
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
	both := []string{"shop", "web"}
	for name, tc := range map[string]struct {
		installation
		namespace string
		want      []string
	}{
		"all namespaces":              {installation{account: "operator"}, "", []string{"auditor", "deployer"}},
		"a namespace with a Role":     {installation{account: "operator", namespaces: both}, "shop", []string{"auditor", "deployer", "shopper"}},
		"another with that of no one": {installation{account: "operator", namespaces: both}, "web", []string{"auditor", "deployer"}},
		"no role":                     {installation{account: "unbound"}, "", []string{"kubeops"}},
	} {
		tc.deployment = &appsv1.Deployment{ObjectMeta: named("platform", managerName)}
		names, err := e.impersonatedBy(t.Context(), &tc.installation)
		if got := names.in(tc.namespace); err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v: %v", name, got, tc.want, err)
		}
	}
}

// TestOnlyTheVerbOfAccountsIsAskedForTheirNames asks for the accounts of each namespace, and for other verbs of the same rule as they are.
func TestOnlyTheVerbOfAccountsIsAskedForTheirNames(t *testing.T) {
	role := config.Role{Kind: "ClusterRole", Name: "any", Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{"authentication.k8s.io"}, Resources: []string{"serviceaccounts"}, ResourceNames: []string{"kubeops"},
		Verbs: []string{asAccount, "get"},
	}}}
	i := &installation{namespaces: []string{"shop", "web"}, impersonated: impersonated{"shop": {"shopper"}, "web": {"weaver"}}}
	var got []string
	for _, one := range attributesOf(role, i) {
		got = append(got, one.verb+" "+one.namespace+"/"+one.name)
	}
	want := []string{asAccount + " shop/shopper", asAccount + " web/weaver", "get shop/kubeops", "get web/kubeops"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestAManagerOfSingleNamespacesLacksRolesThere(t *testing.T) {
	i := &installation{deployment: &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "kubeops-system"}}, account: "operator"}
	role := func(name string) config.Role { return config.Role{Kind: "ClusterRole", Name: name} }
	for name, tc := range map[string]struct {
		namespaces []string
		role       config.Role
		level      Level
		want, fix  string
	}{
		"all namespaces":         {nil, role("kubeops-manager"), LevelProblem, "of ClusterRole kubeops-manager:", "-k config/rbac"},
		"single namespaces":      {[]string{"shop"}, role("kubeops-manager"), LevelProblem, "of Role kubeops-manager:", "-k config/tenant"},
		"discovery, all":         {nil, role("kubeops-manager-impersonation-discovery"), LevelProblem, "of ClusterRole", "-k config/rbac"},
		"discovery, single":      {[]string{"shop"}, role("kubeops-manager-impersonation-discovery"), LevelWarning, "of ClusterRole", "inCluster"},
		"the Lease of a manager": {[]string{"shop"}, config.Role{Kind: "Role", Name: "kubeops-leader-election"}, LevelProblem, "of Role", "-k config/rbac"},
	} {
		i.namespaces = tc.namespaces
		e := &examination{report: &Report{}}
		e.lacks(i, tc.role, "get pods")
		if len(e.report.Findings) != 1 || e.report.Findings[0].Level != tc.level || !strings.Contains(e.report.Findings[0].Message, tc.want) ||
			!strings.Contains(string(e.report.Findings[0].Fix), tc.fix) {
			t.Errorf("%s: %+v", name, e.report.Findings)
		}
	}
}
