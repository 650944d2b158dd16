package render

import (
	"regexp"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
)

func TestHTMLShowsEveryFindingWithItsEvidenceAndGaps(t *testing.T) {
	text := rendered(t, "html", sample(), sampleOptions())
	for _, want := range []string{
		`aria-label="Score 37 of 100"`, "kind-shop, all namespaces", "3 problems, 2 recommendations", "Deployment shop/web", "Node worker-2",
		"Path / of shop.example leads to Service web", "MinimumReplicasUnavailable", "2026-01-15T11:59:59Z fatal: no key",
		"<code>kubectl -n shop create secret generic payments-key --from-file=token</code>", "Causes 3 other findings",
		"cannot list secrets", "secret-missing, secret-key-missing", "KubeOps v0.3.0", "2026-01-15 12:00:00 UTC", "Cluster local",
		"deploy/base files/web.yaml:12", "since 2026-01-13 12:00 UTC", `<option>team-b</option>`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not contain %q", want)
		}
	}
}

// The policy allows the embedded script and style by their hash: injected ones would not run.
func TestHTMLIsSelfContainedAndAllowsNoOtherScript(t *testing.T) {
	text := rendered(t, "html", sample(), sampleOptions())
	for _, tag := range []string{"<script", "<style"} {
		if n := strings.Count(text, tag); n != 1 {
			t.Errorf("the page has %d of %s", n, tag)
		}
	}
	for name, pattern := range map[string]string{
		"a source":           `<[^>]*\ssrc\s*=`,
		"an event handler":   `<[^>]*\son[a-z]+\s*=`,
		"a style attribute":  `<[^>]*\sstyle\s*=`,
		"an outside style":   `<link|@import|url\(`,
		"an unescaped image": `<img`,
		"a control":          "[\x00-\x08\x0b\x0c\x0e-\x1f\u202e]",
	} {
		if found := regexp.MustCompile(pattern).FindString(text); found != "" {
			t.Errorf("the page has %s: %q", name, found)
		}
	}
	for _, part := range []struct{ open, close, directive string }{
		{"<style>", "</style>", "style-src"}, {"<script>", "</script>", "script-src"},
	} {
		_, rest, _ := strings.Cut(text, part.open)
		content, _, _ := strings.Cut(rest, part.close)
		policy := strings.ReplaceAll(text[:strings.Index(text, "<title>")], "&#43;", "+")
		if want := part.directive + " &#39;" + sourceHash(content) + "&#39;"; !strings.Contains(policy, want) {
			t.Errorf("the policy does not have %s", want)
		}
	}
}

func TestHTMLWithoutFindingsClaimsCompletenessOnlyWithoutGaps(t *testing.T) {
	empty := rendered(t, "html", nothing(), Options{})
	if !strings.Contains(empty, "there are no gaps") || strings.Contains(empty, "<form") {
		t.Error("the page without findings does not say that there are no gaps, or has a filter")
	}
	report := nothing()
	report.Gaps = sample().Gaps
	text := rendered(t, "html", report, Options{})
	if strings.Contains(text, "there are no gaps") || !strings.Contains(text, "not everything could be read") {
		t.Error("the page claims that everything was read despite gaps")
	}
}

func TestFindingsInACycleOrWithoutTheirCauseAreShown(t *testing.T) {
	findings := []v1alpha1.Finding{
		{ID: "a", CausedBy: "b"}, {ID: "b", CausedBy: "a"}, {ID: "c", CausedBy: "gone"}, {ID: "d", CausedBy: "d"},
		{ID: "e", CausedBy: "c"}, {}, {},
	}
	total := 0
	for _, n := range tree(findings) {
		total += n.size()
	}
	if total != len(findings) {
		t.Errorf("the tree has %d of %d findings", total, len(findings))
	}
}
