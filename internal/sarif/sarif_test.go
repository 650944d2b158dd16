package sarif

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"kubeops.io/kubeops/internal/provider/stream"
	"kubeops.io/kubeops/internal/testkit/memory"
)

// run is a report with one run of some fields.
func run(fields string) string { return `{"version":"2.1.0","runs":[{` + fields + `}]}` }

func TestFindingsAreCountedByLevel(t *testing.T) {
	t.Parallel()
	const rules = `"tool":{"driver":{"name":"t","rules":[{"id":"E","defaultConfiguration":{"level":"error"}},{"id":"W"},` +
		`{"id":"N","defaultConfiguration":{"level":"note"}},{"id":"0","defaultConfiguration":{"level":"none"}}]},` +
		`"extensions":[{"rules":[{"id":"W"}]},{"rules":[{"id":"X","defaultConfiguration":{"level":"error"}}]}]}`
	for name, tc := range map[string]struct {
		report string
		want   [3]int
	}{
		"levels of results": {run(`"results":[{"level":"error"},{"level":"warning"},{"level":"note"},{"level":"none"},{}]`), [3]int{1, 2, 1}},
		"no findings":       {run(`"results":[]`), [3]int{}},
		"rules by index":    {run(rules + `,"results":[{"ruleIndex":0},{"ruleIndex":1},{"ruleIndex":2},{"ruleIndex":3},{"ruleIndex":9}]`), [3]int{1, 2, 1}},
		"rules by id":       {run(rules + `,"results":[{"ruleId":"E"},{"ruleId":"E/1/2"},{"ruleId":"N"},{"ruleId":"?"}]`), [3]int{2, 1, 1}},
		"rules after their results": {
			run(`"results":[{"ruleId":"E"},{"ruleId":"E"},{"ruleIndex":2},{"ruleId":"0"},{"ruleId":"?"},{"rule":{"id":"X","index":0,"toolComponent":{"index":1}}}],` +
				rules), [3]int{3, 1, 1},
		},
		"rules of an extension": {
			run(rules + `,"results":[{"rule":{"index":0,"toolComponent":{"index":1}}},{"rule":{"index":0,"toolComponent":{"index":0}}},{"ruleId":"X"}]`),
			[3]int{1, 2, 0},
		},
		"a level wins over that of its rule": {run(rules + `,"results":[{"ruleId":"E","level":"note"}]`), [3]int{0, 0, 1}},
		"rules of another run": {
			`{"version":"2.1.0","runs":[{` + rules + `,"results":[]},{"results":[{"ruleId":"E"}]}]}`, [3]int{0, 1, 0},
		},
		"suppressed results": {run(`"results":[{"suppressions":[{"kind":"inSource"}]},{"suppressions":[{"status":"accepted"}]},` +
			`{"suppressions":[]},{"suppressions":[{"status":"rejected"}]},{"suppressions":[{"status":"accepted"},{"status":"underReview"}]}]`),
			[3]int{0, 3, 0}},
		"results of a baseline": {run(`"results":[{"baselineState":"unchanged"},{"baselineState":"absent"},{"baselineState":"new"},` +
			`{"baselineState":"updated"}]`), [3]int{0, 2, 0}},
		"results that are no failure": {run(`"results":[{"kind":"pass"},{"kind":"open"},{"kind":"notApplicable"},{"kind":"fail"}]`), [3]int{0, 1, 0}},
		"a byte order mark":           {"\ufeff" + run(`"results":[{}]`), [3]int{0, 1, 0}},
		"null where it is permitted":  {run(`"tool":null,"results":[{"level":null,"ruleIndex":null,"locations":null}]`), [3]int{0, 1, 0}},
	} {
		got, err := Read(iotest.OneByteReader(strings.NewReader(tc.report)))
		if err != nil || got.Counts != tc.want || got.Failed || got.Empty {
			t.Errorf("%s: got %v (failed %t, empty %t), %v, want %v", name, got.Counts, got.Failed, got.Empty, err, tc.want)
		}
	}
}

func TestAReportOfARunThatDidNotSucceedSaysSo(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		report        string
		failed, empty bool
	}{
		"no run":                  {`{"version":"2.1.0","runs":[]}`, false, true},
		"no results":              {run(`"tool":{}`), false, true},
		"null results":            {run(`"results":null`), false, true},
		"a failed invocation":     {run(`"results":[],"invocations":[{"executionSuccessful":true},{"executionSuccessful":false}]`), true, false},
		"a successful invocation": {run(`"results":[],"invocations":[{"executionSuccessful":true}]`), false, false},
	} {
		got, err := Read(strings.NewReader(tc.report))
		if err != nil || got.Failed != tc.failed || got.Empty != tc.empty {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestTheFirstFindingsAreDescribed(t *testing.T) {
	t.Parallel()
	const one = `{"ruleId":"go/sql","level":"error","message":{"text":" Query built from input. "},"locations":[{"physicalLocation":` +
		`{"artifactLocation":{"uri":"cart/db.go"},"region":{"startLine":12}}},{"physicalLocation":{"artifactLocation":{"uri":"other.go"}}}]}`
	report, err := Read(strings.NewReader(run(`"results":[` + one + strings.Repeat(`,{"level":"error","message":{"markdown":"m"}}`, 50) + `]`)))
	want := Finding{Rule: "go/sql", Message: "Query built from input.", File: "cart/db.go", Line: 12}
	if err != nil || report.Counts[Error] != 51 || len(report.Findings[Error]) != MaxFindings || report.Findings[Error][0] != want ||
		report.Findings[Error][1].Message != "m" {
		t.Errorf("got %+v, %v", report, err)
	}
	var late strings.Builder
	for n := range 40 {
		_, _ = fmt.Fprintf(&late, `{"ruleId":"N","message":{"text":"note %d"}},{"ruleId":"E","message":{"text":"error %d"}},`, n, n)
	}
	report, err = Read(strings.NewReader(run(`"results":[` + late.String() + `{}],"tool":{"driver":{"rules":[` +
		`{"id":"E","defaultConfiguration":{"level":"error"}},{"id":"N","defaultConfiguration":{"level":"note"}}]}}`)))
	if err != nil || report.Counts != [3]int{40, 1, 40} || len(report.Findings[Error]) != perRule ||
		report.Findings[Error][0].Message != "error 0" {
		t.Errorf("got %+v, %v", report, err)
	}
}

func TestWhatIsNoReportIsInvalid(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "ends too early", "<html>": "not valid JSON", "[]": "another shape", "null": "another shape", `{}`: "version",
		`{"version":"2.1.0"}`: "no runs", `{"version":"1.0.0","runs":[]}`: "version", `{"version":"2.1.0","runs":[{]}`: "not valid JSON",
		`{"version":"2.1.0","runs":[`: "ends too early", `{"version":"2.1.0","runs":{}}`: "another shape",
		run(`"results":[{"level":"fatal"}]`): "a level that is none of", run(`"results":[{"level":1}]`): "another shape",
		run(`"tool":{"driver":{"rules":[{"defaultConfiguration":{"level":"x"}}]}}`):                          "a level that is none of",
		run(`"externalPropertyFileReferences":{"results":[{"location":{"uri":"more.sarif"}}]},"results":[]`): "other files",
		run(`"results":[]`) + "x": "text after its end", run(`"results":` + strings.Repeat("[", 500)): "another shape",
		run(`"x":` + strings.Repeat("[", 500)): "nested",
	} {
		_, err := Read(strings.NewReader(text))
		var invalid *InvalidError
		if !errors.As(err, &invalid) || !strings.Contains(invalid.Text, want) {
			t.Errorf("%.80q: got %v, want %q", text, err, want)
		}
	}
	broken := errors.New("broken")
	_, err := Read(io.MultiReader(strings.NewReader(`{"version":"2.1.0","runs":[`), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) {
		t.Errorf("an error of the reader became %v", err)
	}
}

// large is a report of a size in MiB whose results have different rules without a level.
func large(t testing.TB, unit string, mebibytes int) io.Reader {
	t.Helper()
	var text bytes.Buffer
	text.WriteString(`{"version":"2.1.0","runs":[{"results":[{}`)
	for n := 0; text.Len() < mebibytes<<20; n++ {
		_, _ = fmt.Fprintf(&text, unit, n)
	}
	text.WriteString(`]}]}`)
	return &text
}

// The test is not parallel: what others allocate would count.
func TestALargeReportTakesBoundedMemory(t *testing.T) {
	for name, unit := range map[string]string{
		"messages":        `,{"level":"error","message":{"text":"` + strings.Repeat("m", 2000) + ` %d"}}`,
		"different rules": `,{"ruleId":"rule-%d","message":{"text":"m"}}`,
	} {
		in := large(t, unit, 16)
		var err error
		allocated := memory.Allocated(func() { _, err = Read(in) })
		var invalid *InvalidError
		if err != nil && !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
		}
		if allocated > 6*MaxMemory {
			t.Errorf("%s: %d MiB were allocated", name, allocated>>20)
		}
	}
}

// FuzzRead checks that reading keeps within its memory and its limits, whatever comes.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		run(`"tool":{"driver":{"rules":[{"id":"E","defaultConfiguration":{"level":"error"}}]},"extensions":[{"rules":[{"id":"X"}]}]},` +
			`"results":[{"ruleId":"E","ruleIndex":0,"kind":"fail","message":{"text":"t"},"suppressions":[{"status":"rejected"}],` +
			`"locations":[{"physicalLocation":{"artifactLocation":{"uri":"a"},"region":{"startLine":1}}}]}],"invocations":[{"executionSuccessful":false}]`),
		run(`"results":[{"rule":{"id":"a/b","index":1,"toolComponent":{"index":0}},"baselineState":"new","level":"note"}],"tool":{}`),
		"\ufeff" + run(`"results":null`), `{}`, `[`, run(`"externalPropertyFileReferences":{"results":[{}]}`),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		memory.Bounded(t, len(text)+1024, func(limits stream.Limits) {
			report, err := read(bytes.NewReader(text), limits.Memory)
			var invalid *InvalidError
			if err != nil && !errors.As(err, &invalid) {
				t.Errorf("the error %v is of no kind that is known", err)
			}
			for level, findings := range report.Findings {
				if len(findings) > min(MaxFindings, report.Counts[level]) {
					t.Errorf("%d findings of %d", len(findings), report.Counts[level])
				}
				for _, finding := range findings {
					if len(finding.Message) > maxMessage || len(finding.File) > maxFile || len(finding.Rule) > maxRule || finding.Line < 0 {
						t.Errorf("a finding over its limits: %+v", finding)
					}
				}
			}
		})
	})
}
