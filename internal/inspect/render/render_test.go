package render

import (
	"encoding/json"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/printable"
)

func TestWriteSupportsAllFormats(t *testing.T) {
	known := writers()
	for _, format := range Formats() {
		if known[format] == nil {
			t.Errorf("no writer for %s", format)
		}
		delete(known, format)
	}
	for format := range known {
		t.Errorf("Formats does not list %s", format)
	}
	if err := Write(io.Discard, "table", sample(), Options{}); err == nil || !strings.Contains(err.Error(), "json, yaml, sarif") {
		t.Errorf("unknown format: %v", err)
	}
}

func TestJSONAndYAMLAreAPIObjects(t *testing.T) {
	for format, read := range map[string]func([]byte, any) error{
		"json": json.Unmarshal, "yaml": func(text []byte, into any) error { return yaml.UnmarshalStrict(text, into) },
	} {
		var got v1alpha1.InspectionReport
		if err := read([]byte(rendered(t, format, sample(), sampleOptions())), &got); err != nil {
			t.Fatal(err)
		}
		if got.Findings[0].Message != sample().Findings[0].Message || got.Summary.Counts != sample().Summary.Counts || len(got.Gaps) != 2 {
			t.Errorf("%s: %+v", format, got.Summary)
		}
	}
}

func TestWriteIsDeterministicAndDoesNotModifyTheReport(t *testing.T) {
	report := sample()
	for _, format := range Formats() {
		first := rendered(t, format, report, sampleOptions())
		second := rendered(t, format, report, sampleOptions())
		if first != second {
			t.Errorf("%s is not deterministic", format)
		}
	}
	if !reflect.DeepEqual(report, sample()) {
		t.Error("the report was modified")
	}
}

func TestGapsAreCountedAsTheHeadlineOfAnIncompleteRunDoes(t *testing.T) {
	for _, c := range []struct {
		total, required int32
		want            string
	}{{1, 1, "1 gap"}, {3, 1, "1 gap, 2 optional gaps"}, {1, 0, "1 optional gap"}, {5, 5, "5 gaps"}} {
		if got := CountGaps(c.total, c.required); got != c.want {
			t.Errorf("%d gaps, %d required: %s, want %s", c.total, c.required, got, c.want)
		}
	}
}

func TestSpansSplitAtBackquotes(t *testing.T) {
	for text, want := range map[string][]span{
		"":             nil,
		"plain":        {{"plain", false}},
		"a `b` c":      {{"a ", false}, {"b", true}, {" c", false}},
		"`b`":          {{"b", true}},
		"odd ` one":    {{"odd ` one", false}},
		"``":           nil,
		"a `b` and `c": {{"a ", false}, {"b", true}, {" and `c", false}},
	} {
		if got := spans(text); !slices.Equal(got, want) {
			t.Errorf("spans(%q) = %v, want %v", text, got, want)
		}
	}
}

// requireShowable fails if a terminal or a CI system would act on a line of a report.
func requireShowable(t *testing.T, format, out string) {
	t.Helper()
	for line := range strings.Lines(out) {
		if line = strings.TrimSuffix(line, "\n"); printable.HasCommand(line) || printable.Block(line) != line {
			t.Errorf("%s: %q", format, line)
		}
	}
}

func TestNoFormatHasHiddenCharactersOrCommandsOfACISystem(t *testing.T) {
	const name = "x\n::error file=a,line=1::forged\nCRITICAL  Deployment prod/db\x1b]0;pwned\x07\x1b[2J\u202egnp ##vso[task.x]y"
	report := sample()
	for i := range report.Findings {
		finding := &report.Findings[i]
		finding.Object.Name, finding.Object.Namespace = name, name
		finding.Message, finding.Remediation, finding.Cluster = name, name, name
		finding.Evidence = append(finding.Evidence, v1alpha1.Evidence{ID: "e9", Source: v1alpha1.EvidenceLog, Text: name})
	}
	report.Gaps[0].Message, report.Gaps[0].Source, report.Gaps[0].Remediation = name, name, name
	for _, format := range Formats() {
		out := rendered(t, format, report, sampleOptions())
		requireShowable(t, format, out)
		if format != "json" && format != "yaml" {
			continue
		}
		var got v1alpha1.InspectionReport
		if err := yaml.Unmarshal([]byte(out), &got); err != nil || got.Findings[0].Object.Name != name {
			t.Errorf("%s: the name is not exact: %q, %v", format, got.Findings[0].Object.Name, err)
		}
	}
}

func FuzzFormats(f *testing.F) {
	f.Add(hostile, "x")
	f.Add("\xff\xfe`|\\", "")
	f.Fuzz(func(t *testing.T, text, name string) {
		report := sample()
		finding := &report.Findings[0]
		finding.Message = text
		finding.Object.Name = name
		finding.Check = name
		finding.Evidence[0].Text = text
		finding.Remediation = text
		report.Gaps[0].Message = text
		for _, format := range Formats() {
			out := rendered(t, format, report, Options{})
			if out == "" {
				t.Errorf("%s is empty", format)
			}
			requireShowable(t, format, out)
		}
	})
}
