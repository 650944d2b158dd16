package controllers

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/api/v1alpha1"
)

// TestUserRolesHaveEveryKind compares the roles of users with the CRDs: each kind can be read by viewers, and written by editors or is known
// to be written by others.
func TestUserRolesHaveEveryKind(t *testing.T) {
	const aggregate = "rbac.authorization.k8s.io/aggregate-to-"
	reads := []string{"get", "list", "watch"}
	writes := []string{"create", "delete", "deletecollection", "patch", "update"}
	// writers of kinds that editors do not write.
	exceptions := map[string][]string{
		"inspectionreports": {"delete", "deletecollection"}, // the manager creates them
		"bundleinventories": nil,                            // the manager writes them: without one, objects are lost
		"approvals":         nil,                            // approvers create them, and no one changes them
	}
	roles := userRoles(t)
	viewer, editor, approver, admin := roles["kubeops-viewer"], roles["kubeops-editor"], roles["kubeops-approver"], roles["kubeops-admin"]
	for _, crd := range crds(t) {
		plural := crd.Spec.Names.Plural
		for _, verb := range reads {
			if !allows(viewer, plural, verb) {
				t.Errorf("kubeops-viewer cannot %s %s", verb, plural)
			}
		}
		if s := crd.Spec.Versions[0].Subresources; s != nil && s.Status != nil && !allows(viewer, plural+"/status", "get") {
			t.Errorf("kubeops-viewer cannot get %s/status", plural)
		}
		allowed, isException := exceptions[plural]
		if !isException {
			allowed = writes
		}
		for _, verb := range writes {
			if got, want := allows(editor, plural, verb), slices.Contains(allowed, verb); got != want {
				t.Errorf("kubeops-editor can %s %s: %t, want %t", verb, plural, got, want)
			}
		}
		if allows(editor, plural+"/status", "patch") || allows(editor, plural+"/status", "update") {
			t.Errorf("kubeops-editor writes the status of %s", plural)
		}
	}
	if !allows(approver, "pipelines", "approve") || allows(editor, "pipelines", "approve") || allows(editor, "approvals", "create") {
		t.Error("who can start a run can approve it, or no one can")
	}
	for role, of := range map[*rbacv1.ClusterRole][]string{viewer: {"view", "edit", "admin"}, editor: {"edit", "admin"}, approver: nil, admin: nil} {
		for _, builtIn := range []string{"view", "edit", "admin"} {
			if got := role.Labels[aggregate+builtIn] == "true"; got != slices.Contains(of, builtIn) {
				t.Errorf("%s is part of the built-in role %s: %t", role.Name, builtIn, got)
			}
		}
		isPart := role.Labels["kubeops.io/aggregate-to-admin"] == "true"
		if isPart != (role != admin) {
			t.Errorf("%s is part of kubeops-admin: %t", role.Name, isPart)
		}
	}
	if admin.AggregationRule == nil || admin.AggregationRule.ClusterRoleSelectors[0].MatchLabels["kubeops.io/aggregate-to-admin"] != "true" {
		t.Errorf("kubeops-admin has the rule %+v", admin.AggregationRule)
	}
}

func allows(role *rbacv1.ClusterRole, resource, verb string) bool {
	return slices.ContainsFunc(role.Rules, func(r rbacv1.PolicyRule) bool {
		return slices.Contains(r.APIGroups, v1alpha1.Group) && slices.Contains(r.Resources, resource) && slices.Contains(r.Verbs, verb)
	})
}

// userRoles of config/rbac by name.
func userRoles(t *testing.T) map[string]*rbacv1.ClusterRole {
	t.Helper()
	roles := map[string]*rbacv1.ClusterRole{}
	for _, object := range decodeAll(t, "user_roles.yaml", read(t, "../config/rbac/user_roles.yaml")) {
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
		if err != nil {
			t.Fatal(err)
		}
		role := &rbacv1.ClusterRole{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, role); err != nil {
			t.Fatal(err)
		}
		roles[role.Name] = role
	}
	for _, name := range []string{"kubeops-viewer", "kubeops-editor", "kubeops-approver", "kubeops-admin"} {
		if roles[name] == nil {
			t.Fatalf("there is no ClusterRole %s", name)
		}
	}
	return roles
}

// crds of KubeOps.
func crds(t *testing.T) (all []*apiextensionsv1.CustomResourceDefinition) {
	t.Helper()
	files, err := filepath.Glob("../config/crd/bases/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no CRDs: %v", err)
	}
	for _, file := range files {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(read(t, file), crd); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, crd)
	}
	return all
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
