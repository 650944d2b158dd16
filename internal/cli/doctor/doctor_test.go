package doctor

import (
	"slices"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit"
)

// TestEachWrongStateIsNamed breaks one installation in one way after another, and repairs it.
func TestEachWrongStateIsNamed(t *testing.T) {
	w := newWorld(t)
	if err := apiextensionsv1.AddToScheme(w.client.Scheme()); err != nil {
		t.Fatal(err)
	}
	clean := func(t *testing.T) {
		t.Helper()
		w.t = t
		if report := w.examine(nil); len(report.Findings)+len(report.Gaps) != 0 {
			t.Fatalf("the installation is not clean:\n%s", dump(report))
		}
	}
	clean(t)
	for _, tc := range []struct {
		name string
		test func(*testing.T)
	}{
		{"a manager with wrong values", w.testWrongValues},
		{"an old CustomResourceDefinition under a new program", w.testOldCRD},
		{"a new CustomResourceDefinition under an old program", w.testNewCRD},
		{"permissions that were revoked", w.testRevoked},
		{"impersonation that is not constrained", w.testPlainImpersonation},
		{"a second installation", w.testSecondInstallation},
		{"a clock that is off by an hour", w.testClock},
		{"a manager that does not run", w.testStopped},
		{"policies that are not in place", w.testPolicies},
		{"resources that are stalled or not reconciled, and their connections", w.testResources},
		{"restored objects", w.testRestored},
		{"a user without permissions", w.testUser},
		{"a user who cannot read roles", w.testUserWithoutRoles},
		{"a missing CustomResourceDefinition", w.testMissingCRD}, // last: it is not created again
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.t = t
			tc.test(t)
			if !strings.HasPrefix(tc.name, "a missing") {
				clean(t)
			}
		})
		w.t = t
	}
}

func (w *world) testWrongValues(*testing.T) {
	w.configure("logging: {level: loud}\nleaderElektion: {}\n")
	report := w.examine(nil)
	w.want(report, checkConfiguration, "ConfigMap kubeops-system/config", "90-site.yaml:3", "loud", "kubectl -n kubeops-system get configmap config")
	w.want(report, checkConfiguration, "ConfigMap kubeops-system/config", "90-site.yaml:4", "leaderElection")
	w.change(w.deployment(system), func(o client.Object) { setConfigMap(o, "gone") })
	w.want(w.examine(nil), checkConfiguration, "ConfigMap kubeops-system/gone", "does not exist")
	w.change(w.deployment(system), func(o client.Object) { setConfigMap(o, "config") })
	w.configure("namespaces: []\n")
}

// properties of the spec in the schema of a CustomResourceDefinition.
func properties(o client.Object) map[string]apiextensionsv1.JSONSchemaProps {
	return o.(*apiextensionsv1.CustomResourceDefinition).Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].Properties
}

func (w *world) testOldCRD(*testing.T) {
	crd := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: "metricsbackends.kubeops.io"}}
	var removed apiextensionsv1.JSONSchemaProps
	w.change(crd, func(o client.Object) { removed = properties(o)["grafana"]; delete(properties(o), "grafana") })
	w.want(w.examine(nil), checkCRDs, "CustomResourceDefinition metricsbackends.kubeops.io", "is older than this program: it lacks spec.grafana",
		"kubectl apply --server-side --force-conflicts -k config/crd")
	w.change(crd, func(o client.Object) { properties(o)["grafana"] = removed })
}

func (w *world) testNewCRD(*testing.T) {
	crd := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: "metricsbackends.kubeops.io"}}
	w.change(crd, func(o client.Object) { properties(o)["color"] = apiextensionsv1.JSONSchemaProps{Type: "string"} })
	w.want(w.examine(nil), checkCRDs, "CustomResourceDefinition metricsbackends.kubeops.io", "is newer than this program: it has spec.color")
	w.change(crd, func(o client.Object) { delete(properties(o), "color") })
}

func (w *world) testMissingCRD(*testing.T) {
	crd := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: "aiproviders.kubeops.io"}}
	if err := w.client.Delete(w.t.Context(), crd); err != nil {
		w.t.Fatal(err)
	}
	report := w.examine(nil)
	if report.Findings[0].Message == "" || len(report.Findings) != 1 {
		w.t.Errorf("want one finding:\n%s", dump(report))
	}
	found := report.Findings[0]
	if found.Object != "CustomResourceDefinition aiproviders.kubeops.io" || !strings.Contains(found.Message, "AIProvider") {
		w.t.Errorf("%+v", found)
	}
}

func (w *world) testRevoked(*testing.T) {
	var before []rbacv1.PolicyRule
	w.change(w.role("kubeops-manager"), func(o client.Object) {
		role := o.(*rbacv1.ClusterRole)
		before = slices.Clone(role.Rules)
		role.Rules = slices.DeleteFunc(role.Rules, func(r rbacv1.PolicyRule) bool { return slices.Contains(r.Resources, "inspections/status") })
	})
	w.want(w.examine(nil), checkPermissions, "ServiceAccount kubeops-system/kubeops-manager", "ClusterRole kubeops-manager",
		"patch aiproviders/status.kubeops.io", "kubectl apply --server-side")
	w.change(w.role("kubeops-manager"), func(o client.Object) { o.(*rbacv1.ClusterRole).Rules = before })

	binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "kubeops-manager-impersonation"}}
	var subjects []rbacv1.Subject
	w.change(binding, func(o client.Object) {
		subjects = o.(*rbacv1.ClusterRoleBinding).Subjects
		o.(*rbacv1.ClusterRoleBinding).Subjects = nil
	})
	w.want(w.examine(nil), checkPermissions, "ServiceAccount kubeops-system/kubeops-manager", "ClusterRole kubeops-manager-impersonation",
		"get, list certificates.cert-manager.io")
	w.change(binding, func(o client.Object) { o.(*rbacv1.ClusterRoleBinding).Subjects = subjects })
}

func (w *world) testPlainImpersonation(*testing.T) {
	role := w.role("kubeops-manager-impersonation")
	var before []rbacv1.PolicyRule
	w.change(role, func(o client.Object) {
		before = o.(*rbacv1.ClusterRole).Rules
		o.(*rbacv1.ClusterRole).Rules = []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"serviceaccounts"}, ResourceNames: []string{"kubeops"}, Verbs: []string{"impersonate"}},
		}
	})
	w.want(w.examine(nil), checkImpersonation, "ServiceAccount kubeops-system/kubeops-manager", "is not constrained", "plain-impersonation")
	w.change(role, func(o client.Object) { o.(*rbacv1.ClusterRole).Rules = before })
}

func (w *world) testSecondInstallation(*testing.T) {
	w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "second"}})
	other := w.deployment(system)
	if err := w.client.Get(w.t.Context(), client.ObjectKeyFromObject(other), other); err != nil {
		w.t.Fatal(err)
	}
	other = &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "second", Name: managerName, Labels: other.Labels}, Spec: other.Spec}
	setConfigMap(other, "config")
	w.create(other)
	w.lease("second", 0)
	report := w.examine(nil)
	w.want(report, checkInstallations, "Deployment second/kubeops-manager", "serves the same resources as Deployment", "all namespaces",
		"kubectl -n second scale deployment kubeops-manager --replicas=0")
	if len(report.Managers) != 2 || len(report.Leaders) != 2 {
		w.t.Errorf("%+v", report)
	}
	for _, object := range []client.Object{other, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "second"}}} {
		if err := w.client.Delete(w.t.Context(), object); err != nil {
			w.t.Fatal(err)
		}
	}
	// Leases of managers that are not Deployments count as well.
	report = w.examine(nil)
	w.want(report, checkInstallations, "Lease kubeops-manager.kubeops.io", "is held in 2 namespaces")
	w.release("second")
}

func (w *world) testClock(*testing.T) {
	w.lease(system, time.Hour)
	w.want(w.examine(nil), checkClock, "Lease kubeops-system/kubeops-manager.kubeops.io", "1h0m0s ahead of that of the API server",
		"kubeops-manager-abc_1", "NTP")
	w.lease(system, -time.Hour)
	report := w.examine(nil)
	w.want(report, checkClock, "Lease kubeops-system/kubeops-manager.kubeops.io", "1h0m0s behind that of the API server")
	if !report.Leaders[0].Active {
		w.t.Error("a leader whose clock is behind leads nevertheless")
	}
	w.lease(system, 0)
}

func (w *world) testStopped(*testing.T) {
	w.release(system)
	w.configure("leaderElection: {enabled: false}\n")
	if report := w.examine(nil); len(report.Findings)+len(report.Gaps) != 0 {
		w.t.Errorf("a manager that elects no leader needs no Lease:\n%s", dump(report))
	}
	w.configure("namespaces: []\n")
	w.want(w.examine(nil), checkLeader, "Lease kubeops-manager.kubeops.io", "is held by no one", "kubectl -n kubeops-system logs")
	w.lease(system, 0)
	deployment := w.deployment(system)
	w.change(deployment, func(o client.Object) { o.(*appsv1.Deployment).Spec.Replicas = ptr.To[int32](0) })
	w.want(w.examine(nil), checkManager, "Deployment kubeops-system/kubeops-manager", "is scaled to 0", "--replicas=1")
	w.change(deployment, func(o client.Object) { o.(*appsv1.Deployment).Spec.Replicas = ptr.To[int32](1) })
	deployment.Status.AvailableReplicas = 0
	if err := w.client.Status().Update(w.t.Context(), deployment); err != nil {
		w.t.Fatal(err)
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: "p", Labels: map[string]string{nameLabel: managerName}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "manager", Image: "i"}}},
	}
	pod.Spec.ServiceAccountName = managerName
	w.create(pod)
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: "manager", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
	}}
	if err := w.client.Status().Update(w.t.Context(), pod); err != nil {
		w.t.Fatal(err)
	}
	w.want(w.examine(nil), checkManager, "Deployment kubeops-system/kubeops-manager", "has 0 of 1 replicas available",
		"Pod p, container manager: CrashLoopBackOff")
	if err := w.client.Delete(w.t.Context(), pod); err != nil {
		w.t.Fatal(err)
	}
	w.available(system)
}

func (w *world) testPolicies(*testing.T) {
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: "kubeops-approvals"}}
	w.change(binding, func(o client.Object) {
		o.(*admissionv1.ValidatingAdmissionPolicyBinding).Spec.ValidationActions = []admissionv1.ValidationAction{admissionv1.Warn}
	})
	w.want(w.examine(nil), checkPolicies, "ValidatingAdmissionPolicyBinding kubeops-approvals", "does not deny", "config/admission")
	w.change(binding, func(o client.Object) {
		o.(*admissionv1.ValidatingAdmissionPolicyBinding).Spec.ValidationActions = []admissionv1.ValidationAction{admissionv1.Deny}
	})
	policies := &networkingv1.NetworkPolicyList{}
	if err := w.client.List(w.t.Context(), policies, client.InNamespace(system)); err != nil {
		w.t.Fatal(err)
	}
	for i := range policies.Items {
		if err := w.client.Delete(w.t.Context(), &policies.Items[i]); err != nil {
			w.t.Fatal(err)
		}
	}
	w.want(w.examine(nil), checkNetworkPolicy, "Deployment kubeops-system/kubeops-manager", "is selected by no NetworkPolicy")
	w.apply("components/network-policy/manager.yaml")
}

func (w *world) testResources(*testing.T) {
	backend := &v1alpha1.MetricsBackend{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "prometheus"},
		Spec: v1alpha1.MetricsBackendSpec{
			Type: v1alpha1.MetricsBackendPrometheus, Prometheus: &v1alpha1.PrometheusBackend{URL: "http://prometheus.monitoring:9090"},
		},
	}
	w.create(backend)
	now := metav1.Now()
	backend.Status.Conditions = []metav1.Condition{
		{Type: "Ready", Status: "False", Reason: "SecretNotFound", Message: "Secret login does not exist", LastTransitionTime: now},
		{Type: "Stalled", Status: "True", Reason: "SecretNotFound", Message: "Secret login does not exist", LastTransitionTime: now},
	}
	if err := w.client.Status().Update(w.t.Context(), backend); err != nil {
		w.t.Fatal(err)
	}
	report := w.examine(nil)
	w.want(report, checkResources, "MetricsBackend default/prometheus", "is Stalled (SecretNotFound): Secret login does not exist",
		"kubectl -n default describe metricsbackend prometheus")
	if len(report.Connections) != 1 || report.Connections[0].Reason != "SecretNotFound" {
		w.t.Errorf("connections: %+v", report.Connections)
	}
	if err := w.client.Delete(w.t.Context(), backend); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) testRestored(*testing.T) {
	run := &v1alpha1.PipelineRun{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: "release-1", Annotations: map[string]string{v1alpha1.AnnotationRunUID: "another"},
		},
		Spec: v1alpha1.PipelineRunSpec{PipelineRef: v1alpha1.LocalReference{Name: "release"}},
	}
	inventory := &v1alpha1.BundleInventory{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "shop-local"}, Bundle: "shop", Cluster: "local",
	}
	w.create(run)
	w.create(inventory)
	report := w.examine(nil)
	w.want(report, checkRestored, "PipelineRun default/release-1", "was restored from a backup", "kubeops pipeline run release -n default")
	w.want(report, checkRestored, "BundleInventory default/shop-local", "ResourceBundle shop, which does not exist")
	for _, object := range []client.Object{run, inventory} {
		if err := w.client.Delete(w.t.Context(), object); err != nil {
			w.t.Fatal(err)
		}
	}
}

// testUser checks that what a user cannot read is no finding, but a gap.
// testUserWithoutRoles has a user who may do all that doctor does, except read roles: whom the manager acts as is not known, which is no
// problem.
func (w *world) testUserWithoutRoles(*testing.T) {
	names := w.role("kubeops-manager-impersonation")
	accounts := func(name string) func(client.Object) {
		return func(o client.Object) { o.(*rbacv1.ClusterRole).Rules[0].ResourceNames = []string{name} }
	}
	w.change(names, accounts("auditor"))
	w.create(&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "operator"}, Rules: []rbacv1.PolicyRule{{
		Resources: []string{"*"}, Verbs: []string{"*"}, APIGroups: []string{
			"", "apps", "apiextensions.k8s.io", "admissionregistration.k8s.io", "authorization.k8s.io", "coordination.k8s.io",
			"kubeops.io", "networking.k8s.io",
		},
	}}})
	w.create(&rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "operator"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "operator"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "default", Name: "operator"}},
	})
	w.create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "operator"}})
	report := w.examine(testkit.AsServiceAccount(w.t, w.config, "default", "operator"))
	if len(report.Findings) != 0 || len(report.Gaps) != 1 || !strings.Contains(report.Gaps[0].Message, "list ClusterRoleBindings") {
		w.t.Errorf("%s", dump(report))
	}
	w.change(names, accounts("kubeops"))
}

func (w *world) testUser(*testing.T) {
	w.create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "user"}})
	report := w.examine(testkit.AsServiceAccount(w.t, w.config, "default", "user"))
	if len(report.Findings) != 0 || len(report.Gaps) < 4 {
		w.t.Errorf("%+v\n%s", report.Gaps, dump(report))
	}
	if err := verdict(report); err == nil || !strings.Contains(err.Error(), "could not be completed") {
		w.t.Errorf("verdict: %v", err)
	}
}
