package controllers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
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
	return decodeAll(t, output)
}

func decodeAll(t *testing.T, content []byte) (objects []client.Object) {
	t.Helper()
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096); ; {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, object)
	}
}

// team creates a namespace with a ServiceAccount and the role of inspections in the whole cluster.
func (c *cluster) team(namespace, account string) {
	c.t.Helper()
	c.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	c.create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: account}})
	c.bind(namespace, account, "kubeops-inspector")
}

// waitForReason waits until Ready of an Inspection is False for a reason, and returns the message.
func (c *cluster) waitForReason(key client.ObjectKey, reason string) (message string) {
	c.t.Helper()
	c.eventually("reason "+reason, func(ctx context.Context) error {
		i := &v1alpha1.Inspection{}
		if err := c.client.Get(ctx, key, i); err != nil {
			return err
		}
		ready := meta.FindStatusCondition(i.Status.Conditions, v1alpha1.ConditionReady)
		if ready == nil || ready.Reason != reason {
			return fmt.Errorf("%+v", ready)
		}
		message = ready.Message
		return nil
	})
	return message
}

// TestTheTokenOfTheManagerIsOfLittleUse makes requests with the token of the manager. The account kubeops is an administrator of
// the cluster here, so that what is refused is refused to the manager.
func TestTheTokenOfTheManagerIsOfLittleUse(t *testing.T) {
	c := newCluster(t)
	c.team("team", "kubeops")
	c.bind("team", "kubeops", "cluster-admin")
	c.team("power", "other")
	c.bind("power", "other", "cluster-admin")
	const account = "system:serviceaccount:team:kubeops"
	list := metav1.ListOptions{}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}},
	}
	pods := func(ctx context.Context, k kubernetes.Interface) error {
		return ignore(k.CoreV1().Pods("").List(ctx, list))
	}
	secrets := func(ctx context.Context, k kubernetes.Interface) error {
		return ignore(k.CoreV1().Secrets("").List(ctx, list))
	}
	remove := metav1.DeleteOptions{}
	for name, tc := range map[string]struct {
		as      rest.ImpersonationConfig
		request func(context.Context, kubernetes.Interface) error
		allowed bool
	}{
		"lists Pods as kubeops": {rest.ImpersonationConfig{UserName: account}, pods, true},
		"lists ConfigMaps as kubeops": {rest.ImpersonationConfig{UserName: account}, func(ctx context.Context, k kubernetes.Interface) error {
			return ignore(k.CoreV1().ConfigMaps("").List(ctx, list))
		}, true},
		"lists Pods as itself":    {rest.ImpersonationConfig{}, pods, false},
		"lists Secrets as itself": {rest.ImpersonationConfig{}, secrets, false},
		"lists Secrets as another account": {
			rest.ImpersonationConfig{UserName: "system:serviceaccount:power:other"}, secrets, false,
		},
		"lists Pods as another account": {rest.ImpersonationConfig{UserName: "system:serviceaccount:power:other"}, pods, false},
		"lists Pods as a controller": {
			rest.ImpersonationConfig{UserName: "system:serviceaccount:kube-system:generic-garbage-collector"}, pods, false,
		},
		"lists Pods as a user": {rest.ImpersonationConfig{UserName: "admin"}, pods, false},
		"lists Pods as a node": {rest.ImpersonationConfig{UserName: "system:node:n"}, pods, false},
		"lists Pods as kubeops of another group": {
			rest.ImpersonationConfig{UserName: account, Groups: []string{"system:masters"}}, pods, false,
		},
		"creates a Pod as kubeops": {rest.ImpersonationConfig{UserName: account}, func(ctx context.Context, k kubernetes.Interface) error {
			return ignore(k.CoreV1().Pods("team").Create(ctx, pod, metav1.CreateOptions{}))
		}, false},
		"deletes a Pod as kubeops": {rest.ImpersonationConfig{UserName: account}, func(ctx context.Context, k kubernetes.Interface) error {
			return k.CoreV1().Pods("team").Delete(ctx, "p", remove)
		}, false},
		"deletes a Secret as kubeops": {rest.ImpersonationConfig{UserName: account}, func(ctx context.Context, k kubernetes.Interface) error {
			return k.CoreV1().Secrets("team").Delete(ctx, "s", remove)
		}, false},
		"patches a Secret as kubeops": {rest.ImpersonationConfig{UserName: account}, func(ctx context.Context, k kubernetes.Interface) error {
			return ignore(k.CoreV1().Secrets("team").Patch(ctx, "s", types.MergePatchType, []byte("{}"), metav1.PatchOptions{}))
		}, false},
		"deletes ClusterRoles as kubeops": {rest.ImpersonationConfig{UserName: account}, func(ctx context.Context, k kubernetes.Interface) error {
			return k.RbacV1().ClusterRoles().DeleteCollection(ctx, remove, list)
		}, false},
		"watches Pods as kubeops": {rest.ImpersonationConfig{UserName: account}, func(ctx context.Context, k kubernetes.Interface) error {
			return ignore(k.CoreV1().Pods("").Watch(ctx, list))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			config := c.as(operatorNamespace, "kubeops-manager")
			config.Impersonate = tc.as
			clients, err := kubernetes.NewForConfig(config)
			if err != nil {
				t.Fatal(err)
			}
			err = tc.request(t.Context(), clients)
			if tc.allowed && err != nil || !tc.allowed && !apierrors.IsForbidden(err) {
				t.Errorf("allowed is %v, got %v", tc.allowed, err)
			}
		})
	}
}

// ignore the result of a request.
func ignore[T any](_ T, err error) error { return err }

// TestAnAccountThatTheManagerCannotImpersonate runs the command of the condition.
func TestAnAccountThatTheManagerCannotImpersonate(t *testing.T) {
	c := newCluster(t)
	c.team("team", "checker")
	c.startManager(prometheus.NewRegistry())
	c.create(&v1alpha1.Inspection{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "all"}, Spec: v1alpha1.InspectionSpec{ServiceAccountName: "checker"},
	})
	message := c.waitForReason(client.ObjectKey{Namespace: "team", Name: "all"}, v1alpha1.ReasonImpersonationForbidden)
	command := regexp.MustCompile(`kubectl patch clusterrole (\S+) --type=json -p='(.*)'`).FindStringSubmatch(message)
	if !strings.Contains(message, "ServiceAccount team/checker") || command == nil {
		t.Fatal(message)
	}
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: command[1]}}
	if err := c.client.Patch(t.Context(), role, client.RawPatch(types.JSONPatchType, []byte(command[2]))); err != nil {
		t.Fatal(err)
	}
	c.eventually("the role takes effect", func(ctx context.Context) error { // the authorizer of the API server watches roles
		config := c.as(operatorNamespace, "kubeops-manager")
		config.Impersonate.UserName = "system:serviceaccount:team:checker"
		clients, err := kubernetes.NewForConfig(config)
		if err != nil {
			return err
		}
		return ignore(clients.CoreV1().Pods("").List(ctx, metav1.ListOptions{}))
	})
	c.request("now")
	for _, gap := range c.waitForReport("", "request").Gaps {
		if gap.Source != "secrets" {
			t.Errorf("%+v", gap)
		}
	}
}

// TestACheckOfResourcesThatTheManagerIsNotGranted names the grant in a gap, and reads kinds of the inspector's role.
func TestACheckOfResourcesThatTheManagerIsNotGranted(t *testing.T) {
	c := newCluster(t)
	c.team("team", "kubeops")
	c.startManager(prometheus.NewRegistry())
	check := func(id, group, version, resource string) v1alpha1.CustomCheck {
		return v1alpha1.CustomCheck{
			ID: id, Resource: v1alpha1.CustomResource{Group: group, Version: version, Resource: resource}, Expression: "true", Message: "wrong",
		}
	}
	c.create(&v1alpha1.Inspection{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "all"}, Spec: v1alpha1.InspectionSpec{CustomChecks: []v1alpha1.CustomCheck{
			check("of-leases", "coordination.k8s.io", "", "leases"), check("of-roles", "rbac.authorization.k8s.io", "v1", "roles"),
		}},
	})
	report := c.waitForReport("", "generation")
	found := false
	for _, gap := range report.Gaps {
		switch gap.Source {
		case "secrets":
		case "leases.coordination.k8s.io":
			found = true
			for _, want := range []string{
				"--verb=impersonate-on:serviceaccount:get,impersonate-on:serviceaccount:list --resource=leases.coordination.k8s.io",
				"--serviceaccount=kubeops-system:kubeops-manager",
			} {
				if !strings.Contains(gap.Remediation, want) {
					t.Errorf("%q is not in %q", want, gap.Remediation)
				}
			}
		default:
			t.Errorf("%+v", gap)
		}
	}
	if !found {
		t.Errorf("no gap of the Leases: %+v", report.Gaps)
	}
}

// TestThePolicyOfServiceAccounts checks who may write a spec that acts as a ServiceAccount.
func TestThePolicyOfServiceAccounts(t *testing.T) {
	c := newCluster(t)
	c.team("team", "kubeops")
	grant := func(user, role string) {
		c.create(&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: user + "-" + strings.ReplaceAll(role, ":", "-")},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		})
	}
	c.create(&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "as-kubeops"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"serviceaccounts"}, ResourceNames: []string{"kubeops"}, Verbs: []string{"impersonate"}},
	}})
	for _, user := range []string{"writer", "named", "editor"} {
		grant(user, "kubeops-editor")
	}
	grant("named", "as-kubeops")
	grant("editor", "system:aggregate-to-edit") // a controller adds it to edit, which does not run here
	as := func(user string) client.Client {
		config := rest.CopyConfig(c.config)
		config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:authenticated"}}
		result, err := client.New(config, client.Options{Scheme: c.scheme})
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	c.eventually("the policy is active", func(ctx context.Context) error {
		err := as("writer").Create(ctx, &v1alpha1.Inspection{ObjectMeta: metav1.ObjectMeta{Namespace: "team", GenerateName: "x-"}})
		if !apierrors.IsForbidden(err) {
			return fmt.Errorf("got %w", err)
		}
		return nil
	})
	content, err := os.ReadFile("testdata/accounts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range decodeAll(t, content) {
		u := object.(*unstructured.Unstructured)
		create := func(user, account string) error {
			named := u.DeepCopy()
			if account != "" {
				if err := unstructured.SetNestedField(named.Object, account, "spec", "serviceAccountName"); err != nil {
					t.Fatal(err)
				}
			}
			return as(user).Create(t.Context(), named, client.DryRunAll)
		}
		denied := func(what, account string, err error) {
			t.Helper()
			want := "cannot impersonate ServiceAccount team/" + account + ", which this " + u.GetKind() + " acts as (spec.serviceAccountName)"
			if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s, %s: got %v, want %q", u.GetKind(), what, err, want)
			}
		}
		allowed := func(what string, err error) {
			t.Helper()
			if err != nil {
				t.Errorf("%s, %s: %v", u.GetKind(), what, err)
			}
		}
		denied("the default account", "kubeops", create("writer", ""))
		denied("another account", "power", create("writer", "power"))
		denied("an account beside the granted one", "power", create("named", "power"))
		allowed("the granted account", create("named", "kubeops"))
		allowed("the default account, granted", create("named", ""))
		allowed("any account, with edit", create("editor", "power"))

		c.create(u)
		patch := func(user, patch string) error {
			return as(user).Patch(t.Context(), u.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(patch)))
		}
		denied("changed account", "power", patch("writer", `{"spec":{"serviceAccountName":"power"}}`))
		denied("changed spec", "kubeops", patch("writer", `{"spec":{"suspend":true}}`))
		allowed("changed label", patch("writer", `{"metadata":{"labels":{"a":"b"}}}`))
		allowed("changed finalizers", patch("writer", `{"metadata":{"finalizers":["example.com/a"]}}`))
		allowed("requested run", patch("writer", `{"metadata":{"annotations":{"`+v1alpha1.AnnotationRequestedAt+`":"now"}}}`))
		allowed("changed spec, with edit", patch("editor", `{"spec":{"suspend":true}}`))
	}
}

// TestKubernetesWithoutConstrainedImpersonation is Kubernetes 1.35 in this respect.
func TestKubernetesWithoutConstrainedImpersonation(t *testing.T) {
	const flag = "feature-gates=ConstrainedImpersonation=false"
	t.Run("with the roles for it", func(t *testing.T) {
		c := newClusterWith(t, kustomize(t, "../../config/rbac, ../../config/admission", "../../config/components/plain-impersonation"), flag)
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

// TestAManagerOfSingleNamespaces has bindings in namespace team only.
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
	for _, binding := range kustomize(t, "../../config/tenant", "") {
		binding.SetNamespace("team")
		c.create(binding)
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
	if err := c.client.Get(t.Context(), client.ObjectKey{Namespace: "other", Name: "all"}, ignored); err != nil || len(ignored.Status.Conditions) > 0 {
		t.Errorf("%+v, %v", ignored.Status.Conditions, err)
	}
}

// TestTheManagerActsAsTheInspectorReads compares the roles: a kind that inspections read needs both.
func TestTheManagerActsAsTheInspectorReads(t *testing.T) {
	rules := map[string][]string{}
	for _, object := range manifests(t, "rbac") {
		role := &rbacv1.ClusterRole{}
		if object.GetObjectKind().GroupVersionKind().Kind != "ClusterRole" {
			continue
		}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.(*unstructured.Unstructured).Object, role); err != nil {
			t.Fatal(err)
		}
		for _, rule := range role.Rules {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					rules[role.Name] = append(rules[role.Name], strings.TrimPrefix(verb, "impersonate-on:serviceaccount:")+" "+resource+"."+rule.APIGroups[0])
				}
			}
		}
		slices.Sort(rules[role.Name])
	}
	want := append(rules["kubeops-inspector"], "impersonate:serviceaccount serviceaccounts.authentication.k8s.io")
	slices.Sort(want)
	if diff := cmp.Diff(want, rules["kubeops-manager-impersonation"]); diff != "" {
		t.Error(diff)
	}
	for _, rule := range rules["kubeops-inspector-secrets"] {
		if !slices.Contains(rules["kubeops-manager-impersonation-secrets"], rule) {
			t.Errorf("the manager cannot %s", rule)
		}
	}
}
