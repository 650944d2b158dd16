package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMeasuresFollowTheirDefinitions(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		samples []sample
		want    scores
	}{
		"none": {},
		"all right": {
			[]sample{{1, "a <*>", "A", "a <*>"}, {1, "a <*>", "A", "a <*>"}, {2, "b", "B", "b"}},
			scores{GA: 1, FGA: 1, PTA: 1, FTA: 1},
		},
		"a group that is split": {
			[]sample{{1, "a x", "A", "a <*>"}, {2, "a y", "A", "a <*>"}, {3, "b", "B", "b"}, {3, "b", "B", "b"}},
			scores{GA: 0.5, FGA: 2.0 / 5, PTA: 1.0 / 3, FTA: 2.0 / 5},
		},
		"two groups that are merged": {
			[]sample{{1, "<*>", "A", "a"}, {1, "<*>", "B", "b"}, {2, "c", "C", "c"}},
			scores{GA: 1.0 / 3, FGA: 2.0 / 5, PTA: 0.5, FTA: 2.0 / 5},
		},
		"right groups with the wrong text": {
			[]sample{{1, "a 1", "A", "a <*>"}, {2, "b", "B", "b"}},
			scores{GA: 1, FGA: 1, PTA: 0.5, FTA: 0.5},
		},
		"two groups with the same text, of which one is wrong": {
			[]sample{{1, "a", "A", "a"}, {2, "a", "B", "b"}},
			scores{GA: 1, FGA: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := measure(tc.samples)
			for _, pair := range [][2]float64{{got.GA, tc.want.GA}, {got.FGA, tc.want.FGA}, {got.PTA, tc.want.PTA}, {got.FTA, tc.want.FTA}} {
				if math.Abs(pair[0]-pair[1]) > 1e-9 {
					t.Fatalf("got %+v, want %+v", got, tc.want)
				}
			}
		})
	}
}

func TestTemplatesHaveOneForm(t *testing.T) {
	t.Parallel()
	c := newCorrector()
	for template, want := range map[string]string{
		"took <dur>,  <num> retries":       "took <*>, <*> retries",
		"open /var/log/x.log: denied":      "open <*>: denied",
		"open <path>: denied":              "open <*>: denied",
		"enabled=true, of user root":       "enabled=<*>, of user <*>",
		"block blk_<*> of 10 12":           "block <*> of <*> <*>",
		"from <*>.<*>.<*>:<*> to <ip>":     "from <*> to <*>",
		`name "<*>" is not '<str>'`:        "name <*> is not <*>",
		"a/b and v2 and untrue stay as is": "a/b and v2 and untrue stay as is",
		"password=[redacted] of <...>":     "password=<*> of <*>",
		"<*><*> joined, <*> apart":         "<*> joined, <*> apart",
	} {
		if got := c.correct(template); got != want {
			t.Errorf("%q\n got %q\nwant %q", template, got, want)
		}
	}
}

// writeSet writes a set with the layout of LogHub.
func writeSet(t *testing.T, folder, name, log, structured string) {
	t.Helper()
	path := filepath.Join(folder, name, name+"_2k.log")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string]string{path: log, path + "_structured.csv": structured} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSetsAreScoredInTwoHalves(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	writeSet(t, folder, "Quay", "INFO took 5 ms\r\nERROR took 6 ms\r\n",
		"LineId,Level,Content,EventTemplate\n1,INFO,took 5 ms,took <*> ms\n2,ERROR,took 6 ms,took <*> ms\n")
	writeSet(t, folder, "harbor", "ready\n", "LineId,Content,EventTemplate\n1,ready,set\n")
	var out strings.Builder
	if err := run(&out, folder); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| harbor | 1.000 | 1.000 | 0.000 | 0.000 | 1.000 | 1.000 | 0 | - | - |\n| mean |",
		"| Quay | 1.000 | 1.000 | 1.000 | 1.000 | ",
		" | 1 | 1.000 | 1.000 |\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	tuned, other, _ := strings.Cut(out.String(), "Not tuned on")
	if !strings.Contains(tuned, "harbor") || !strings.Contains(other, "Quay") {
		t.Errorf("the halves are not every second set by name:\n%s", out.String())
	}
}

func TestBrokenSetsAreErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ log, structured, want string }{
		"fewer lines": {"a\nb\n", "LineId,Content,EventTemplate\n1,a,a\n", "1 lines, but the log has 2"},
		"no template": {"a\n", "LineId,Content\n1,a\n", "no column"},
		"no CSV":      {"a\n", "\"", "_structured.csv: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			writeSet(t, folder, "Set", tc.log, tc.structured)
			if err := run(&strings.Builder{}, folder); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
	if err := run(&strings.Builder{}, t.TempDir()); err == nil || !strings.Contains(err.Error(), "has no set") {
		t.Errorf("got %v", err)
	}
}
