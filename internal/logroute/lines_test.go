package logroute

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// cri is a line of the container runtime in the only file of a case; restart stops Fluentd and starts it again.
const restart = "restart"

// runLines through the program that makes lines of parts: "SECONDS.NANOSECONDS STREAM TEXT" for each, and why others were dropped.
func runLines(t *testing.T, cases [][]string) (lines, dropped [][]string) {
	t.Helper()
	var jobs []any
	for _, steps := range cases {
		job := make([][]string, 0, len(steps))
		for _, step := range steps {
			if step == restart {
				job = append(job, []string{restart})
				continue
			}
			file, text, found := strings.Cut(step, "|")
			if !found {
				file = "a"
				text = step
			}
			job = append(job, []string{file, base64.StdEncoding.EncodeToString([]byte(text))})
		}
		jobs = append(jobs, job)
	}
	for _, a := range startRuby(t, "lines.rb").askAll(t, jobs) {
		var whole, reasons []string
		for _, line := range a.Event["lines"].([]any) {
			l := line.([]any)
			text, err := base64.StdEncoding.DecodeString(l[3].(string))
			if err != nil {
				t.Fatal(err)
			}
			whole = append(whole, fmt.Sprintf("%.0f.%09.0f %s %s", l[0], l[1], l[2], text))
		}
		for _, reason := range a.Event["dropped"].([]any) {
			reasons = append(reasons, reason.(string))
		}
		lines = append(lines, whole)
		dropped = append(dropped, reasons)
	}
	return lines, dropped
}

func TestLinesAreMadeOfTheirPartsOnly(t *testing.T) {
	t.Parallel()
	part := func(second int, stream, flag, text string) string {
		return fmt.Sprintf("2026-01-02T03:04:%02d.000000006Z %s %s %s", second, stream, flag, text)
	}
	const base = 1767323040
	line := func(second int, stream, text string) string {
		return fmt.Sprintf("%d.000000006 %s %s", base+second, stream, text)
	}
	filler := strings.Repeat("x", 16384)
	var long, interleaved []string
	for range 4 {
		long = append(long, part(1, "stdout", "P", filler))
		interleaved = append(interleaved, part(1, "stdout", "P", "o"), part(2, "stderr", "P", "e"))
	}
	cases := []struct {
		name  string
		steps []string
		want  []string
		drops []string
	}{
		{"a whole line", []string{part(1, "stdout", "F", "hello")}, []string{line(1, "stdout", "hello")}, nil},
		{"an empty line", []string{part(1, "stdout", "F", "")}, []string{line(1, "stdout", "")}, nil},
		{"an empty line without the space", []string{"2026-01-02T03:04:01.000000006Z stdout F"}, []string{line(1, "stdout", "")}, nil},
		{"spaces stay", []string{part(1, "stderr", "F", "  a  ")}, []string{line(1, "stderr", "  a  ")}, nil},
		{"bytes stay", []string{part(1, "stdout", "F", "\x00\xff\r")}, []string{line(1, "stdout", "\x00\xff\r")}, nil},
		{"two parts, with the time of the first", []string{part(1, "stdout", "P", "pass"), part(9, "stdout", "F", "word")}, []string{line(1, "stdout", "password")}, nil},
		{"an empty end", []string{part(1, "stdout", "P", "a"), part(1, "stdout", "F", "")}, []string{line(1, "stdout", "a")}, nil},
		{"a character cut by the runtime", []string{part(1, "stdout", "P", "\xc3"), part(1, "stdout", "F", "\xa4")}, []string{line(1, "stdout", "\u00e4")}, nil},
		{"tags after the flag", []string{part(1, "stdout", "P:x", "a"), part(1, "stdout", "F:x:y", "b")}, []string{line(1, "stdout", "ab")}, nil},
		{"streams are not mixed", []string{part(1, "stdout", "P", "a"), part(2, "stderr", "F", "b"), part(3, "stdout", "F", "c")},
			[]string{line(2, "stderr", "b"), line(1, "stdout", "ac")}, nil},
		{"parts of both streams in turn", append(interleaved, part(3, "stderr", "F", "!"), part(3, "stdout", "F", "?")),
			[]string{line(2, "stderr", "eeee!"), line(1, "stdout", "oooo?")}, nil},
		{"files are not mixed", []string{"a|" + part(1, "stdout", "P", "a"), "b|" + part(2, "stdout", "F", "b"), "a|" + part(3, "stdout", "F", "c")},
			[]string{line(2, "stdout", "b"), line(1, "stdout", "ac")}, nil},
		{"the end comes after a restart", []string{part(1, "stdout", "P", "password=hun"), restart, part(9, "stdout", "F", "ter2")},
			[]string{line(1, "stdout", "password=hunter2")}, nil},
		{"bytes survive a restart", []string{part(1, "stderr", "P", "\xff"), restart, restart, part(9, "stderr", "F", "\x00")},
			[]string{line(1, "stderr", "\xff\x00")}, nil},
		{"64 KiB in parts", append(append([]string{}, long...), part(2, "stdout", "F", "")), []string{line(1, "stdout", strings.Repeat(filler, 4))}, nil},
		{"one byte more is dropped, the next line is not", append(append([]string{}, long...), part(2, "stdout", "F", "y"), part(3, "stdout", "F", "z")),
			[]string{line(3, "stdout", "z")}, []string{"too_long"}},
		{"a line that never ends is dropped once", append(append(append([]string{}, long...), long...), part(2, "stderr", "F", "e"), part(2, "stdout", "F", "y"), part(3, "stdout", "F", "z")),
			[]string{line(2, "stderr", "e"), line(3, "stdout", "z")}, []string{"too_long"}},
		{"a dropped line stays dropped after a restart", append(append([]string{}, append(long, long[0])...), restart, part(2, "stdout", "F", "y")), nil, []string{"too_long"}},
		{"a zone", []string{"2026-01-02T04:04:01.000000006+01:00 stdout F a"}, []string{line(1, "stdout", "a")}, nil},
		{"another zone", []string{"2026-01-01T21:34:01.000000006-05:30 stdout F a"}, []string{line(1, "stdout", "a")}, nil},
		{"no fraction", []string{"2026-01-02T03:04:01Z stdout F a"}, []string{"1767323041.000000000 stdout a"}, nil},
		{"a short fraction", []string{"2026-01-02T03:04:01.5Z stdout F a"}, []string{"1767323041.500000000 stdout a"}, nil},
		{"a clock that jumps back", []string{part(9, "stdout", "F", "a"), part(1, "stdout", "F", "b")}, []string{line(9, "stdout", "a"), line(1, "stdout", "b")}, nil},
		{"the first second of 1970", []string{"1970-01-01T00:00:00Z stdout F a"}, []string{"0.000000000 stdout a"}, nil},
		{"the year 9999", []string{"9999-12-31T23:59:59.999999999Z stdout F a"}, []string{"253402300799.999999999 stdout a"}, nil},
		{"a leap second", []string{"2016-12-31T23:59:60Z stdout F a"}, []string{"1483228800.000000000 stdout a"}, nil},
		{"what is in no format is dropped", []string{"", "x", "2026-01-02T03:04:01Z stdin F a", "2026-01-02T03:04:01Z stdout X a", `{"log":"a"}`,
			"2026-13-02T03:04:01Z stdout F a", "2026-01-02T03:04:01Zstdout F a", "\xff"}, nil, []string{"format", "format", "format", "format", "format", "format", "format", "format"}},
	}
	steps := make([][]string, 0, len(cases))
	for _, tc := range cases {
		steps = append(steps, tc.steps)
	}
	lines, dropped := runLines(t, steps)
	for i, tc := range cases {
		if diff := cmp.Diff(tc.want, lines[i]); diff != "" {
			t.Errorf("%s: lines (-want +got):\n%.2000s", tc.name, diff)
		}
		if diff := cmp.Diff(tc.drops, dropped[i]); diff != "" {
			t.Errorf("%s: dropped (-want +got):\n%s", tc.name, diff)
		}
	}
}

func TestOpenLinesAreBounded(t *testing.T) {
	t.Parallel()
	const streams = 300 // with 64 KiB each more than 16 MiB
	var steps []string
	for i := range streams {
		for range 4 {
			steps = append(steps, fmt.Sprintf("%d|2026-01-02T03:04:01Z stdout P %s", i, strings.Repeat("x", 16384)))
		}
	}
	for i := range streams {
		steps = append(steps, fmt.Sprintf("%d|2026-01-02T03:04:01Z stdout F ", i))
	}
	lines, dropped := runLines(t, [][]string{steps})
	if len(lines[0]) != 256 || len(dropped[0]) != streams-256 {
		t.Errorf("of %d open lines of 64 KiB, %d are kept and %d dropped", streams, len(lines[0]), len(dropped[0]))
	}
}
