package controllers

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit"
)

// kustomize renders resources and components of config, within the checkout since kustomize accepts relative paths only.
func kustomize(t *testing.T, resources, components string) []client.Object {
	t.Helper()
	found, err := filepath.Glob("../bin/kube/*/kubectl")
	if err != nil || len(found) == 0 {
		t.Fatalf("bin/kube has no kubectl; run `make kube` first (%v)", err)
	}
	folder, err := os.MkdirTemp(".", "render-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	content := "resources: [" + resources + "]\ncomponents: [" + components + "]\n"
	if err := os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	command := exec.CommandContext(t.Context(), found[len(found)-1], "kustomize", folder)
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	return decodeAll(t, "kustomize", output)
}

func decodeAll(t *testing.T, name string, content []byte) (objects []client.Object) {
	t.Helper()
	for _, object := range testkit.Manifests(t, name, content) {
		objects = append(objects, object)
	}
	return objects
}

// TestKubernetesWithoutConstrainedImpersonation is Kubernetes 1.35 in this respect.
func TestKubernetesWithoutConstrainedImpersonation(t *testing.T) {
	const flag = "feature-gates=ConstrainedImpersonation=false"
	t.Run("with the roles for it", func(t *testing.T) {
		installed := kustomize(t, "../../config/rbac, ../../config/admission", "../../config/components/plain-impersonation")
		c := newClusterWith(t, installed, flag)
		c.team("team", "kubeops")
		c.startManager(prometheus.NewRegistry())
		c.create(&v1alpha1.Inspection{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "all"}})
		for _, gap := range c.waitForReport("", "generation").Gaps {
			if gap.Source != "secrets" || !strings.Contains(gap.Remediation, "kubeops-inspector-secrets") {
				t.Errorf("%+v", gap)
			}
		}
		config := c.as(operatorNamespace, "kubeops-manager")
		config.Impersonate.UserName = "system:serviceaccount:kube-system:generic-garbage-collector"
		clients, err := kubernetes.NewForConfig(config)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := clients.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("with the roles of later versions", func(t *testing.T) {
		c := newClusterWith(t, manifests(t, "rbac"), flag)
		c.team("team", "kubeops")
		c.startManager(prometheus.NewRegistry())
		c.create(&v1alpha1.Inspection{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "all"}})
		message := c.waitForReason(client.ObjectKey{Namespace: "team", Name: "all"}, v1alpha1.ReasonImpersonationForbidden)
		if !strings.Contains(message, "config/components/plain-impersonation") {
			t.Error(message)
		}
	})
}

// TestAManagerOfSingleNamespaces has Roles in namespace team only.
func TestAManagerOfSingleNamespaces(t *testing.T) {
	c := newClusterWith(t, kustomize(t, "../../config/rbac, ../../config/admission", "../../config/components/namespaced"))
	bindings := &rbacv1.ClusterRoleBindingList{}
	if err := c.client.List(t.Context(), bindings); err != nil {
		t.Fatal(err)
	}
	for _, binding := range bindings.Items {
		isManager := func(s rbacv1.Subject) bool { return s.Name == "kubeops-manager" }
		if slices.ContainsFunc(binding.Subjects, isManager) && binding.Name != "kubeops-manager-impersonation-discovery" {
			t.Errorf("ClusterRoleBinding %s is there", binding.Name)
		}
	}
	c.team("team", "kubeops")
	c.team("other", "kubeops")
	for _, object := range kustomize(t, "../../config/tenant", "") {
		object.SetNamespace("team")
		c.create(object)
	}
	c.startManager(prometheus.NewRegistry(), "team")
	spec := v1alpha1.InspectionSpec{Namespaces: []string{"team"}}
	c.create(&v1alpha1.Inspection{ObjectMeta: metav1.ObjectMeta{Namespace: "other", Name: "all"}, Spec: spec})
	c.create(&v1alpha1.Inspection{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "all"}, Spec: spec})
	for _, gap := range c.waitForReport("", "generation").Gaps {
		if !strings.HasPrefix(gap.Source, "secrets") {
			t.Errorf("%+v", gap)
		}
	}
	ignored := &v1alpha1.Inspection{}
	err := c.client.Get(t.Context(), client.ObjectKey{Namespace: "other", Name: "all"}, ignored)
	if err != nil || len(ignored.Status.Conditions) > 0 {
		t.Errorf("%+v, %v", ignored.Status.Conditions, err)
	}
}

// TestTheComponentForContinuousInspectionsGrantsWatchWhereInspectorsList compares the roles with and without it.
func TestTheComponentForContinuousInspectionsGrantsWatchWhereInspectorsList(t *testing.T) {
	base := "../../config/default"
	roles := func(components string) map[string]*rbacv1.ClusterRole {
		found := map[string]*rbacv1.ClusterRole{}
		for _, object := range kustomize(t, base, components) {
			if object.GetObjectKind().GroupVersionKind().Kind != "ClusterRole" {
				continue
			}
			role := &rbacv1.ClusterRole{}
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.(*unstructured.Unstructured).Object, role); err != nil {
				t.Fatal(err)
			}
			found[role.Name] = role
		}
		return found
	}
	without, with := roles(""), roles("../../config/components/continuous")
	const impersonation = "impersonate-on:serviceaccount:"
	for name, prefix := range map[string]string{
		"kubeops-manager-impersonation": impersonation, "kubeops-manager-impersonation-secrets": impersonation,
		"kubeops-inspector": "", "kubeops-inspector-secrets": "",
	} {
		if without[name] == nil || with[name] == nil || len(without[name].Rules) != len(with[name].Rules) {
			t.Fatalf("ClusterRole %s is missing or has other rules", name)
		}
		for i, rule := range with[name].Rules {
			want := slices.Clone(without[name].Rules[i].Verbs)
			if slices.Contains(want, prefix+"list") && !slices.Contains(want, prefix+"watch") {
				want = append(want, prefix+"watch")
			}
			if !slices.Equal(rule.Verbs, want) {
				t.Errorf("ClusterRole %s, rule %d: got %q, want %q", name, i, rule.Verbs, want)
			}
		}
	}
}
