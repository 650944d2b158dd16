package loganalysis

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"kubeops.io/kubeops/internal/provider/logs"
)

const megabyte = 1 << 20

// longLines are kinds of lines of a megabyte, by their number.
func longLines() map[string]func(i int) string {
	fill := func(start, unit string) string { return start + strings.Repeat(unit, (megabyte-len(start))/len(unit)) }
	words := func(i int) string {
		var b strings.Builder
		b.WriteString("ERROR ")
		for n := i * 7919; b.Len() < megabyte; n++ {
			fmt.Fprintf(&b, "w%c%c%c%c ", 'a'+n%26, 'a'+n/26%26, 'a'+n/676%26, 'a'+n/17576%26)
		}
		return b.String()
	}
	return map[string]func(i int) string{
		"all equal":     func(int) string { return fill("ERROR cannot write ", "the order ") },
		"all different": words,
		"one word":      func(i int) string { return fill(fmt.Sprintf("ERROR %d", i), "x") },
		"Chinese":       func(i int) string { return fill(fmt.Sprintf("错误 无法写入订单 %d ", i), "订单") },
		"Arabic": func(i int) string {
			return fill(fmt.Sprintf("ERROR تعذر كتابة الطلب %d ", i), "الطلب ")
		},
		"emoji":                 func(int) string { return fill("ERROR ", "🛒🔥 ") },
		"combining marks":       func(int) string { return fill("ERROR a", "\u0301") },
		"escape codes":          func(int) string { return fill("\x1b[31mERROR\x1b[0m ", "\x1b[1mx\x1b[0m ") },
		"binary":                func(i int) string { return fill("ERROR ", string([]byte{0xff, 0xfe, byte(i), 0x80, ' '})) },
		"JSON without an end":   func(int) string { return fill(`{"level":"error","msg":"`, `a\"`) },
		"JSON of deep objects":  func(int) string { return fill(`{"level":"error","error":`, `{"a":[`) },
		"brackets":              func(int) string { return fill("ERROR ", "[(") },
		"quotes without an end": func(int) string { return fill("ERROR ", "a='") },
		"numbers":               func(int) string { return fill("ERROR ", "1 -2.5 0x7f ") },
	}
}

// TestLinesOfAMegabyteAreBounded reads 40 of each kind as a text and as lines of a Pod.
func TestLinesOfAMegabyteAreBounded(t *testing.T) {
	t.Parallel()
	const lines = 40
	redact := gate(t).Text
	for name, line := range longLines() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var readers []io.Reader
			s := &store{}
			for i := range lines {
				readers = append(readers, strings.NewReader(strings.ReplaceAll(line(i), "\n", " ")+"\n"))
				// A backend cuts lines to its limit.
				kept := strings.ToValidUTF8(line(i)[:logs.LineLimit], "")
				s.add(50*time.Minute-time.Duration(i)*time.Minute, time.Second, "shop", "cart-0", kept)
			}
			began := time.Now()
			summary, err := Text(io.MultiReader(readers...), redact)
			if err != nil || summary.Lines != lines || summary.Events > lines || len(summary.Templates) > lines {
				t.Fatalf("%d lines, %d events, %d templates, %v", summary.Lines, summary.Events, len(summary.Templates), err)
			}
			for _, found := range summary.Templates {
				if !utf8.ValidString(found.Template) || !utf8.ValidString(found.Example) || len(found.Template) > 4*maxText ||
					len(found.Example) > 3*maxTraceBytes+3 {
					t.Errorf("a template of %d bytes, example of %d", len(found.Template), len(found.Example))
				}
			}
			got, gaps := collect(t, s, func(in *Input) { in.Redact = redact })
			for _, gap := range gaps {
				t.Errorf("gap %+v", gap)
			}
			for _, w := range got.Workloads {
				for _, found := range w.New {
					if !utf8.ValidString(found.Text) || len(found.Text) > 4*maxText {
						t.Errorf("a template of %d bytes", len(found.Text))
					}
				}
			}
			if name == "all equal" && (len(summary.Templates) != 1 || len(got.Workloads) != 1 || got.Workloads[0].New[0].Count != lines) {
				t.Errorf("%d templates, %+v", len(summary.Templates), got.Workloads)
			}
			if took := time.Since(began); took > time.Minute {
				t.Errorf("took %s", took)
			}
		})
	}
}
