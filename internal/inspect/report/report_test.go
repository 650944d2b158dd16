package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/causes"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

func start() time.Time { return time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC) }

// linked is a finding of check c-<id> on a Deployment.
func linked(id, namespace string, severity v1alpha1.Severity, causedBy int) causes.Linked {
	return causes.Linked{
		Finding: check.Finding{
			Check: "c-" + id, Severity: severity, Message: "message of " + id,
			Object: facts.Ref{Kind: facts.Deployment, Namespace: namespace, Name: id},
		},
		ID: id, CausedBy: causedBy,
	}
}

func input(findings ...causes.Linked) Input {
	in := Input{
		Graph: facts.NewBuilder("test", start()).Graph(), Findings: findings, Start: start(), Duration: 1500 * time.Millisecond,
		Redact: func(s string) string { return strings.ReplaceAll(s, "hunter2", "[redacted]") },
	}
	for _, f := range findings {
		in.Checks = append(in.Checks, check.Check{ID: f.Check, Category: v1alpha1.CategoryReliability})
	}
	return in
}

// outline lists the ids of findings with their causes.
func outline(report *v1alpha1.InspectionReport) []string {
	var lines []string
	for _, f := range report.Findings {
		line := f.ID
		if f.CausedBy != "" {
			line += "<-" + f.CausedBy
		}
		lines = append(lines, line)
	}
	return lines
}

func TestFindingsAreOrderedByCauseWorstFirst(t *testing.T) {
	report := New(input(linked("symptom-of-low", "a", v1alpha1.SeverityCritical, 3), linked("high", "a", v1alpha1.SeverityHigh, -1),
		linked("critical", "a", v1alpha1.SeverityCritical, -1), linked("low", "a", v1alpha1.SeverityLow, -1),
		linked("symptom-of-symptom", "a", v1alpha1.SeverityInfo, 0)))
	want := []string{"critical", "high", "low", "symptom-of-low<-low", "symptom-of-symptom<-symptom-of-low"}
	if diff := cmp.Diff(want, outline(report)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if report.Summary.Problems.Total != 3 || report.Findings[2].Affects != 2 {
		t.Errorf("got %d problems, low affects %d; want 3 and 2", report.Summary.Problems.Total, report.Findings[2].Affects)
	}
}

func TestIgnoredFindingsAreListedWithTheirCausesAndReasons(t *testing.T) {
	in := input(linked("cause", "team-a", v1alpha1.SeverityHigh, -1), linked("symptom", "team-a", v1alpha1.SeverityCritical, 0),
		linked("deep", "team-a", v1alpha1.SeverityLow, 1), linked("other", "team-b", v1alpha1.SeverityCritical, -1),
		linked("kept", "team-b", v1alpha1.SeverityLow, -1))
	in.Findings[0].Message = "password hunter2 is wrong"
	in.Ignore = []v1alpha1.IgnoreRule{{Name: "cause", Reason: "moves on Monday"}, {Name: "other", Reason: "known"}}
	report := New(in)
	var got []string
	for _, f := range report.Ignored {
		got = append(got, fmt.Sprintf("%s<%s %s %s: %s (%s)", f.ID, f.CausedBy, f.Severity, f.Object.Name, f.Message, f.Reason))
	}
	want := []string{
		"other< critical other: message of other (known)",
		"cause< high cause: password [redacted] is wrong (moves on Monday)",
		"symptom<cause critical symptom: message of symptom ()",
		"deep<symptom low deep: message of deep ()",
	}
	if diff := cmp.Diff(want, got); diff != "" || report.Summary.Ignored != 4 {
		t.Errorf("%d ignored (-want +got):\n%s", report.Summary.Ignored, diff)
	}
}

func TestIgnoredFindingsAreBounded(t *testing.T) {
	in := input(linked("cause", "team-a", v1alpha1.SeverityHigh, -1))
	for i := range 2 * maxIgnored {
		in.Findings = append(in.Findings, linked(fmt.Sprint("symptom-", i), "team-a", v1alpha1.SeverityHigh, i))
	}
	in.Ignore = []v1alpha1.IgnoreRule{{Name: "cause", Reason: strings.Repeat("because ", 100)}}
	report := New(in)
	if n := len(report.Ignored); n != maxIgnored || report.Summary.Ignored != 2*maxIgnored+1 || report.Ignored[0].ID != "cause" {
		t.Errorf("%d of %d listed, the first is %s", n, report.Summary.Ignored, report.Ignored[0].ID)
	}
	if n := len([]rune(report.Ignored[0].Reason)); n > maxIgnoredText {
		t.Errorf("a reason of %d runes", n)
	}
}

func TestIgnoreRulesRemoveFindings(t *testing.T) {
	findings := []causes.Linked{
		linked("cause", "team-a", v1alpha1.SeverityHigh, -1),
		linked("middle", "team-a", v1alpha1.SeverityHigh, 0),
		linked("symptom", "team-a", v1alpha1.SeverityHigh, 1),
		linked("other", "team-b", v1alpha1.SeverityHigh, -1),
	}
	past := metav1.NewTime(start().Add(-time.Hour))
	future := metav1.NewTime(start().Add(time.Hour))
	for name, tc := range map[string]struct {
		rules       []v1alpha1.IgnoreRule
		exclude     []string
		want        []string
		wantIgnored int32
		wantGaps    []string
	}{
		"none": {want: []string{"cause", "middle<-cause", "symptom<-middle", "other"}},
		"an intermediate cause: its symptom is ignored with it": {
			rules: []v1alpha1.IgnoreRule{{Name: "middle", Reason: "known"}},
			want:  []string{"cause", "other"}, wantIgnored: 2,
		},
		"a root cause: all its symptoms are ignored with it": {
			rules: []v1alpha1.IgnoreRule{{Check: "c-cause", Reason: "known"}},
			want:  []string{"other"}, wantIgnored: 3,
		},
		"a symptom: its cause stays": {
			rules: []v1alpha1.IgnoreRule{{Check: "c-symptom", Reason: "known"}},
			want:  []string{"cause", "middle<-cause", "other"}, wantIgnored: 1,
		},
		"globs, all fields must match": {
			rules: []v1alpha1.IgnoreRule{{Check: "c-*", Namespace: "team-b", Name: "o*", Reason: "known"}},
			want:  []string{"cause", "middle<-cause", "symptom<-middle"}, wantIgnored: 1,
		},
		"not yet expired": {
			rules: []v1alpha1.IgnoreRule{{Name: "other", Reason: "known", Expires: &future}},
			want:  []string{"cause", "middle<-cause", "symptom<-middle"}, wantIgnored: 1,
		},
		"expired: not applied, and reported": {
			rules: []v1alpha1.IgnoreRule{{Name: "other", Reason: "until the move", Expires: &past}},
			want:  []string{"cause", "middle<-cause", "symptom<-middle", "other"},
			wantGaps: []string{
				"The ignore rule name other (until the move) expired on 2026-01-15 and is no longer applied.",
			},
		},
		"a malformed glob matches only itself": {
			rules: []v1alpha1.IgnoreRule{{Name: "[", Reason: "known"}},
			want:  []string{"cause", "middle<-cause", "symptom<-middle", "other"},
		},
		"an excluded namespace does not count as ignored": {exclude: []string{"team-a*"}, want: []string{"other"}},
	} {
		t.Run(name, func(t *testing.T) {
			in := input(findings...)
			in.Ignore = tc.rules
			in.ExcludeNamespaces = tc.exclude
			report := New(in)
			if diff := cmp.Diff(tc.want, outline(report)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if report.Summary.Ignored != tc.wantIgnored {
				t.Errorf("ignored: got %d, want %d", report.Summary.Ignored, tc.wantIgnored)
			}
			var gaps []string
			for _, g := range report.Gaps {
				gaps = append(gaps, g.Message)
			}
			if diff := cmp.Diff(tc.wantGaps, gaps); diff != "" {
				t.Errorf("gaps (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNamespacedInspectionsReportClusterScopedObjectsOnlyAsCauses(t *testing.T) {
	node := func(id string, affects int) causes.Linked {
		f := linked(id, "", v1alpha1.SeverityHigh, -1)
		f.Object.Kind = facts.Node
		f.Affects = affects
		return f
	}
	in := input(node("broken", 1), node("unrelated", 0), linked("symptom", "a", v1alpha1.SeverityHigh, 0))
	if diff := cmp.Diff([]string{"broken", "symptom<-broken", "unrelated"}, outline(New(in))); diff != "" {
		t.Errorf("the whole cluster (-want +got):\n%s", diff)
	}
	in.NamespacesOnly = true
	if diff := cmp.Diff([]string{"broken", "symptom<-broken"}, outline(New(in))); diff != "" {
		t.Errorf("named namespaces (-want +got):\n%s", diff)
	}
}

func TestChangesSinceThePreviousReport(t *testing.T) {
	before := metav1.NewTime(start().Add(-24 * time.Hour))
	previous := &v1alpha1.InspectionReport{Findings: []v1alpha1.Finding{
		{ID: "stays", Check: "c-stays", FirstSeen: &before},
		{ID: "gone", Check: "c-new"},
		{ID: "hidden-by-a-gap", Check: "c-gap"},
		{ID: "not-looked-for", Check: "c-unselected"},
	}}
	in := input(linked("stays", "a", v1alpha1.SeverityLow, -1), linked("new", "a", v1alpha1.SeverityLow, -1))
	in.Previous = previous
	in.Checks = append(in.Checks, check.Check{ID: "c-gap", Needs: []facts.Kind{facts.Node}})
	in.Gaps = []facts.Gap{{Kind: facts.Node, Source: "nodes", Reason: v1alpha1.GapForbidden, Message: "no"}}
	report := New(in)
	if diff := cmp.Diff(v1alpha1.ChangeCounts{New: 1, Fixed: 1, Persisting: 1, NewRootCauses: 1, FixedRootCauses: 1}, report.Summary.Changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	for _, f := range report.Findings {
		if f.ID == "stays" && (f.State != v1alpha1.FindingPersisting || !f.FirstSeen.Equal(&before)) {
			t.Errorf("a finding that stays: got state %s, first seen %s", f.State, f.FirstSeen)
		}
	}
	if diff := cmp.Diff([]string{"c-gap"}, report.Gaps[0].Checks); diff != "" {
		t.Errorf("affected checks (-want +got):\n%s", diff)
	}
}

func TestAChangedFindingHasItsPreviousSeverityAndCause(t *testing.T) {
	in := input(
		linked("worse", "a", v1alpha1.SeverityHigh, -1), linked("same", "a", v1alpha1.SeverityHigh, -1),
		linked("caused", "a", v1alpha1.SeverityHigh, 0), linked("freed", "a", v1alpha1.SeverityHigh, -1),
		linked("other-cause", "a", v1alpha1.SeverityHigh, 1), linked("new", "a", v1alpha1.SeverityHigh, -1),
	)
	in.Previous = &v1alpha1.InspectionReport{Findings: []v1alpha1.Finding{
		{ID: "worse", Severity: v1alpha1.SeverityMedium},
		{ID: "same", Severity: v1alpha1.SeverityHigh},
		{ID: "caused", Severity: v1alpha1.SeverityHigh},
		{ID: "freed", Severity: v1alpha1.SeverityHigh, CausedBy: "x"},
		{ID: "other-cause", Severity: v1alpha1.SeverityHigh, CausedBy: "x"},
	}}
	got := map[string]v1alpha1.PreviousFinding{}
	for _, f := range New(in).Findings {
		if f.Previously != nil {
			got[f.ID] = *f.Previously
		}
	}
	want := map[string]v1alpha1.PreviousFinding{
		"worse": {Severity: v1alpha1.SeverityMedium}, "caused": {Severity: v1alpha1.SeverityHigh},
		"freed": {Severity: v1alpha1.SeverityHigh, CausedBy: "x"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("previously (-want +got):\n%s", diff)
	}
}

func TestTextIsRedactedCleanedAndTruncated(t *testing.T) {
	finding := linked("x", "a", v1alpha1.SeverityLow, -1)
	finding.Message = "password hunter2 \x1b[31mred\x00" + strings.Repeat("é", 3000)
	for range 20 {
		finding.Evidence = append(finding.Evidence, check.Evidence{Source: v1alpha1.EvidenceLog, Text: "line hunter2\nnext"})
	}
	got := New(input(finding)).Findings[0]
	if strings.Contains(got.Message, "hunter2") || strings.ContainsAny(got.Message, "\x1b\x00") ||
		len([]rune(got.Message)) != maxMessage {
		t.Errorf("message of %d runes: %q", len([]rune(got.Message)), got.Message[:60])
	}
	if len(got.Evidence) != maxPieces || got.Evidence[0].Text != "line [redacted]\nnext" {
		t.Errorf("evidence: %d pieces, the first %q", len(got.Evidence), got.Evidence[0].Text)
	}
}

func TestATruncatedReportKeepsTheWorstFindings(t *testing.T) {
	var findings []causes.Linked
	for i := range 2000 {
		severity := v1alpha1.SeverityLow
		if i%100 == 0 {
			severity = v1alpha1.SeverityCritical
		}
		f := linked(fmt.Sprintf("f%04d", i), "a", severity, -1)
		f.Message = strings.Repeat("long ", 300)
		findings = append(findings, f)
	}
	report := New(input(findings...))
	if !report.Summary.Truncated || len(report.Findings) > MaxFindings || report.Summary.Counts.Total() != 2000 {
		t.Errorf("truncated %v, kept %d, counted %d", report.Summary.Truncated, len(report.Findings), report.Summary.Counts.Total())
	}
	for i := range 20 {
		if report.Findings[i].Severity != v1alpha1.SeverityCritical {
			t.Fatalf("finding %d has severity %s, want the critical ones first", i, report.Findings[i].Severity)
		}
	}
}

func TestOmittedFindingsAreCountedByCheckAndSymptomsAreOmittedFirst(t *testing.T) {
	findings := []causes.Linked{linked("cause", "a", v1alpha1.SeverityHigh, -1)}
	for i := range 700 {
		findings = append(findings, linked(fmt.Sprintf("symptom-%03d", i), "a", v1alpha1.SeverityCritical, 0))
	}
	findings = append(findings, linked("other", "a", v1alpha1.SeverityLow, -1))
	for i := range findings {
		findings[i].Check = strings.TrimRight(findings[i].Check, "-0123456789")
	}
	report := New(input(findings...))
	if len(report.Findings) != MaxFindings || report.Findings[0].ID != "cause" || report.Findings[MaxFindings-1].ID != "other" {
		t.Errorf("kept %d, first %s, last %s", len(report.Findings), report.Findings[0].ID, report.Findings[len(report.Findings)-1].ID)
	}
	want := []v1alpha1.OmittedFindings{{Check: "c-symptom", Severity: v1alpha1.SeverityCritical, Count: 702 - MaxFindings}}
	if diff := cmp.Diff(want, report.Omitted); diff != "" {
		t.Errorf("omitted (-want +got):\n%s", diff)
	}
	in := input(findings...)
	in.Previous = report
	for _, f := range New(in).Findings {
		if f.State != v1alpha1.FindingPersisting {
			t.Fatalf("%s is %s, although the previous report omitted findings of its check", f.ID, f.State)
		}
	}
	in.Bounds = Bounds{Findings: 10_000, Bytes: 64 << 20}
	if wide := New(in); wide.Summary.Truncated || len(wide.Findings) != 702 {
		t.Errorf("with wider bounds: truncated %v, kept %d", wide.Summary.Truncated, len(wide.Findings))
	}
}

func TestAFindingThatReturnsTwiceIsFlapping(t *testing.T) {
	here := input(linked("x", "a", v1alpha1.SeverityLow, -1))
	gone := input()
	gone.Checks = here.Checks
	var report *v1alpha1.InspectionReport
	run := func(in Input, after time.Duration) *v1alpha1.InspectionReport {
		in.Start = start().Add(after)
		in.Previous = report
		report = New(in)
		return report
	}
	steps := []struct {
		in   Input
		want v1alpha1.ChangeCounts
	}{
		{here, v1alpha1.ChangeCounts{New: 1, NewRootCauses: 1}},
		{gone, v1alpha1.ChangeCounts{Fixed: 1, FixedRootCauses: 1}},
		{gone, v1alpha1.ChangeCounts{}},
		{here, v1alpha1.ChangeCounts{New: 1, NewRootCauses: 1}},
		{gone, v1alpha1.ChangeCounts{Fixed: 1, FixedRootCauses: 1}},
		{here, v1alpha1.ChangeCounts{Flapping: 1}},
		{here, v1alpha1.ChangeCounts{Flapping: 1}},
		{gone, v1alpha1.ChangeCounts{Fixed: 1, FixedRootCauses: 1}},
	}
	for i, step := range steps {
		if diff := cmp.Diff(step.want, run(step.in, time.Duration(i)*time.Hour).Summary.Changes); diff != "" {
			t.Errorf("run %d (-want +got):\n%s", i, diff)
		}
	}
	if len(report.Fixed) != 1 || report.Fixed[0].ID != "x" || report.Fixed[0].Returns != 2 ||
		!report.Fixed[0].FixedAt.Time.Equal(start().Add(7*time.Hour)) {
		t.Errorf("fixed: %+v", report.Fixed)
	}
	if got := run(gone, 40*time.Hour).Fixed; len(got) != 0 {
		t.Errorf("still listed as fixed after more than a day: %+v", got)
	}
	if got := run(here, 41*time.Hour).Findings[0]; got.State != v1alpha1.FindingNew || got.Returns != 0 {
		t.Errorf("returned after more than a day: %+v", got)
	}
}

func TestTheScoreFallsWithTheSeverityOfProblems(t *testing.T) {
	of := func(check string, severity v1alpha1.Severity, n int) []v1alpha1.Finding {
		var list []v1alpha1.Finding
		for range n {
			list = append(list, v1alpha1.Finding{Check: check, Class: v1alpha1.ClassProblem, Severity: severity})
		}
		return list
	}
	for name, tc := range map[string]struct {
		findings []v1alpha1.Finding
		want     int32
	}{
		"no findings":                            {nil, 100},
		"info does not count":                    {of("a", v1alpha1.SeverityInfo, 5), 100},
		"one critical":                           {of("a", v1alpha1.SeverityCritical, 1), 75},
		"a thousand of one check":                {of("a", v1alpha1.SeverityCritical, 1000), 56},
		"two checks with one each weigh as much": {append(of("a", v1alpha1.SeverityCritical, 1), of("b", v1alpha1.SeverityCritical, 1)...), 56},
		"one low is not 100":                     {of("a", v1alpha1.SeverityLow, 1), 99},
		"recommendations do not count": {[]v1alpha1.Finding{
			{Check: "a", Class: v1alpha1.ClassRecommendation, Severity: v1alpha1.SeverityCritical},
			{Check: "b", Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityCritical},
		}, 100},
		"a finding without a class has that of its category": {
			[]v1alpha1.Finding{{Check: "a", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityCritical}}, 75,
		},
		"symptoms do not count": {append(of("a", v1alpha1.SeverityHigh, 1),
			v1alpha1.Finding{Check: "b", Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityCritical, CausedBy: "x"}), 88},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Score(tc.findings); got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}
