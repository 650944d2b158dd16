package printable_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"kubeops.io/kubeops/internal/printable"
)

func TestLineShowsWhatIsHidden(t *testing.T) {
	for in, want := range map[string]string{
		"":                          "",
		"Deployment shop/cart: 5%":  "Deployment shop/cart: 5%",
		"žluťoučký 日本語 😀 é":         "žluťoučký 日本語 😀 é",
		"a\nb\r\nc\td":              `a\nb\r\nc\td`,
		"\x1b]0;pwned\a\x1b[2J":     `\x1b]0;pwned\x07\x1b[2J`,
		"\u009b31m\u0085\x7f\x00":   `\u009b31m\u0085\x7f\x00`,
		"\u202egnp.\u2066x\u200f":   `\u202egnp.\u2066x\u200f`,
		"a\u200bb\u00adc\ufeff":     `a\u200bb\u00adc\ufeff`,
		"\U000e0041\U000e0100":      `\U000e0041\U000e0100`,
		"\u2028\u2029\u3164\u034f":  `\u2028\u2029\u3164\u034f`,
		"\xff\xc0\x80\xed\xa0\x80x": `\xff\xc0\x80\xed\xa0\x80x`,
		"\ufffd \uffff \U0001fffe":  "\ufffd " + `\uffff \U0001fffe`,
		"⚠\ufe0f x\ufe0f":           "⚠\ufe0f " + `x\ufe0f`,
		"\ufe0fx":                   `\ufe0fx`,
		"\xff\ufe0f \xff\ufe0e":     `\xff\ufe0f \xff\ufe0e`,
		"\u0600\u0661":              "\u0600\u0661",
		`C:\new`:                    `C:\new`,
	} {
		if got := printable.Line(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
		if printable.Is(in) != (in == want) {
			t.Errorf("%q: Is is %v", in, printable.Is(in))
		}
	}
}

func TestBlockKeepsLinesAndTabs(t *testing.T) {
	if got := printable.Block("a\r\nb\tc\rd\x1b"); got != "a\nb\tc"+`\rd\x1b` {
		t.Errorf("got %q", got)
	}
}

// ciCommands are lines that a CI system would act on.
func ciCommands() []string {
	return []string{
		"::error file=a,line=1::forged", "  ::stop-commands::x", "::x::", "see ::error::x", "a ##[error]b", "##vso[task.setvariable variable=x]y",
		"x##VSO[task.x]", "##teamcity[buildStatus text='x']", "section_start:1:x", "x section_end:1:x", "travis_fold:start:x", "travis_time:end:x",
		"\x1b[1m::error::x\x1b[0m", "\x1b[31m  \x1b[1m::x",
	}
}

func TestNoLineIsACommandOfACISystem(t *testing.T) {
	for _, line := range ciCommands() {
		got := printable.NoCommand(line)
		if got == line || !strings.Contains(got, `\x`) || printable.NoCommand(got) != got {
			t.Errorf("%q became %q", line, got)
		}
	}
	for _, line := range []string{
		"core::panic::result", "IPv6 ::1 is bound", "# x", "## x", "a-b", "- item", "--- x", "a: b", "##", "x section", "#[derive]", "",
	} {
		if got := printable.NoCommand(line); got != line {
			t.Errorf("%q became %q", line, got)
		}
	}
}

func TestWriterEscapesEachLine(t *testing.T) {
	var out strings.Builder
	w := printable.NewWriter(&out)
	for _, part := range []string{"a\x1b[2J\n::er", "ror::x\r\n", "last ", "::x"} {
		if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if want := "a\\x1b[2J\n\\x3a:error::x\nlast \\x3a:x"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestWriterHoldsBackABoundedPart(t *testing.T) {
	var out strings.Builder
	w := printable.NewWriter(&out)
	for range 3 {
		if _, err := w.Write([]byte(strings.Repeat("x", 50<<10))); err != nil {
			t.Fatal(err)
		}
	}
	if out.Len() < 100<<10 {
		t.Errorf("only %d bytes of 150 KiB without a line break are written", out.Len())
	}
}

func FuzzPrintable(f *testing.F) {
	for _, line := range append(ciCommands(), "\x1b[2J", "\u202e", "\xff", "a\r\nb\tc", "\U000e0041", "⚠\ufe0f", "\ufe0f", "\xff\ufe0f") {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, in string) {
		for _, got := range []string{printable.Line(in), printable.Block(in)} {
			if !utf8.ValidString(got) || len(got) > 4*len(in) || printable.Block(got) != got {
				t.Errorf("%q became %q", in, got)
			}
			for _, r := range got {
				format := unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
				if r != '\n' && r != '\t' && unicode.IsControl(r) || format {
					t.Errorf("%q contains %U", got, r)
				}
			}
		}
		line := printable.Line(in)
		if strings.ContainsAny(line, "\n\t") || printable.Line(line) != line || printable.Is(in) != (line == in) {
			t.Errorf("%q became %q", in, line)
		}
		safe := printable.NoCommand(line)
		trimmed := strings.TrimSpace(safe)
		if printable.HasCommand(safe) || strings.HasPrefix(trimmed, "::") || strings.Contains(safe, "##[") ||
			strings.Contains(strings.ToLower(safe), "##vso[") || strings.Contains(strings.ToLower(safe), "##teamcity[") {
			t.Errorf("%q became %q", line, safe)
		}
	})
}

func TestUnlinkedTextHasNoLinkAndNoMention(t *testing.T) {
	for in, want := range map[string]string{
		"see http://evil.example/x":          "see http[:]//evil.example/x",
		"HTTPS://evil.example":               "HTTPS[:]//evil.example",
		"git+ssh://git@evil.example/x":       "git+ssh[:]//git[@]evil.example/x",
		"slack://open mailto:a@b.example":    "slack[:]//open mailto[:]a[@]b.example",
		"javascript:alert(1) tel:123":        "javascript[:]alert(1) tel[:]123",
		"www.evil.example WWW.x":             "www[.]evil.example WWW[.]x",
		"write to root@evil.example.":        "write to root[@]evil.example.",
		"@here @channel x@everyone @所有人":     "[@]here [@]channel x[@]everyone [@]所有人",
		"@alice (@bob)":                      "[@]alice ([@]bob)",
		"nginx@sha256:00 app.kubernetes.io":  "nginx@sha256:00 app.kubernetes.io",
		"Deployment shop/cart: 5 of 6, a@b":  "Deployment shop/cart: 5 of 6, a@b",
		"system:serviceaccount:shop:kubeops": "system:serviceaccount:shop:kubeops",
		"metadata: a, data: b":               "metadata: a, data: b",
	} {
		got := printable.Unlinked(in)
		if got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
		if printable.Unlinked(got) != got {
			t.Errorf("%q changes again to %q", got, printable.Unlinked(got))
		}
	}
}

func FuzzUnlinked(f *testing.F) {
	for _, in := range []string{"http://a", "www.a", "a@b.c", "@here", "mailto:x", "<!channel>", "h@@here://www.", "@@all", "http:http://"} {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got := strings.ToLower(printable.Unlinked(in))
		for _, forbidden := range []string{"http://", "https://", "ftp://", "mailto:a", "@all", "@here", "@channel", "@everyone", "@所有人"} {
			if strings.Contains(got, forbidden) {
				t.Errorf("%q became %q", in, got)
			}
		}
		if strings.HasPrefix(got, "www.") || strings.Contains(got, " www.") {
			t.Errorf("%q became %q", in, got)
		}
	})
}

func TestJSONMeansTheSame(t *testing.T) {
	values := append(ciCommands(), "\u202egnp", "\U000e0041x", "a\u200b", "⚠\ufe0f", "plain", "a_b #1", "\xff")
	document, err := json.MarshalIndent(values, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	safe := printable.JSON(document)
	var got, want []string
	if err := errors.Join(json.Unmarshal(safe, &got), json.Unmarshal(document, &want)); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for line := range strings.Lines(string(safe)) {
		if line = strings.TrimSuffix(line, "\n"); printable.HasCommand(line) || !printable.Is(line) {
			t.Errorf("%q", line)
		}
	}
}
