package inspect

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/utils/clock"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/manifests"
	"kubeops.io/kubeops/internal/testkit"
)

const bareWorkload = `apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec:
      containers:
      - name: cart
        image: registry.example.com/cart:1
        env: [{name: TOKEN, valueFrom: {secretKeyRef: {name: login, key: tokn}}}]
---
`

// TestWhatFilesLackIsToldIfItCannotBeElsewhere of what the files say, with and without Complete.
func TestWhatFilesLackIsToldIfItCannotBeElsewhere(t *testing.T) {
	secret := func(rest string) string {
		return "apiVersion: v1\nkind: Secret\nmetadata: {name: login, namespace: shop}\n" + rest + "\n"
	}
	binding := func(role string) string {
		return "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: robots}\n" +
			"roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: \"" + role + "\"}\n" +
			"subjects: [{kind: ServiceAccount, name: robot, namespace: shop}]\n"
	}
	for name, tc := range map[string]struct {
		documents string
		complete  bool
		check     string
		want      string
	}{
		"a Secret with another key": {bareWorkload + secret("stringData: {token: x}"), true, "secret-key-missing",
			"Secret login has no key tokn; Deployment cart needs it (env TOKEN of container cart)."},
		"a Secret with it":                      {bareWorkload + secret("data: {tokn: eA==}"), true, "secret-key-missing", ""},
		"a Secret that something fills":         {bareWorkload + secret(""), true, "secret-key-missing", ""},
		"a token, whose keys are added":         {bareWorkload + secret("type: kubernetes.io/service-account-token\ndata: {extra: eA==}"), true, "secret-key-missing", ""},
		"a role that no file has":               {binding("shop-reader"), true, "rbac-binding-role-missing", "ClusterRoleBinding robots refers to ClusterRole shop-reader, which does not exist: it grants nothing."},
		"a role that may be elsewhere":          {binding("shop-reader"), false, "rbac-binding-role-missing", ""},
		"a role that Kubernetes ships":          {binding("view"), true, "rbac-binding-role-missing", ""},
		"a role of the control plane":           {binding("system:node-reader"), true, "rbac-binding-role-missing", ""},
		"no requests, and no complete files":    {bareWorkload, false, "qos-best-effort", "Deployment cart sets neither requests nor limits: its Pods are the first to be evicted under memory pressure."},
		"no requests, which a LimitRange fills": {bareWorkload + "apiVersion: v1\nkind: LimitRange\nmetadata: {name: d, namespace: shop}\nspec: {limits: [{type: Container, defaultRequest: {cpu: 1, memory: 1Gi}}]}\n", false, "qos-best-effort", ""},
	} {
		t.Run(name, func(t *testing.T) {
			read, err := manifests.Read(t.Context(), []string{"-"}, manifests.Options{
				Now: testkit.Now(), Stdin: strings.NewReader(tc.documents), Complete: tc.complete,
			})
			if err != nil {
				t.Fatal(err)
			}
			selected, err := check.Select(checks.Builtin(), []string{tc.check}, nil)
			if err != nil {
				t.Fatal(err)
			}
			var said []string
			for _, f := range Manifests(ManifestsInput{
				Read: read, Checks: selected, Params: check.DefaultParams(), Clock: clock.RealClock{}, Start: testkit.Now(),
				Redact: func(text string) string { return text },
			}).Findings {
				said = append(said, f.Message)
			}
			if want := strings.Fields(tc.want); len(said) != min(len(want), 1) || len(want) > 0 && !slices.Equal(said, []string{tc.want}) {
				t.Errorf("said %q, want %q", said, tc.want)
			}
		})
	}
}
