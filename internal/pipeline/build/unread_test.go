package build

import (
	"errors"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
)

func TestWhyADefinitionCannotBeReadIsToldApart(t *testing.T) {
	forbidden := func(text string) error {
		return apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "job", errors.New(text))
	}
	const manager = `User "system:serviceaccount:kubeops-system:kubeops-manager" cannot `
	for name, tc := range map[string]struct {
		err    error
		reason string
		action problem.Action
		want   string
	}{
		"the account may not read it": {
			forbidden(`User "system:serviceaccount:team:deployer" cannot get resource "configmaps" in API group "" in the namespace "team"`),
			v1alpha1.ReasonJobDefinitionForbidden, problem.UserMustAct, "create rolebinding",
		},
		"the manager cannot act as the account": {
			forbidden(manager + `impersonate:serviceaccount resource "serviceaccounts" in API group "authentication.k8s.io"`),
			v1alpha1.ReasonImpersonationForbidden, problem.Wait, "the manager cannot impersonate ServiceAccount team/deployer",
		},
		"the manager cannot read as the account": {
			forbidden(manager + `impersonate-on:serviceaccount:get resource "configmaps" in API group ""`),
			v1alpha1.ReasonImpersonationForbidden, problem.UserMustAct, "the manager cannot get configmaps as ServiceAccount team/deployer",
		},
		"it is not there": {
			apierrors.NewNotFound(schema.GroupResource{Resource: "configmaps"}, "job"), v1alpha1.ReasonJobDefinitionNotFound, problem.Wait,
			"ConfigMap team/job does not exist",
		},
	} {
		t.Run(name, func(t *testing.T) {
			attempt := pipeline.Attempt{Namespace: "team", ServiceAccount: "deployer"}
			p := problem.As(unread(attempt, "job", tc.err))
			if p == nil || p.Reason != tc.reason || p.Action != tc.action || !strings.Contains(p.Message, tc.want) {
				t.Errorf("got %+v, want %s with %q", p, tc.reason, tc.want)
			}
		})
	}
}

func TestEachConfigMapHasARoleOfItsOwn(t *testing.T) {
	commands := map[string]bool{}
	for _, name := range []string{"job", "other", strings.Repeat("a", 253), strings.Repeat("a", 252) + "b"} {
		for _, account := range []string{"kubeops", "deployer"} {
			command := grant(pipeline.Attempt{Namespace: "team", ServiceAccount: account}, name)
			_, rest, _ := strings.Cut(command, "create rolebinding ")
			binding, rest, _ := strings.Cut(rest, " --role=")
			role, _, _ := strings.Cut(rest, " ")
			if commands[binding] || len(binding) > 253 || len(role) > 253 || !strings.Contains(command, "create role "+role+" ") {
				t.Errorf("the command is %s", command)
			}
			commands[binding] = true
		}
	}
}
