package render

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/checks"
)

func TestHTMLShowsEveryFindingWithItsEvidenceAndGaps(t *testing.T) {
	text := rendered(t, "html", sample(), sampleOptions())
	for _, want := range []string{
		`aria-label="Score 37 of 100"`, "kind-shop, all namespaces", "3 problems, 2 recommendations", "Deployment shop/web",
		"Node worker-2",
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
func TestHTMLLinksCitationsToTheirEvidence(t *testing.T) {
	text := rendered(t, "html", sample(), sampleOptions())
	for _, id := range []string{"f-aaaa-e1", "f-aaaa-spec1"} {
		if !strings.Contains(text, `href="#`+id+`"`) || !strings.Contains(text, `id="`+id+`"`) {
			t.Errorf("no link to evidence %s", id)
		}
	}
}

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
	if strings.Contains(text, "there are no gaps") || !strings.Contains(text, "Everything that was asked for was read") {
		t.Error("the page does not mention the optional gaps")
	}
	report.Gaps = incomplete().Gaps
	report.Summary.Score = nil
	report.Summary.RequiredGaps = 1
	text = rendered(t, "html", report, Options{})
	if strings.Contains(text, "there are no gaps") || !strings.Contains(text, "not everything could be read") ||
		strings.Contains(text, "of 100") || !strings.Contains(text, "Incomplete: 1 gap, no score.") {
		t.Error("the page claims that everything was read despite gaps, or has a score")
	}
}

func TestHTMLNamesTheWorstSymptomOfALessSevereProblem(t *testing.T) {
	report := nothing()
	finding := func(id, cause string, severity v1alpha1.Severity) v1alpha1.Finding {
		return v1alpha1.Finding{ID: id, CausedBy: cause, Check: "c-" + id, Class: v1alpha1.ClassProblem, Severity: severity}
	}
	report.Findings = []v1alpha1.Finding{
		finding("cause", "", v1alpha1.SeverityHigh), finding("symptom", "cause", v1alpha1.SeverityMedium),
		finding("deep", "symptom", v1alpha1.SeverityCritical),
	}
	text := rendered(t, "html", report, Options{})
	if !strings.Contains(text, `<span class="badge critical">worst: critical</span>`) ||
		!strings.Contains(text, `<li class="none">Problems</li>`) {
		t.Error("the page has no worst severity of the symptoms, or counts without a label")
	}
	report.Findings[2].Severity = v1alpha1.SeverityHigh
	if strings.Contains(rendered(t, "html", report, Options{}), "worst:") {
		t.Error("the page repeats the severity of the problem")
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

// thousand is a report with 20 problems, and recommendations of 20 checks.
func thousand(recommendations int) *v1alpha1.InspectionReport {
	report := nothing()
	all := checks.Builtin()
	var advice []string
	for _, c := range all {
		if c.ClassOrDefault() == v1alpha1.ClassRecommendation && len(advice) < 20 {
			advice = append(advice, c.ID)
		}
	}
	add := func(check string, class v1alpha1.FindingClass) {
		n := len(report.Findings)
		name := fmt.Sprintf("worker-%04d", n)
		report.Findings = append(report.Findings, v1alpha1.Finding{
			ID: fmt.Sprintf("f-%04d", n), Check: check, Class: class, Severity: v1alpha1.SeverityHigh,
			Object:  v1alpha1.ObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: name},
			Message: "Deployment " + name + " has something that a reader should know about it.",
			Evidence: []v1alpha1.Evidence{
				{ID: "e1", Source: v1alpha1.EvidenceSpec, Text: "container app: resources.limits.memory is not set"},
			},
			Remediation: "Change it: `kubectl -n shop edit deployment " + name + "`.",
		})
	}
	for range 20 {
		add("pod-crash-looping", v1alpha1.ClassProblem)
	}
	for i := range recommendations {
		add(advice[i%len(advice)], v1alpha1.ClassRecommendation)
	}
	recount(report)
	return report
}

func TestHTMLFoldsRecommendationsByCheck(t *testing.T) {
	text := rendered(t, "html", thousand(980), Options{Checks: checks.Builtin()})
	if n := strings.Count(text, `<article class="card`); n != 20 {
		t.Errorf("%d cards, want one for each problem", n)
	}
	if n := strings.Count(text, `<details class="card group"`); n != 20 {
		t.Errorf("%d groups, want one for each check with recommendations", n)
	}
	if n := strings.Count(text, `<article class="item"`); n != 980 {
		t.Errorf("%d recommendations, want 980", n)
	}
	if strings.Contains(text, `<details class="card group" open`) {
		t.Error("a group is open")
	}
}

// The size grows by what a recommendation says, not by what its check says, and a page of 1,000 findings stays below 1 MiB.
func TestHTMLOfAThousandFindingsIsSmall(t *testing.T) {
	size := func(recommendations int) int {
		return len(rendered(t, "html", thousand(recommendations), Options{Checks: checks.Builtin()}))
	}
	small, large := size(490), size(980)
	t.Logf("1,000 findings: %d KiB, %d bytes for each more", large>>10, (large-small)/490)
	if each := (large - small) / 490; large > 1<<20 || each > 800 {
		t.Errorf("1,000 findings: %d bytes, %d for each more", large, each)
	}
}

func TestMarkdownFoldsRecommendationsByCheckAndFitsIntoAComment(t *testing.T) {
	text := rendered(t, "markdown", thousand(980), Options{Checks: checks.Builtin()})
	if n := strings.Count(text, "<details><summary>HIGH: "); n < 10 || len(text) > 65_000 {
		t.Errorf("%d groups in %d bytes", n, len(text))
	}
	if !strings.Contains(text, "- and 29 more\n") {
		t.Error("the objects beyond the first 20 are not counted")
	}
}
