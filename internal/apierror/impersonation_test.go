package apierror_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kubeops.io/kubeops/internal/apierror"
)

// TestARefusedImpersonationNamesTheMissingPermission has the messages of Kubernetes 1.37, where account is what an Inspection names.
func TestARefusedImpersonationNamesTheMissingPermission(t *testing.T) {
	const manager = `User "system:serviceaccount:kubeops-system:kubeops-manager" cannot `
	refusal := func(message string) error {
		return fmt.Errorf("list: %w", apierrors.NewForbidden(schema.GroupResource{Resource: "x"}, "", errors.New(message)))
	}
	for name, tc := range map[string]struct {
		err     error
		account string
		want    []string // parts of the message; none for an error that is no refusal
	}{
		"another error": {errors.New(manager + `impersonate resource "serviceaccounts" in API group ""`), "checker", nil},
		"an account without permission": {
			refusal(`User "system:serviceaccount:team:kubeops" cannot list resource "pods" in API group ""`), "", nil,
		},
		"a name that contains impersonate": {refusal(`User "impersonate" cannot list resource "pods" in API group ""`), "", nil},
		"an account, constrained": {
			refusal(manager + `impersonate:serviceaccount resource "serviceaccounts" in API group "authentication.k8s.io"`),
			"checker", []string{
				"the manager cannot impersonate ServiceAccount team/checker (RBAC). Add the name to resourceNames of ClusterRole " +
					"kubeops-manager-impersonation, or of the Role of this name in the namespace if the manager serves single ones: " +
					"kubectl patch clusterrole kubeops-manager-impersonation --type=json " +
					`-p='[{"op":"add","path":"/rules/0/resourceNames/-","value":"checker"}]'`,
			},
		},
		"an account, in Kubernetes 1.35": {
			refusal(manager + `impersonate resource "serviceaccounts" in API group "" in the namespace "team"`), "checker", []string{
				"the manager cannot impersonate ServiceAccount team/checker", "also needs config/components/plain-impersonation",
				"kubectl patch clusterrole",
			},
		},
		"a name that a shell would misread": {
			refusal(manager + `impersonate resource "serviceaccounts" in API group "" in the namespace "team"`), "x';reboot'", []string{
				"Add the name to resourceNames",
			},
		},
		"a list": {
			refusal(manager + `impersonate-on:serviceaccount:list resource "widgets" in API group "example.com"`), "kubeops", []string{
				"the manager cannot list widgets.example.com as ServiceAccount team/kubeops (RBAC)",
				"kubectl create clusterrole kubeops-manager-impersonation-widgets.example.com ", " --resource=widgets.example.com --dry-run=client -o yaml | kubectl auth reconcile -f - && ",
				"--serviceaccount=kubeops-system:kubeops-manager",
			},
		},
		"a subresource": {
			refusal(manager + `impersonate-on:serviceaccount:get resource "widgets/log" in API group "example.com"`), "kubeops",
			[]string{"cannot get widgets.example.com/log as", "clusterrole kubeops-manager-impersonation-widgets.example.com-log "},
		},
		"a Secret": {
			refusal(manager + `impersonate-on:serviceaccount:get resource "secrets" in API group "" in the namespace "team"`), "kubeops",
			[]string{"the manager cannot get secrets as", "--clusterrole=kubeops-manager-impersonation-secrets "},
		},
		"a write": {
			refusal(manager + `impersonate-on:serviceaccount:patch resource "secrets" in API group "" in the namespace "team"`), "kubeops",
			[]string{"the manager cannot patch secrets as", "Install config/components/exports"},
		},
		"a path": {
			refusal(manager + `impersonate-on:serviceaccount:get path "/version"`), "kubeops",
			[]string{"the manager cannot get /version as", "--clusterrole=kubeops-manager-impersonation-discovery "},
		},
	} {
		t.Run(name, func(t *testing.T) {
			refused, ok := apierror.ImpersonationRefused(tc.err)
			if ok != (len(tc.want) > 0) {
				t.Fatalf("refused is %v: %+v", ok, refused)
			}
			if !ok {
				return
			}
			message := refused.Message("team", tc.account)
			for _, want := range tc.want {
				if !strings.Contains(message, want) {
					t.Errorf("%q is not in %q", want, message)
				}
			}
			if strings.Contains(message, "reboot") && strings.Contains(message, "kubectl") {
				t.Errorf("a command with the name: %s", message)
			}
		})
	}
}
