package controllers

import (
	"context"
	"fmt"
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
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/outcome"
)

// team creates a namespace with a ServiceAccount and the role of inspections in the whole cluster.
func (c *cluster) team(namespace, account string) {
	c.t.Helper()
	c.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	c.create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: account}})
	c.bind(namespace, account, "kubeops-inspector")
}

// waitForReason waits until Ready of an Inspection is False for a reason, and returns the complete message.
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
		message = outcome.Explanation(i.Status.Conditions)
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
	asKubeops := rest.ImpersonationConfig{UserName: account}
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
		"lists Pods as kubeops": {asKubeops, pods, true},
		"lists ConfigMaps as kubeops": {asKubeops, func(ctx context.Context, k kubernetes.Interface) error {
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
		"creates a Pod as kubeops": {asKubeops, func(ctx context.Context, k kubernetes.Interface) error {
			return ignore(k.CoreV1().Pods("team").Create(ctx, pod, metav1.CreateOptions{}))
		}, false},
		"deletes a Pod as kubeops": {asKubeops, func(ctx context.Context, k kubernetes.Interface) error {
			return k.CoreV1().Pods("team").Delete(ctx, "p", remove)
		}, false},
		"deletes a Secret as kubeops": {asKubeops, func(ctx context.Context, k kubernetes.Interface) error {
			return k.CoreV1().Secrets("team").Delete(ctx, "s", remove)
		}, false},
		"patches a Secret as kubeops": {asKubeops, func(ctx context.Context, k kubernetes.Interface) error {
			return ignore(k.CoreV1().Secrets("team").Patch(ctx, "s", types.MergePatchType, []byte("{}"), metav1.PatchOptions{}))
		}, false},
		"deletes ClusterRoles as kubeops": {asKubeops, func(ctx context.Context, k kubernetes.Interface) error {
			return k.RbacV1().ClusterRoles().DeleteCollection(ctx, remove, list)
		}, false},
		"watches Pods as kubeops": {asKubeops, func(ctx context.Context, k kubernetes.Interface) error {
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
			ID: id, Resource: v1alpha1.CustomResource{Group: group, Version: version, Resource: resource},
			Expression: "true", Message: "wrong",
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
					verb = strings.TrimPrefix(verb, "impersonate-on:serviceaccount:")
					rules[role.Name] = append(rules[role.Name], verb+" "+resource+"."+rule.APIGroups[0])
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
