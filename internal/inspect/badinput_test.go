package inspect_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/causes"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/report"
	"kubeops.io/kubeops/internal/redact"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/testkit"
)

// Malformed objects lead to gaps or findings, never to a panic, and the report can always be stored.
func TestMalformedObjectsNeverPanicAndTheReportCanBeStored(t *testing.T) {
	for name, tc := range map[string]struct {
		objects func(*testing.T) []any
		clocks  []time.Time
	}{
		"negative, huge and tiny quantities":                                  {badQuantities, clocks()},
		"unmatchable selectors":                                               {badSelectors, clocks()},
		"schedules that never run":                                            {badSchedules, clocks()},
		"arbitrary labels":                                                    {badLabels, clocks()},
		"owners in cycles and of unknown kinds":                               {badOwners, clocks()},
		"names with every allowed character":                                  {oddNames, clocks()},
		"past, future and zero times":                                         {badTimes, clocks()},
		"empty objects":                                                       {emptyObjects, clocks()},
		"messages with terminal and format sequences":                         {badMessages, clocks()[:1]},
		"objects of one mebibyte":                                             {bigObjects, clocks()[:1]},
		"ten thousand crashing containers in one Pod":                         {tenThousandContainers, clocks()[:1]},
		"ten thousand Pods of one owner, each with another missing ConfigMap": {tenThousandFailures, clocks()[:1]},
	} {
		for _, now := range tc.clocks {
			t.Run(name+"/in "+now.Format("2006"), func(t *testing.T) {
				for _, complete := range []bool{true, false} {
					assertStorable(t, inspectObjects(t, now, tc.objects(t), complete))
				}
			})
		}
	}
}

// clocks are now, long before every object, long after, and the zero time.
func clocks() []time.Time {
	return []time.Time{testkit.Now(), time.Date(1985, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2600, 1, 1, 0, 0, 0, 0, time.UTC), {}}
}

// inspectObjects runs an inspection without collecting: facts, checks, causes, report. With complete, all kinds count as completely
// read, and checks can report missing objects.
func inspectObjects(t *testing.T, now time.Time, objects []any, complete bool) *v1alpha1.InspectionReport {
	t.Helper()
	builder := facts.NewBuilder("test", now)
	builder.SetVersion("not a version")
	for _, object := range objects {
		builder.Add(facts.Reduce(object))
	}
	for _, kind := range facts.Kinds() {
		if complete {
			builder.Covered(kind, "")
		} else {
			builder.Covered(kind, "shop")
		}
	}
	g := builder.Graph()
	all := checks.Builtin()
	found, ran, gaps := check.Run(g, all, check.DefaultParams())
	for _, gap := range gaps {
		t.Error(gap.Message)
	}
	return newReport(t, g, all, causes.Link(g, all, found), ran, gaps, now)
}

func newReport(t testing.TB, g *facts.Graph, all []check.Check, linked []causes.Linked, ran int, gaps []facts.Gap,
	now time.Time) *v1alpha1.InspectionReport {
	t.Helper()
	gate, err := redact.New(redact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return report.New(report.Input{
		Graph: g, Findings: linked, Gaps: gaps, Checks: all, ChecksRun: ran, Start: now, Duration: time.Second, Redact: gate.Text,
	})
}

// assertStorable checks the report and each of its fields against the limits of etcd and of the API type.
func assertStorable(t *testing.T, r *v1alpha1.InspectionReport) {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatalf("the report is not JSON: %v", err)
	}
	if len(r.Findings) > 500 || len(r.Gaps) > 200 || len(text) > 512<<10 {
		t.Errorf("%d findings, %d gaps, %d bytes; want at most 500, 200 and 512 KiB", len(r.Findings), len(r.Gaps), len(text))
	}
	if s := r.Summary.Score; s != nil && (*s < 0 || *s > 100) || (s == nil) != (r.Summary.RequiredGaps > 0) {
		t.Errorf("score %v with %d gaps that are not optional", s, r.Summary.RequiredGaps)
	}
	ids := map[string]bool{}
	for _, f := range r.Findings {
		where := f.Check + " on " + f.Object.Kind
		ids[f.ID] = true
		within(t, where, "message", f.Message, 1, 2048)
		within(t, where, "remediation", f.Remediation, 1, 2048)
		within(t, where, "name", f.Object.Name, 0, 253)
		within(t, where, "namespace", f.Object.Namespace, 0, 63)
		within(t, where, "kind", f.Object.Kind, 1, 63)
		within(t, where, "apiVersion", f.Object.APIVersion, 1, 253)
		if len(f.Evidence) > 16 {
			t.Errorf("%s: %d pieces of evidence", where, len(f.Evidence))
		}
		for _, e := range f.Evidence {
			within(t, where, "evidence", e.Text, 1, 4096)
		}
		if f.CausedBy != "" && !ids[f.CausedBy] {
			t.Errorf("%s: its cause %s does not precede it", where, f.CausedBy)
		}
	}
	for _, gap := range r.Gaps {
		within(t, "gap", "source", gap.Source, 1, 253)
		within(t, "gap", "message", gap.Message, 1, 2048)
		within(t, "gap", "remediation", gap.Remediation, 0, 2048)
		if len(gap.Checks) > 256 {
			t.Errorf("gap of %d checks", len(gap.Checks))
		}
	}
}

// within checks the length of a text in runes, its encoding, and that it has no formatting errors.
func within(t *testing.T, where, what, text string, minLength, maxLength int) {
	t.Helper()
	switch n := utf8.RuneCountInString(text); {
	case n < minLength || n > maxLength:
		t.Errorf("%s: %s has %d characters, want %d to %d: %.200q", where, what, n, minLength, maxLength, text)
	case !utf8.ValidString(text):
		t.Errorf("%s: %s is not valid UTF-8: %.200q", where, what, text)
	case strings.ContainsAny(text, "\x00\x07\x1b\x7f\u009b"):
		t.Errorf("%s: %s contains control characters: %.200q", where, what, text)
	case strings.Contains(text, "%!"):
		t.Errorf("%s: %s has a formatting error: %.200q", where, what, text)
	}
}

func TestTenThousandFindingsOnOneObjectAreTruncated(t *testing.T) {
	builder := facts.NewBuilder("test", testkit.Now())
	g := builder.Graph()
	object := facts.Ref{Kind: facts.Deployment, Namespace: "shop", Name: "cart"}
	noisy := check.Check{ID: "noisy", Severity: v1alpha1.SeverityLow, ExplainedBy: []string{"noisy"},
		Run: func(*facts.Graph, check.Params) []check.Finding {
			var found []check.Finding
			for i := range 10_000 {
				found = append(found, check.Finding{
					Object: object, Discriminator: fmt.Sprint(i), Message: strings.Repeat("wörd ", 450), Remediation: remedy.Text(strings.Repeat("ö", 2500)),
					Culprits: []facts.Ref{{Kind: facts.Deployment, Namespace: "shop", Name: fmt.Sprint(i)}},
					Evidence: []check.Evidence{
						{Source: v1alpha1.EvidenceSpec, Text: strings.Repeat("x", 5<<10)}, {Source: v1alpha1.EvidenceSpec, Text: fmt.Sprint(i)},
					}[i%2:],
				})
			}
			return found
		}}
	all := []check.Check{noisy}
	found, ran, gaps := check.Run(g, all, check.DefaultParams())
	r := newReport(t, g, all, causes.Link(g, all, found), ran, gaps, testkit.Now())
	assertStorable(t, r)
	if !r.Summary.Truncated || r.Summary.Counts.Low != 10_000 || len(r.Findings) == 0 {
		t.Errorf("truncated %v, %d counted, %d kept; want all counted and the report truncated", r.Summary.Truncated,
			r.Summary.Counts.Low, len(r.Findings))
	}
}

func TestManyGapsAreTruncated(t *testing.T) {
	g := facts.NewBuilder("test", testkit.Now()).Graph()
	all := checks.Builtin()
	var gaps []facts.Gap
	for i := range 1000 {
		gaps = append(gaps, facts.Gap{
			Source: strings.Repeat("s", 500) + fmt.Sprint(i), Reason: v1alpha1.GapForbidden, Kind: facts.Pod,
			Message: strings.Repeat("ü", 2500), Remediation: remedy.Text(strings.Repeat("grant ", 400)),
		})
	}
	r := newReport(t, g, all, nil, 0, gaps, testkit.Now())
	assertStorable(t, r)
	if len(r.Gaps) == 0 || r.Summary.Gaps != 1000 {
		t.Errorf("%d gaps kept, %d counted; want some kept and all counted", len(r.Gaps), r.Summary.Gaps)
	}
}
