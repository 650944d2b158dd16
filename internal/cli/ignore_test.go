package cli

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/source"
	"kubeops.io/kubeops/internal/text"
)

func TestExpiryIsADurationOrADate(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]string{
		"":                          "never",
		"30d":                       "2026-12-28T12:00:00Z",
		"12h":                       "2026-11-29T00:00:00Z",
		"1h30m":                     "2026-11-28T13:30:00Z",
		"2026-12-31":                "2027-01-01T00:00:00Z",
		"2026-11-28":                "2026-11-29T00:00:00Z",
		"2026-12-31T18:00:00+02:00": "2026-12-31T16:00:00Z",
		"2026-11-27":                "error",
		"0d":                        "error",
		"-1d":                       "error",
		"99999999999999999999d":     "error",
		"soon":                      "error",
		"31.12.2026":                "error",
	} {
		expires, err := parseExpires(value, now)
		got := "never"
		switch {
		case err != nil:
			got = "error"
		case expires != nil:
			got = expires.UTC().Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("%q is %s (%v), want %s", value, got, err, want)
		}
	}
}

func FuzzExpires(f *testing.F) {
	for _, value := range []string{"30d", "12h", "2026-12-31", "2026-12-31T18:00:00Z", "-1d", "9999999999h"} {
		f.Add(value)
	}
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value string) {
		expires, err := parseExpires(value, now)
		if err == nil && expires != nil && expires.Time.Before(now) {
			t.Errorf("%q is %s", value, expires)
		}
	})
}

func TestARuleMatchesTheFindingAlsoWithCharactersOfGlobs(t *testing.T) {
	for _, name := range []string{"cart", "system:node", "a*b", "a[b]", "a?b", `a\b`} {
		f := v1alpha1.Finding{Check: "c", Object: v1alpha1.ObjectReference{Kind: "ClusterRole", Name: name}}
		rule := ruleOf(f, "why", nil)
		if !text.Match(rule.Name, name) || text.Match(rule.Name, "aXb") {
			t.Errorf("%q: rule %q", name, rule.Name)
		}
	}
}

func TestFindingsAreFoundByIDPrefixAndAsPrinted(t *testing.T) {
	finding := func(id, check, kind, namespace, name string) v1alpha1.Finding {
		return v1alpha1.Finding{ID: id, Check: check, Object: v1alpha1.ObjectReference{Kind: kind, Namespace: namespace, Name: name}}
	}
	findings := []v1alpha1.Finding{
		finding("abcdef01", "check-a", "Deployment", "shop", "cart"), finding("abcdef02", "check-a", "StatefulSet", "shop", "cart"),
		finding("12345678", "node-down", "Node", "", "n1"), finding("abcd", "check-b", "Service", "shop", "cart"),
	}
	for wanted, want := range map[string]int{
		"abcdef01": 1, "abcdef": 2, "abcd": 1, "abc": 0, "1234": 1,
		"check-a/shop/cart": 2, "check-a/Deployment/shop/cart": 1, "Deployment shop/cart      check-a": 1, "check-a deployment cart": 1,
		"check-a/cart": 2, "node-down/n1": 1, "Node n1  node-down": 1, "check-a": 0, "check-a/other/cart": 0, "shop/cart": 0, "": 0, "/": 0,
	} {
		if got := len(matchFindings(findings, wanted)); got != want {
			t.Errorf("%q finds %d, want %d", wanted, got, want)
		}
	}
}

func TestTheOwnerOfAManifestIsNamed(t *testing.T) {
	manager := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl"}, {Manager: name}}}
	}
	for want, meta := range map[string]metav1.ObjectMeta{
		"Flux (HelmRelease apps/shop)": {Labels: map[string]string{
			"helm.toolkit.fluxcd.io/name": "shop", "helm.toolkit.fluxcd.io/namespace": "apps", "app.kubernetes.io/managed-by": "Helm",
		}},
		"Flux (Kustomization apps)":  {Labels: map[string]string{"kustomize.toolkit.fluxcd.io/name": "apps"}},
		"Argo CD (Application apps)": {Labels: map[string]string{"argocd.argoproj.io/instance": "apps"}},
		"Helm":                       {Labels: map[string]string{"app.kubernetes.io/managed-by": "Helm"}},
		"Flux":                       manager("kustomize-controller"),
		"Argo CD":                    manager("argocd-controller"),
		"":                           manager("kubeops"),
	} {
		if got := source.Of(&meta); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
