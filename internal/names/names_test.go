package names_test

import (
	"strings"
	"testing"
	"unicode"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/problem"
)

// hostile are values that would lead to another path, command, selector or line.
func hostile() []string {
	return []string{
		"", ".", "..", "../../shop/serviceaccounts/kubeops", "x/y", "x%2fy", "x%00", "x y", "x\ny", "x\x00y", "X", "-x", "x-", "x..y",
		"x?watch=true", "x#y", "x;id", "$(id)", "x\u202ey", "\u00e9", "x\u2215y", strings.Repeat("a", 254), "*",
		"../../../../../apis/kubeops.io/v1alpha1/namespaces/shop/inspections/everything",
	}
}

func TestNamesThatLeadElsewhereAreRefused(t *testing.T) {
	for _, value := range hostile() {
		for kind, err := range map[string]error{
			"object":    names.Object("spec.serviceAccountName", "ServiceAccount", value),
			"namespace": names.Namespace("spec.namespaces[0]", value),
		} {
			if problem.As(err) == nil {
				t.Errorf("%s %q is accepted", kind, value)
			}
		}
	}
	for _, value := range []string{"", ".", "..", "../x", "a/b", "a b", "a%2f"} {
		if names.SecretKey("spec.auth.apiKey.key", value) == nil {
			t.Errorf("key %q is accepted", value)
		}
	}
	for _, value := range []string{"", "a/b/c", "a b", "/a", "a\n"} {
		if names.Label("spec.grafana.labels", value, "") == nil || value != "" && names.Label("spec.grafana.labels", "app", value) == nil {
			t.Errorf("label %q is accepted", value)
		}
	}
}

func TestOrdinaryNamesAreAccepted(t *testing.T) {
	for _, value := range []string{"a", "kubeops", "team-1.example.com", strings.Repeat("a", 253), "0"} {
		if err := names.Object("spec.metricsRef.name", "MetricsBackend", value); err != nil {
			t.Error(err)
		}
	}
	for _, err := range []error{
		names.Namespace("spec.namespaces[0]", "2nd-team"), names.SecretKey("spec.tls.ca.key", "Ca_bundle.CRT"),
		names.Label("spec.grafana.labels", "example.com/team", "A_1"), names.Segments("", "system:node"),
	} {
		if err != nil {
			t.Error(err)
		}
	}
}

func TestTheMessageNamesTheFieldAndAPrintableClippedValue(t *testing.T) {
	p := problem.As(names.Object("spec.auth.basic", "Secret", "x/\x1b[31m\u202e\n"+strings.Repeat("y", 10_000)))
	if p == nil || p.Reason != v1alpha1.ReasonInvalidSpec || p.Action != problem.UserMustAct {
		t.Fatalf("%+v", p)
	}
	if !strings.HasPrefix(p.Message, `spec.auth.basic: "x/\x1b[31m\u202e\n`) || !strings.Contains(p.Message, "name of a Secret") {
		t.Error(p.Message)
	}
	if len(p.Message) > 512 || strings.ContainsFunc(p.Message, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("%d characters: %q", len(p.Message), p.Message)
	}
}

func FuzzANameIsOneSegmentOfAPath(f *testing.F) {
	for _, value := range hostile() {
		f.Add(value)
	}
	f.Add("kubeops")
	f.Fuzz(func(t *testing.T, value string) {
		for _, err := range []error{
			names.Object("f", "Secret", value), names.Namespace("f", value), names.SecretKey("f", value), names.Segments("", value),
		} {
			if err == nil && (value == "" || value == "." || value == ".." || strings.ContainsAny(value, "/%")) {
				t.Errorf("%q is accepted", value)
			}
			if p := problem.As(err); err != nil && (p == nil || strings.ContainsFunc(p.Message, func(r rune) bool { return !unicode.IsPrint(r) })) {
				t.Errorf("%q: %v", value, err)
			}
		}
	})
}

func TestAnEntryOfAListOfNamespacesIsANameOrAGlob(t *testing.T) {
	for _, entry := range []string{"shop", "shop-*", "*", "team-?", "team-[0-9]", "team-[^a]"} {
		if err := names.Namespaces("spec.namespaces[0]", entry); err != nil {
			t.Error(err)
		}
	}
	for _, entry := range []string{"", "Shop*", "a/*", "a[", "..*", "a b*", strings.Repeat("a", 63) + "*", "a\\*"} {
		if p := problem.As(names.Namespaces("spec.namespaces[0]", entry)); p == nil || p.Reason != v1alpha1.ReasonInvalidSpec {
			t.Errorf("%q is accepted", entry)
		}
	}
}
