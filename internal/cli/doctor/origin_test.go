package doctor

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestNamesOfAnInstallationAreItsOwn moves an installation into another namespace, with other ServiceAccounts, and breaks it there.
func TestNamesOfAnInstallationAreItsOwn(t *testing.T) {
	w := newWorld(t)
	w.move("platform", "operator", "auditor")
	policies := &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: "platform", Name: "all"},
		Spec:       networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}},
	}
	w.create(policies)
	if report := w.examine(nil); len(report.Findings)+len(report.Gaps) != 0 {
		t.Fatalf("other names are no problem:\n%s", dump(report))
	}
	w.change(policies, func(o client.Object) {
		o.(*networkingv1.NetworkPolicy).Spec.PodSelector = metav1.LabelSelector{MatchLabels: map[string]string{"app": "other"}}
	})
	w.change(w.role("kubeops-manager"), func(o client.Object) {
		role := o.(*rbacv1.ClusterRole)
		role.Rules = slices.DeleteFunc(role.Rules, func(r rbacv1.PolicyRule) bool { return slices.Contains(r.Resources, "inspections/status") })
	})
	binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "kubeops-manager-impersonation"}}
	w.change(binding, func(o client.Object) { o.(*rbacv1.ClusterRoleBinding).Subjects = nil })

	report := w.examine(nil)
	w.want(report, checkPermissions, "ServiceAccount platform/operator", "ClusterRole kubeops-manager:", "-k <overlay>")
	w.want(report, checkPermissions, "ServiceAccount platform/operator", "ClusterRole kubeops-manager-impersonation")
	w.want(report, checkNetworkPolicy, "Deployment platform/kubeops-manager", "Add component `config/components/network-policy`")
	for _, f := range report.Findings {
		if strings.Contains(f.Object+f.Message+string(f.Fix), system) {
			t.Errorf("a finding names namespace %s, where nothing is installed: %+v", system, f)
		}
	}

	w.change(w.deployment("platform"), func(o client.Object) {
		o.SetAnnotations(map[string]string{releaseName: "ops", releaseNamespace: "platform"})
	})
	report = w.examine(nil)
	w.want(report, checkPermissions, "ServiceAccount platform/operator",
		"helm upgrade ops charts/kubeops --namespace platform --reset-then-reuse-values")
	w.want(report, checkNetworkPolicy, "Deployment platform/kubeops-manager", "--set components.networkPolicy=true")
	for _, f := range report.Findings {
		if strings.Contains(string(f.Fix), " -k ") {
			t.Errorf("a release of Helm is to be changed by Kustomize: %+v", f)
		}
	}
}

// move the installation into a namespace. Its manager gets another ServiceAccount, and acts as accounts of another name.
func (w *world) move(namespace, account, impersonated string) {
	w.t.Helper()
	w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	old := w.deployment(system)
	if err := w.client.Get(w.t.Context(), client.ObjectKeyFromObject(old), old); err != nil {
		w.t.Fatal(err)
	}
	if err := w.client.Delete(w.t.Context(), old); err != nil {
		w.t.Fatal(err)
	}
	config := &corev1.ConfigMap{}
	if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: system, Name: "config"}, config); err != nil {
		w.t.Fatal(err)
	}
	w.create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "config"}, Data: config.Data})
	moved := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: managerName, Labels: old.Labels}, Spec: old.Spec}
	moved.Spec.Template.Spec.ServiceAccountName = account
	w.create(moved)
	w.available(namespace)
	w.release(system)
	w.lease(namespace, 0)

	bindings := &rbacv1.ClusterRoleBindingList{}
	if err := w.client.List(w.t.Context(), bindings); err != nil {
		w.t.Fatal(err)
	}
	for i := range bindings.Items {
		for n, subject := range bindings.Items[i].Subjects {
			if subject.Namespace != system || subject.Name != managerName {
				continue
			}
			w.change(&bindings.Items[i], func(o client.Object) {
				o.(*rbacv1.ClusterRoleBinding).Subjects[n] = rbacv1.Subject{Kind: subject.Kind, Namespace: namespace, Name: account}
			})
		}
	}
	const election = "kubeops-leader-election"
	binding := &rbacv1.RoleBinding{}
	role := &rbacv1.Role{}
	name := client.ObjectKey{Namespace: system, Name: election}
	for _, object := range []client.Object{binding, role} {
		if err := w.client.Get(w.t.Context(), name, object); err != nil {
			w.t.Fatal(err)
		}
	}
	w.create(&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: election}, Rules: role.Rules})
	w.create(&rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: election}, RoleRef: binding.RoleRef,
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: account}},
	})
	w.change(w.role("kubeops-manager-impersonation"), func(o client.Object) {
		for i, rule := range o.(*rbacv1.ClusterRole).Rules {
			if slices.Contains(rule.Verbs, asAccount) {
				o.(*rbacv1.ClusterRole).Rules[i].ResourceNames = []string{impersonated}
			}
		}
	})
}
