package cli

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/printable"
)

func object(kind, namespace, name string) v1alpha1.ObjectReference {
	return v1alpha1.ObjectReference{APIVersion: "v1", Kind: kind, Namespace: namespace, Name: name}
}

func sampleReport() *v1alpha1.InspectionReport {
	return &v1alpha1.InspectionReport{
		Summary: v1alpha1.ReportSummary{
			Score: new(int32(75)), Counts: v1alpha1.SeverityCounts{Critical: 1, High: 2}, Objects: 42, ChecksRun: 60, Gaps: 1,
			Problems: v1alpha1.RootCauseCounts{Total: 1, SeverityCounts: v1alpha1.SeverityCounts{Critical: 1}},
			Duration: metav1.Duration{Duration: 340 * time.Millisecond},
		},
		Findings: []v1alpha1.Finding{
			{
				ID: "a", Check: "configmap-key-missing", Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityCritical,
				Object:  object("Deployment", "shop", "cart"),
				Message: "ConfigMap cart-config has no key DATABASE_URL.", Affects: 2, Remediation: "Add the key.",
				Evidence: []v1alpha1.Evidence{
					{ID: "e1", Source: v1alpha1.EvidenceCondition, Text: "couldn't find key DATABASE_URL in ConfigMap shop/cart-config"},
					{ID: "e2", Source: v1alpha1.EvidenceLog, Text: "starting\n" + strings.Repeat("x", 300)},
				},
			},
			{
				ID: "b", Check: "service-no-ready-endpoints", Class: v1alpha1.ClassProblem, CausedBy: "a", Severity: v1alpha1.SeverityHigh,
				Object: object("Service", "shop", "cart"), Message: "No Pod is ready.",
			},
			{
				ID: "c", Check: "ingress-backend-dead", Class: v1alpha1.ClassProblem, CausedBy: "b", Severity: v1alpha1.SeverityHigh,
				Object: object("Ingress", "shop", "web"), Message: "A backend is dead.",
			},
		},
		Gaps: []v1alpha1.Gap{{
			Source: "nodes", Reason: v1alpha1.GapForbidden, Message: "Cannot list nodes.", Checks: []string{"node-not-ready"},
			Remediation: "Grant list on nodes.",
		}},
	}
}

func TestTableShowsRootCausesWithTheirSymptomsWithinItsWidth(t *testing.T) {
	var out bytes.Buffer
	p := &printer{w: &out, output: "table", width: 100}
	if err := p.print(sampleReport(), "dev, all namespaces"); err != nil {
		t.Fatal(err)
	}
	want := `dev, all namespaces  42 objects, 60 checks in 0.3s
Score 75 of 100: 1 problem, 1 optional gap

Problems: 1 critical (-o html shows all evidence)
CRITICAL  Deployment shop/cart                                                 configmap-key-missing
          ConfigMap cart-config has no key DATABASE_URL.
          - condition: couldn't find key DATABASE_URL in ConfigMap shop/cart-config
          - log: ` + strings.Repeat("x", 82) + `…
          which causes: Service shop/cart: No Pod is ready.
            └ Ingress shop/web: A backend is dead.
          fix: Add the key.

Not inspected
- Cannot list nodes.
  affected checks: node-not-ready
  fix: Grant list on nodes.
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 100 {
			t.Errorf("line of %d columns: %s", n, line)
		}
	}
}

func TestTheLineOfALogIsTheLastErrorOrTheLastLine(t *testing.T) {
	for log, want := range map[string]string{
		"one\ntwo\nthree":                       "three",
		"starting\nFATAL: no entry\nconnecting": "FATAL: no entry",
		"error: first\nerror: second\nbye":      "error: second",
		"npm ERR! missing script: start\nnpm ERR!\nnpm ERR! A complete log of this run can be found in: /root/.npm/_logs/x.log": "npm ERR! " +
			"missing script: start",
		"working\nERROR: exit status 2": "ERROR: exit status 2",
		"":                              "",
	} {
		if got := tellingLines(strings.Split(log, "\n")); len(got) != 1 || got[0] != want {
			t.Errorf("%q: got %q, want %q", log, got, want)
		}
	}
}

func TestEvidenceIsTheStrongestPieceAndTheLastLogLine(t *testing.T) {
	var out bytes.Buffer
	p := &printer{w: &out, output: "table", width: 60}
	report := sampleReport()
	report.Findings[0].Evidence = []v1alpha1.Evidence{
		{ID: "e1", Source: v1alpha1.EvidenceSpec, Text: "file: web.yaml:1"},
		{ID: "e2", Source: v1alpha1.EvidenceCondition, Text: strings.Repeat("seven77 ", 60)},
		{ID: "e3", Source: v1alpha1.EvidenceLog, Text: "one\ntwo\nthree\n"},
		{ID: "e4", Source: v1alpha1.EvidenceSpec, Text: "weaker"},
	}
	if err := p.print(report, "dev"); err != nil {
		t.Fatal(err)
	}
	want := `          - spec: file: web.yaml:1
          - condition: seven77 seven77 seven77 seven77 seve…
          - log: three
          which causes: Service shop/cart: No Pod is ready.
`
	if !strings.Contains(out.String(), want) {
		t.Errorf("want\n%s\nin\n%s", want, out.String())
	}
}

func TestSymptomsOfOneObjectAreOneLine(t *testing.T) {
	var out bytes.Buffer
	p := &printer{w: &out, output: "table", width: 100}
	report := sampleReport()
	report.Findings = append(report.Findings, v1alpha1.Finding{
		ID: "d", Check: "service-slow", CausedBy: "a", Object: object("Service", "shop", "cart"), Message: "It is slow.",
	})
	if err := p.print(report, "dev"); err != nil {
		t.Fatal(err)
	}
	want := `          which causes: Service shop/cart: No Pod is ready. (also service-slow)
            └ Ingress shop/web: A backend is dead.
`
	if !strings.Contains(out.String(), want) {
		t.Errorf("want\n%s\nin\n%s", want, out.String())
	}
}

func TestColorsFollowTheFlagAndTheTerminal(t *testing.T) {
	for name, tc := range map[string]struct {
		color string
		want  bool
	}{
		"auto, not a terminal": {"auto", false},
		"never":                {"never", false},
		"always":               {"always", true},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			p, err := newPrinter(&out, "table", tc.color, "")
			if err != nil {
				t.Fatal(err)
			}
			if err := p.print(sampleReport(), "dev"); err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(out.String(), "\033["); got != tc.want {
				t.Errorf("color: got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestFailOnCountsFindingsOfTheSeverityAndWorse(t *testing.T) {
	for name, tc := range map[string]struct {
		severity v1alpha1.Severity
		want     string
	}{
		"not set":  {"", ""},
		"critical": {v1alpha1.SeverityCritical, "1 finding with severity critical or worse (--fail-on)"},
		"low":      {v1alpha1.SeverityLow, "3 findings with severity low or worse (--fail-on)"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := failOn(tc.severity, sampleReport()); err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestDiscardedExplanationsSayWhy(t *testing.T) {
	report := sampleReport()
	report.Explanations = []v1alpha1.Explanation{{ID: "x", AlsoFor: []string{"a"}, Model: "tiny-1", Dropped: "NoEvidence"}}
	var out bytes.Buffer
	p := &printer{w: &out, output: "table", width: 100}
	if err := p.print(report, "dev"); err != nil {
		t.Fatal(err)
	}
	if want := "          explanation by tiny-1 discarded: NoEvidence\n"; !strings.Contains(out.String(), want) {
		t.Errorf("missing\n%s\nin\n%s", want, out.String())
	}
}

func TestExplanationsFollowTheFactsAndNameTheModel(t *testing.T) {
	report := sampleReport()
	report.Explanations = []v1alpha1.Explanation{
		{ID: v1alpha1.OverallExplanation, Model: "tiny-1", Confidence: v1alpha1.ConfidenceUnknown, Summary: "One key is missing."},
		{
			ID: "a", Model: "tiny-1", Confidence: v1alpha1.ConfidenceHigh,
			Summary:  "The ConfigMap was created without the key, and everything behind the Deployment waits for it.",
			Why:      []v1alpha1.ExplainedClaim{{Claim: "The container names the key.", Evidence: []string{"e1", "log1"}, Quote: "no such key"}},
			RuledOut: []v1alpha1.RuledOut{{Cause: "The image is fine.", Evidence: []string{"log1"}}},
			Missing:  []string{"Who created it."}, Next: []string{"kubectl -n shop get events"}, DroppedClaims: 1,
			Evidence: []v1alpha1.Evidence{{ID: "log1", Source: v1alpha1.EvidenceLog, Text: "log of container app\nno such key"}},
			Fix: []v1alpha1.SuggestedFix{{
				Description: "Look at it.", Command: "kubectl -n shop get configmap cart-config -o yaml", Patch: "data:\n  key: x", Removed: true,
			}},
		},
		{ID: "b", Model: "tiny-1", Dropped: "NoEvidence"},
	}
	var out bytes.Buffer
	p := &printer{w: &out, output: "table", width: 100}
	if err := p.print(report, "dev"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"explanation by tiny-1 (confidence: unknown): One key is missing.\n",
		`          fix: Add the key.
          explanation by tiny-1 (confidence: high): The ConfigMap was created without the key, and
               everything behind the Deployment waits for it.
               - The container names the key. [e1, log1] "no such key"
               - 1 claim without valid evidence discarded
               ruled out: The image is fine. [log1]
               missing: Who created it.
` + "               next: `kubectl -n shop get events`\n" +
			"               suggested fix: Look at it. `kubectl -n shop get configmap cart-config -o yaml`\n" +
			"                 (command removed: it could do harm)\n                 data:\n                   key: x\n" +
			"               log1: log of container app\n                     no such key\n",
		"- e1 ",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("missing\n%s\nin\n%s", want, out.String())
		}
	}
	for _, line := range strings.Split(out.String(), "\n") {
		if utf8.RuneCountInString(line) > 100 {
			t.Errorf("line %q", line)
		}
	}
}

// forged is a name that forges lines, drives a terminal and commands a CI system.
const forged = "x\n::error file=a,line=1::forged by a pull request\nCRITICAL  Deployment prod/db\x1b]0;pwned\x07\x1b[2J\u202egnp " +
	"##vso[task.x]y"

// requireShowable fails if a terminal or a CI system would act on a line; colors are those of the palette.
func requireShowable(t *testing.T, out string) {
	t.Helper()
	plain := regexp.MustCompile(`\x1b\[(0|1|2|1;31|31|33|36)m`).ReplaceAllString(out, "")
	for line := range strings.Lines(plain) {
		line = strings.TrimSuffix(line, "\n")
		if printable.HasCommand(line) || printable.Line(line) != line || strings.HasPrefix(line, "CRITICAL  Deployment prod/db") {
			t.Errorf("%q", line)
		}
	}
	if !strings.Contains(plain, `x\n`) {
		t.Errorf("the name is missing in\n%s", plain)
	}
}

func TestNoNameForgesLinesOfTheTable(t *testing.T) {
	report := sampleReport()
	for i := range report.Findings {
		f := &report.Findings[i]
		f.Object.Name, f.Message, f.Remediation = forged, forged, forged
		f.Evidence = append(f.Evidence, v1alpha1.Evidence{Source: v1alpha1.EvidenceLog, Text: forged},
			v1alpha1.Evidence{Source: v1alpha1.EvidenceEvent, Text: forged})
	}
	report.Gaps[0].Message, report.Gaps[0].Remediation = forged, forged
	report.Explanations = []v1alpha1.Explanation{{ID: "a", Model: forged, Summary: forged, Fix: []v1alpha1.SuggestedFix{{Command: forged}}}}
	for _, colors := range []terminal.Palette{{}, {On: true}} {
		for width := 60; width < 160; width += 7 {
			var out bytes.Buffer
			p := &printer{w: &out, output: "table", width: width, colors: colors}
			if err := p.print(report, "dev "+forged); err != nil {
				t.Fatal(err)
			}
			requireShowable(t, out.String())
		}
	}
}

func TestNoErrorForgesLines(t *testing.T) {
	var out bytes.Buffer
	printError(&out, fmt.Errorf("cannot read %s", forged))
	if got := out.String(); !strings.HasPrefix(got, "error: cannot read x\n") || strings.Contains(got, "\n::error") ||
		strings.ContainsAny(got, "\x1b\u202e") {
		t.Errorf("got %q", got)
	}
}

func FuzzTable(f *testing.F) {
	f.Add(forged, 60)
	f.Add("` ::error ##[x] section_start:1:x", 80)
	f.Fuzz(func(t *testing.T, text string, width int) {
		report := sampleReport()
		report.Findings[0].Object.Name = `x\n` + text
		report.Findings[0].Message = text
		report.Findings[0].Remediation = text
		report.Findings[0].Evidence[1].Text = text
		report.Findings[1].Message = text
		var out bytes.Buffer
		p := &printer{w: &out, output: "table", width: 60 + max(width, 0)%100, colors: terminal.Palette{On: true}}
		if err := p.print(report, text); err != nil {
			t.Fatal(err)
		}
		requireShowable(t, out.String())
	})
}

func TestTheTableListsIgnoredFindingsWithTheirSymptoms(t *testing.T) {
	report := sampleReport()
	report.Summary.Ignored = 3
	report.Ignored = []v1alpha1.IgnoredFinding{
		{
			ID: "i1", Check: "image-registry-unreachable", Severity: v1alpha1.SeverityHigh, Object: object("Deployment", "mine", "api"),
			Message: "Deployment api cannot pull its image.", Reason: "moves on Monday",
		},
		{
			ID: "i2", CausedBy: "i1", Check: "deployment-unavailable", Severity: v1alpha1.SeverityCritical,
			Object: object("Deployment", "mine", "api"), Message: "Deployment api has no available Pods.",
		},
	}
	var out bytes.Buffer
	p := &printer{w: &out, output: "table", width: 120}
	if err := p.print(report, "dev"); err != nil {
		t.Fatal(err)
	}
	const want = `
Ignored by rules: 3 findings
- Deployment api cannot pull its image. (image-registry-unreachable, high): moves on Monday
  which causes: Deployment api has no available Pods. (deployment-unavailable, critical)
- and 1 more (see -o yaml)
`
	if !strings.Contains(out.String(), want) {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestTheTableCountsWorkloadsThatAreNotJudgedYet(t *testing.T) {
	report := sampleReport()
	report.Summary.Starting = &v1alpha1.StartingWorkloads{Workloads: 4, Grace: metav1.Duration{Duration: time.Minute}}
	var out bytes.Buffer
	p := &printer{w: &out, output: "table", width: 200}
	if err := p.print(report, "dev"); err != nil {
		t.Fatal(err)
	}
	const want = "\n4 workloads are not judged yet: not ready, for less than the startup grace of 1m. Inspect again later, or shorten the " +
		"grace (--startup-grace, spec.thresholds.startupGrace).\n"
	if !strings.Contains(out.String(), want) {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
