package controllers

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit"
)

// policyUsers are, in namespace team: writer can write the resources of KubeOps, named can also impersonate kubeops, and editor has
// what the role edit contains.
func policyUsers(t *testing.T) *cluster {
	t.Helper()
	c := newCluster(t)
	c.team("team", "kubeops")
	c.create(&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "as-kubeops"}, Rules: []rbacv1.PolicyRule{
		{
			APIGroups: []string{""}, Resources: []string{"serviceaccounts"}, ResourceNames: []string{"kubeops"},
			Verbs: []string{"impersonate"},
		},
	}})
	for _, grant := range [][2]string{
		{"writer", "kubeops-editor"}, {"named", "kubeops-editor"}, {"named", "as-kubeops"}, {"editor", "kubeops-editor"},
		{"editor", "system:aggregate-to-edit"}, // a controller adds it to edit, which does not run here
	} {
		c.create(&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: grant[0] + "-" + strings.ReplaceAll(grant[1], ":", "-")},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: grant[0]}},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: grant[1]},
		})
	}
	c.eventually("the policy is active", func(ctx context.Context) error {
		err := c.user("writer").Create(ctx, &v1alpha1.Inspection{ObjectMeta: metav1.ObjectMeta{Namespace: "team", GenerateName: "x-"}})
		if !apierrors.IsForbidden(err) {
			return fmt.Errorf("got %w", err)
		}
		return nil
	})
	return c
}

// user is a client of an authenticated user.
func (c *cluster) user(name string) client.Client {
	c.t.Helper()
	config := rest.CopyConfig(c.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: []string{"system:authenticated"}}
	result, err := client.New(config, client.Options{Scheme: c.scheme})
	if err != nil {
		c.t.Fatal(err)
	}
	return result
}

// TestThePolicyOfServiceAccounts checks who may write a spec that acts as a ServiceAccount.
func TestThePolicyOfServiceAccounts(t *testing.T) {
	c := policyUsers(t)
	content, err := os.ReadFile("testdata/accounts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range testkit.Manifests(t, "testdata/accounts.yaml", content) {
		create := func(user, account string) error {
			named := u.DeepCopy()
			if account != "" {
				if err := unstructured.SetNestedField(named.Object, account, "spec", "serviceAccountName"); err != nil {
					t.Fatal(err)
				}
			}
			return c.user(user).Create(t.Context(), named, client.DryRunAll)
		}
		patch := func(user, patch string) error {
			return c.user(user).Patch(t.Context(), u.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(patch)))
		}
		check := func(what, deniedAccount string, err error) {
			t.Helper()
			want := "cannot impersonate ServiceAccount team/" + deniedAccount + ", which this " + u.GetKind() + " acts as"
			switch {
			case deniedAccount == "" && err != nil:
				t.Errorf("%s, %s: %v", u.GetKind(), what, err)
			case deniedAccount != "" && (!apierrors.IsForbidden(err) || !strings.Contains(err.Error(), want)):
				t.Errorf("%s, %s: got %v, want %q", u.GetKind(), what, err, want)
			}
		}
		check("the default account", "kubeops", create("writer", ""))
		check("another account", "power", create("writer", "power"))
		check("an account beside the granted one", "power", create("named", "power"))
		check("the granted account", "", create("named", "kubeops"))
		check("the default account, granted", "", create("named", ""))
		check("any account, with edit", "", create("editor", "power"))

		c.create(u)
		check("changed account", "power", patch("writer", `{"spec":{"serviceAccountName":"power"}}`))
		check("changed spec", "kubeops", patch("writer", `{"spec":{"suspend":true}}`))
		check("changed label", "", patch("writer", `{"metadata":{"labels":{"a":"b"}}}`))
		check("changed finalizers", "", patch("writer", `{"metadata":{"finalizers":["example.com/a"]}}`))
		check("requested run", "", patch("writer", `{"metadata":{"annotations":{"`+v1alpha1.AnnotationRequestedAt+`":"now"}}}`))
		check("changed spec, with edit", "", patch("editor", `{"spec":{"suspend":true}}`))
	}
}
