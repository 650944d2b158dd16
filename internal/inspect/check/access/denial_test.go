package access

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pods is what the API server says about Pods.
const pods = `User "system:serviceaccount:shop:cart" cannot list resource "pods" in API group "" in the namespace "shop"`

func TestDenialsAreReadFromLinesOfAllLanguages(t *testing.T) {
	list := Denial{Namespace: "shop", Account: "cart", Verb: "list", Resource: "pods", Scope: "shop"}
	scale := Denial{Namespace: "ops", Account: "keda.operator", Verb: "patch", Group: "apps", Resource: "deployments/scale", Name: "web",
		Scope: "shop"}
	for name, tc := range map[string]struct {
		text string
		want Denial
	}{
		"client-go":      {`failed to list *v1.Pod: pods is forbidden: ` + pods, list},
		"kubectl":        {`Error from server (Forbidden): pods is forbidden: ` + pods, list},
		"klog structure": {`E0115 11:59:58.1 1 main.go:7] "Unhandled" err="pods is forbidden: ` + strings.ReplaceAll(pods, `"`, `\"`) + `"`, list},
		"Python client": {`HTTP response body: {"kind":"Status","message":"pods is forbidden: ` + strings.ReplaceAll(pods, `"`, `\"`) +
			`","reason":"Forbidden"}`, list},
		"Python bytes in a JSON log":    {`{"msg":"b'{\"message\":\"pods is forbidden: ` + strings.ReplaceAll(pods, `"`, `\\\"`) + `\"}'"}`, list},
		"Java":                          {`KubernetesClientException: Failure executing: GET. Message: pods is forbidden: ` + pods + ".", list},
		"JavaScript":                    {`body: '{"message":"pods is forbidden: ` + strings.ReplaceAll(pods, `"`, `\u0022`) + `"}'`, list},
		"Rust":                          {`Api(ErrorResponse { message: "pods is forbidden: ` + strings.ReplaceAll(pods, `"`, `\"`) + `", code: 403 })`, list},
		"HTML":                          {strings.ReplaceAll(pods, `"`, "&quot;"), list},
		"without resource, before 1.12": {`User "system:serviceaccount:shop:cart" cannot list pods in the namespace "shop"`, list},
		"before 1.12, with a group": {`User "system:serviceaccount:shop:cart" cannot get deployments.apps/scale at the cluster scope: no`,
			Denial{Namespace: "shop", Account: "cart", Verb: "get", Group: "apps", Resource: "deployments/scale"}},
		"named object, subresource": {`deployments.apps "web" is forbidden: User "system:serviceaccount:ops:keda.operator" cannot patch ` +
			`resource "deployments/scale" in API group "apps" in the namespace "shop"`, scale},
		"a name of something else": {`cannot sync "web" is forbidden: ` + pods, list},
		"whole cluster": {`nodes is forbidden: User "system:serviceaccount:shop:cart" cannot watch resource "nodes" in API group "" at ` +
			`the cluster scope: RBAC: clusterrole.rbac.authorization.k8s.io "x" not found`,
			Denial{Namespace: "shop", Account: "cart", Verb: "watch", Resource: "nodes"}},
		"path": {`forbidden: User "system:serviceaccount:shop:cart" cannot get path "/metrics/cadvisor"`,
			Denial{Namespace: "shop", Account: "cart", Verb: "get", Path: "/metrics/cadvisor"}},
		"the second one is whole": {`User "system:serviceaccount:shop" cannot; ` + pods, list},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := Parse(tc.text)
			if diff := cmp.Diff(tc.want, got); !ok || diff != "" {
				t.Errorf("%t (-want +got):\n%s", ok, diff)
			}
		})
	}
}

func TestOtherTextsAreNoDenials(t *testing.T) {
	for name, text := range map[string]string{
		"empty":                "",
		"a user":               `User "jane" cannot list resource "pods" in API group "" in the namespace "shop"`,
		"a node":               `User "system:node:a" cannot get resource "secrets" in API group "" in the namespace "shop"`,
		"cut off":              pods[:len(pods)-3],
		"no scope":             `User "system:serviceaccount:shop:cart" cannot list resource "pods" in API group ""`,
		"a command as account": `User "system:serviceaccount:shop:$(id)" cannot list resource "pods" in API group "" at the cluster scope`,
		"all verbs":            `User "system:serviceaccount:shop:cart" cannot * resource "pods" in API group "" in the namespace "shop"`,
		"all paths":            `User "system:serviceaccount:shop:cart" cannot get path "/*"`,
		"a command as verb":    `User "system:serviceaccount:shop:cart" cannot l;s resource "pods" in API group "" at the cluster scope`,
		"a quote as namespace": `User "system:serviceaccount:shop:cart" cannot list resource "pods" in API group "" in the namespace "'"`,
		"an escape as path":    "User \"system:serviceaccount:shop:cart\" cannot get path \"/\x1b[31m\"",
		"other admission":      `pods "a" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1`,
	} {
		if got, ok := Parse(text); ok {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestLongLinesAreBounded(t *testing.T) {
	if _, ok := Parse(strings.Repeat("x", maxText) + pods); ok {
		t.Error("more than the limit was read")
	}
	if _, ok := Parse(strings.Repeat(`\`, maxText)); ok {
		t.Error("backslashes are a denial")
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{pods, strings.ReplaceAll(pods, `"`, `\\\"`), `User "system:serviceaccount:a:b" cannot get path "/x"`,
		`deployments.apps "w" is forbidden: User "system:serviceaccount:a:b" cannot get deployments.apps/scale at the cluster scope`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, ok := Parse(text)
		if !ok {
			return
		}
		for _, value := range []string{d.Verb + d.Resource + d.Path, d.Namespace + d.Account, d.Name + d.Scope + d.Group} {
			if strings.ContainsAny(value, "\"'`\\ \n\x1b$;") {
				t.Errorf("%q became %+v", text, d)
			}
		}
		if d.Namespace == "" || d.Account == "" || d.Verb == "" || (d.Resource == "") == (d.Path == "") {
			t.Errorf("%q became %+v", text, d)
		}
	})
}
