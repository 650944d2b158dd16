package dashboard

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit"
)

// kustomize renders config/default with config/dashboard, within the checkout since kustomize accepts relative paths only.
func kustomize(t *testing.T, more string) map[string]*unstructured.Unstructured {
	t.Helper()
	found, err := filepath.Glob("../../bin/kube/*/kubectl")
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
	content := "resources: [../../../config/default, ../../../config/dashboard]\n" + more
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
	objects := map[string]*unstructured.Unstructured{}
	for _, object := range testkit.Manifests(t, "kustomize", output) {
		objects[object.GetKind()+"/"+object.GetName()] = object
	}
	return objects
}

func convert[T any](t *testing.T, object *unstructured.Unstructured) (typed T) {
	t.Helper()
	if object == nil {
		t.Fatalf("there is no %T", typed)
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &typed); err != nil {
		t.Fatal(err)
	}
	return typed
}

// resourcesOf the rules of a ClusterRole about KubeOps' kinds, with their verbs.
func resourcesOf(role rbacv1.ClusterRole) map[string][]string {
	verbs := map[string][]string{}
	for _, rule := range role.Rules {
		if slices.Contains(rule.APIGroups, v1alpha1.GroupVersion().Group) {
			for _, resource := range rule.Resources {
				verbs[resource] = append(verbs[resource], rule.Verbs...)
			}
		}
	}
	return verbs
}

func TestTheShippedRolesReadWhatThePagesShow(t *testing.T) {
	objects := kustomize(t, "")
	impersonation := resourcesOf(convert[rbacv1.ClusterRole](t, objects["ClusterRole/kubeops-dashboard-impersonation"]))
	own := resourcesOf(convert[rbacv1.ClusterRole](t, objects["ClusterRole/kubeops-dashboard-namespaces"]))
	viewer := resourcesOf(convert[rbacv1.ClusterRole](t, objects["ClusterRole/"+viewerRole]))
	for _, resource := range kinds() {
		for _, verb := range []string{"get", "list", "watch"} {
			for _, as := range []string{"user-info", "serviceaccount"} {
				if !slices.Contains(impersonation[resource], "impersonate-on:"+as+":"+verb) {
					t.Errorf("the dashboard cannot %s %s as a viewer (%s)", verb, resource, as)
				}
			}
			if !slices.Contains(viewer[resource], verb) {
				t.Errorf("ClusterRole %s cannot %s %s", viewerRole, verb, resource)
			}
		}
		if lists := slices.Equal(own[resource], []string{"list"}); lists == isResult(resource) {
			t.Errorf("the dashboard itself has %v on %s", own[resource], resource)
		}
	}
	if len(impersonation) != len(kinds()) {
		t.Errorf("the role has rules for %d resources, and the pages show %d", len(impersonation), len(kinds()))
	}
	for name, object := range objects {
		if !strings.HasPrefix(name, "ClusterRole/kubeops-dashboard") {
			continue
		}
		for _, rule := range convert[rbacv1.ClusterRole](t, object).Rules {
			for _, verb := range rule.Verbs {
				mode := verb[strings.LastIndex(verb, ":")+1:]
				reads := slices.Contains([]string{"get", "list", "watch"}, mode)
				who := strings.HasPrefix(verb, "impersonate:") && slices.Equal(rule.APIGroups, []string{"authentication.k8s.io"})
				review := mode == "create" && slices.Equal(rule.Resources, []string{"selfsubjectrulesreviews"}) // it is not stored
				if !reads && !who && !review || slices.Contains(append(append(rule.APIGroups, rule.Resources...), verb), "*") {
					t.Errorf("%s has verb %s on %v", name, verb, rule.Resources)
				}
			}
		}
	}
}

func TestTheShippedDeploymentIsOfTheDashboard(t *testing.T) {
	objects := kustomize(t, "")
	deployment := convert[appsv1.Deployment](t, objects["Deployment/kubeops-dashboard"])
	service := convert[corev1.Service](t, objects["Service/kubeops-dashboard"])
	pod := deployment.Spec.Template.Spec
	container := pod.Containers[0]
	if pod.ServiceAccountName != "kubeops-dashboard" || objects["ServiceAccount/kubeops-dashboard"] == nil || container.Args[0] != "dashboard" {
		t.Errorf("ServiceAccount %s, arguments %q", pod.ServiceAccountName, container.Args)
	}
	for _, argument := range container.Args {
		if strings.Contains(argument, "insecure") {
			t.Errorf("the Deployment has argument %s", argument)
		}
	}
	if !slices.Contains(container.Args, "--bind-address=:8090") || container.Ports[0].ContainerPort != 8090 {
		t.Errorf("arguments %q and port %d", container.Args, container.Ports[0].ContainerPort)
	}
	for key, value := range service.Spec.Selector {
		if deployment.Spec.Template.Labels[key] != value {
			t.Errorf("the Service selects %s=%s, and the Pod has %v", key, value, deployment.Spec.Template.Labels)
		}
	}
	if service.Spec.Ports[0].TargetPort.StrVal != container.Ports[0].Name || container.ReadinessProbe.HTTPGet.Port.StrVal != container.Ports[0].Name {
		t.Errorf("Service %+v, probe %+v", service.Spec.Ports, container.ReadinessProbe)
	}
	for name, object := range objects { // no other account gets the dashboard's permissions, and it gets no others
		if object.GetKind() != "ClusterRoleBinding" {
			continue
		}
		binding := convert[rbacv1.ClusterRoleBinding](t, object)
		bound := slices.ContainsFunc(binding.Subjects, func(s rbacv1.Subject) bool { return s.Name == "kubeops-dashboard" })
		if bound != strings.HasPrefix(name, "ClusterRoleBinding/kubeops-dashboard-") || bound && len(binding.Subjects) != 1 {
			t.Errorf("%s binds %s to %v", name, binding.RoleRef.Name, binding.Subjects)
		}
	}
}

func TestPlainImpersonationReplacesTheRules(t *testing.T) {
	objects := kustomize(t, "components: [../../../config/dashboard/plain-impersonation]\n")
	role := convert[rbacv1.ClusterRole](t, objects["ClusterRole/kubeops-dashboard-impersonation"])
	if len(role.Rules) != 1 || !slices.Equal(role.Rules[0].Verbs, []string{"impersonate"}) {
		t.Errorf("the rules are %+v", role.Rules)
	}
}

// TestEveryKindIsShown holds the list of kinds together with the CRDs.
func TestEveryKindIsShown(t *testing.T) {
	files, err := filepath.Glob("../../config/crd/bases/kubeops.io_*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no CRDs (%v)", err)
	}
	// An Approval is a person's answer to a stage, which its run shows. A BundleInventory belongs to its bundle.
	shown := append(kinds(), "approvals", "bundleinventories")
	for _, file := range files {
		resource := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "kubeops.io_"), ".yaml")
		if !slices.Contains(shown, resource) {
			t.Errorf("the dashboard does not show %s", resource)
		}
	}
}
