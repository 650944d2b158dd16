package bundle

import (
	"errors"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kubeops.io/kubeops/api/v1alpha1"
)

func TestAForbiddenObjectSaysWhoForbidsIt(t *testing.T) {
	account := `user "system:serviceaccount:shop:kubeops" (groups=["system:serviceaccounts" "system:serviceaccounts:shop" "system:authenticated"])`
	for name, tc := range map[string]struct{ cause, want string }{
		"a missing permission": {`User "system:serviceaccount:shop:kubeops" cannot patch resource "roles"`, `the ServiceAccount cannot patch resource "roles" (RBAC)`},
		"more permissions than its own": {
			account + " is attempting to grant RBAC permissions not currently held:\n{APIGroups:[\"*\"], Resources:[\"*\"], Verbs:[\"*\"]}",
			"the ServiceAccount cannot grant permissions that it does not have (RBAC)",
		},
		"a webhook": {`admission webhook "policy.example.com" denied the request: no`, `admission webhook "policy.example.com" denies the object`},
		"a quota":   {"exceeded quota: small, requested: pods=1", "admission denies the object"},
	} {
		err := apierrors.NewForbidden(schema.GroupResource{Group: "rbac.authorization.k8s.io", Resource: "roles"}, "a", errors.New(tc.cause))
		target := &Target{subject: "the ServiceAccount"}
		state, message := target.describe(err, Key{GroupKind: schema.GroupKind{Kind: "Role"}, Namespace: "shop", Name: "a"})
		if state != v1alpha1.ObjectFailed || !strings.Contains(message, tc.want) {
			t.Errorf("%s: %s, %s", name, state, message)
		}
	}
}
