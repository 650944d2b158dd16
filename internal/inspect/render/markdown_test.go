package render

import (
	"regexp"
	"strings"
	"testing"
)

func TestMarkdownShowsRootCausesWithTheirSymptoms(t *testing.T) {
	text := rendered(t, "markdown", sample(), sampleOptions())
	for _, want := range []string{
		"## KubeOps: kind-shop, all namespaces", "**Score 37 of 100.** 3 problems, 2 recommendations", "| Problems | 1 | 1 | 1 | 0 | 0 |",
		"| Recommendations | 0 | 0 | 0 | 1 | 1 |", "<details><summary>LOW: role-too-wide (1)</summary>",
		"### 1. CRITICAL: Deployment shop/web", "- Deployment web has 0 of 3 Pods available.", "\n  - Service web has no ready endpoint",
		"\n    - Ingress shop/front: Path / of shop.example", "**Fix.** Create the Secret: `kubectl -n shop create secret generic",
		"<details><summary>Evidence (3)</summary>", "in `deploy/base files/web.yaml:12`", "### Not inspected",
		"- `secrets` (Forbidden, optional): cannot list secrets",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not contain %q", want)
		}
	}
}

func TestMarkdownOfAnIncompleteRunSaysSoFirst(t *testing.T) {
	text := rendered(t, "markdown", incomplete(), Options{})
	_, summary, _ := strings.Cut(text, "\n\n")
	if !strings.HasPrefix(summary, "**Incomplete: 1 gap, no score. First gap: The cluster does not serve metrics.**\n\n3 problems") ||
		strings.Contains(text, "of 100") {
		t.Error(text)
	}
}

// withoutCode removes code blocks and code spans, in which nothing is markup.
func withoutCode(markdown string) string {
	var lines []string
	fence := ""
	for _, line := range strings.Split(markdown, "\n") {
		run := line[:longestRunAtStart(line)]
		switch {
		case fence == "" && len(run) >= 3:
			fence = run
		case fence != "" && strings.TrimSpace(line) == run && len(run) >= len(fence):
			fence = ""
		case fence == "":
			lines = append(lines, line)
		}
	}
	return regexp.MustCompile("`[^`]*`").ReplaceAllString(strings.Join(lines, "\n"), "")
}

func longestRunAtStart(line string) int { return len(line) - len(strings.TrimLeft(line, "`")) }

func TestTextFromAClusterIsEscapedInMarkdown(t *testing.T) {
	text := withoutCode(rendered(t, "markdown", sample(), Options{}))
	for _, own := range []string{notLinked, "<details>", "<summary>", "</summary>"} {
		text = strings.ReplaceAll(text, own, "\u200b")
	}
	for name, pattern := range map[string]string{
		"HTML":                `<(?:[^/]|/[^d])`,
		"a link":              `[^\\]\]\(|://`,
		"a bare domain":       `www\.`,
		"a mention":           `@[a-z]`,
		"a reference":         `[#!&~%$][0-9]`,
		"bold":                `[^\\]\*\*b`,
		"a task":              `- \[ \]`,
		"a heading":           `(?m)^# `,
		"a control character": "[\x00-\x09\x0b-\x1f\u202e]",
	} {
		if found := regexp.MustCompile(pattern).FindString(text); found != "" {
			t.Errorf("the report has %s: %q", name, found)
		}
	}
	if n := strings.Count(text, "</details>"); n != 6 { // three of evidence, one of cited evidence, two of recommendations
		t.Errorf("got %d </details>, want 6", n)
	}
}

func TestMarkdownFitsIntoAComment(t *testing.T) {
	text := rendered(t, "markdown", large(), sampleOptions())
	if len(text) > 65_000 {
		t.Errorf("%d bytes", len(text))
	}
	if !strings.Contains(text, "more problems not shown.**") || !strings.Contains(text, "### Not inspected") {
		t.Error("the omitted root causes are not counted, or the gaps are missing")
	}
}

func TestMarkdownOmitsEvidenceBeforeRootCauses(t *testing.T) {
	report := sample()
	for i := range 20 {
		report.Findings[4].Evidence = append(report.Findings[4].Evidence, report.Findings[0].Evidence...)
		report.Findings[4].Evidence[i].Text = strings.Repeat("long ", 800)
	}
	text := rendered(t, "markdown", report, Options{})
	if strings.Contains(text, "long long") || !strings.Contains(text, "Node worker-2 is short of memory") ||
		!strings.Contains(text, "### 3. MEDIUM") {
		t.Error("a root cause with long evidence is missing, or shown with it")
	}
}

func TestInlineTextEscapesOnlySpecialCharacters(t *testing.T) {
	for text, want := range map[string]string{
		"Deployment shop/web-front v1.2+k3s": "Deployment shop/web-front v1.2+k3s",
		"a_b *c* [d](e) <f> & g | h":         `a\_b \*c\* \[d\](e) &lt;f&gt; &amp; g \| h`,
		"1. one":                             `1\. one`,
		"- x":                                `\- x`,
		"--- x":                              `\--- x`,
		"two\nlines\r\n# three":              `two lines \# three`,
		"see https://a.b and @team #1":       "see https:&#8203;//a.b and @&#8203;team #&#8203;1",
		"MAILTO:x@y":                         "MAILTO:&#8203;x@&#8203;y",
		"100%, 5 & 6, C# and a!":             `100%, 5 &amp; 6, C# and a\!`,
	} {
		if got := inlineText(text); got != want {
			t.Errorf("inlineText(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestCodeFencesAreLongerThanBackquotesInTheCode(t *testing.T) {
	for text, want := range map[string]string{
		"a": "`a`", "a`b": "``a`b``", "`a`": "`` `a` ``", "a``b": "```a``b```", "": "", "a\nb": "`a b`",
	} {
		if got := codeSpan(text); got != want {
			t.Errorf("codeSpan(%q) = %q, want %q", text, got, want)
		}
	}
	if got := codeBlock("x\n````\n</details>"); !strings.HasPrefix(got, "`````text\n") || !strings.HasSuffix(got, "\n`````\n") {
		t.Errorf("codeBlock: %q", got)
	}
}

func TestProseKeepsCode(t *testing.T) {
	got := prose("Run `kubectl get a_b -o jsonpath='{.x[*]}'` or `c`, then * and an odd ` here.")
	want := "Run `kubectl get a_b -o jsonpath='{.x[*]}'` or `c`, then \\* and an odd \\` here."
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
