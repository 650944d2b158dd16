package pattern

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func compiledSize(t testing.TB, expression string) int {
	t.Helper()
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		t.Fatal(err)
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		t.Fatal(err)
	}
	return len(program.Inst)
}

func TestTheSizeIsThatOfTheCompiledProgram(t *testing.T) {
	for _, expression := range []string{
		"", "a", "abc", "(?i)abc", ".", "a*", "(a*)*", "(|a)*", "a+?", "a?", "(a)", "a|b", "abc|abd|x", "[a-z]", `\pL`, "[^\\x00-\\x{10FFFF}]",
		"a{0}", "a{0,}", "a{1,}", "a{2,}", "a{5}", "a{2,5}", "(abc){10}", "((a{3}b){4}c){5}", "(a|b|){7,9}", `^\bfoo$`, "(?:)|(?:)|a",
		"^registry[.]example/.*:v[0-9]+$", "(a{0,3}){0,3}", "(?:x{2,}){3,}",
	} {
		parsed, err := syntax.Parse(expression, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		got, want := Size(parsed), compiledSize(t, expression)
		if got < want || got > 2*want+4 {
			t.Errorf("%q: estimated %d instructions, the program has %d", expression, got, want)
		}
	}
}

func TestLargeExpressionsAreRefusedWithSizeAndLimit(t *testing.T) {
	for name, tc := range map[string]struct{ expression, want string }{
		"a repeated text": {"(?:" + strings.Repeat("abcdefghij", 300) + "){1000}",
			"the regular expression compiles to 3000002 instructions, at most 10000 are allowed; use smaller repeats"},
		"beyond the limit of Go": {"(" + strings.Repeat("abcdefghij", 400) + "){1000}",
			"the regular expression compiles to more than 10000 instructions; use smaller repeats"},
		"nested repeats":    {"((a{10}){10}){10}" + strings.Repeat("((b{10}){10}){10}", 10), "compiles to"},
		"an alternation":    {"(?:ab|bc|cd|de|ef|fg){700}", "compiles to"},
		"a long expression": {strings.Repeat("a", 4097), "the regular expression has 4097 bytes, at most 4096 are allowed"},
		"Unicode classes": {strings.Repeat(`\pL|`, 300),
			"the regular expression has 300 Unicode classes, at most 200 are allowed; a range that ignores case counts as 10"},
		"folded ranges":        {"(?s)(?si:" + strings.Repeat("[Ā-𞤀]", 21) + ")", "has 210 Unicode classes"},
		"folded escapes":       {strings.Repeat(`(?i:[\x80-\x{10000}])`, 21), "has 210 Unicode classes"},
		"repeats of optionals": {"(a?b?c?){0,1000}(a?b?c?){0,1000}", "compiles to"},
	} {
		t.Run(name, func(t *testing.T) {
			before := allocated()
			_, err := Compile(tc.expression, nil)
			if err == nil || !IsTooLarge(err) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if spent := allocated() - before; spent > 1<<20 {
				t.Errorf("allocated %d bytes", spent)
			}
		})
	}
}

// allocated is the number of bytes that the process has allocated since its start.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestABudgetIsSharedByTheExpressionsOfAResource(t *testing.T) {
	budget := &Budget{}
	for range 5 {
		if _, err := Compile("(abcdefghij){800}", budget); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Compile("(abcdefghij){800}", budget)
	want := "all regular expressions of the resource compile to 57612 instructions, at most 50000 are allowed; use smaller repeats"
	if err == nil || !IsTooLarge(err) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestUnicodeClassesAreSharedByTheExpressionsOfAResource(t *testing.T) {
	budget := &Budget{}
	var err error
	for n := 0; err == nil; n++ {
		if n > 5 {
			t.Fatal("more than 1000 Unicode classes")
		}
		_, err = Compile(strings.Repeat(`\pL`, 200), budget)
	}
	if want := "all regular expressions of the resource have 1200 Unicode classes, at most 1000"; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestClassesOfTheMaximumNumberStayBelow64MiB(t *testing.T) {
	for _, unit := range []string{`\pL`, `\PL`, `(?i)\pL`, `[^\pL]`, `\p{Lu}`, `(?i:\p{Lu})`, `(\pL)`, `\pL|`, `[[:^alpha:]]`, `(?i:\w)|`} {
		before := allocated()
		expression, err := Compile(strings.Repeat(unit, min(MaxLength/len(unit), MaxClasses)), nil)
		if err != nil {
			t.Errorf("%s: %v", unit, err)
			continue
		}
		if spent := allocated() - before; spent > 64<<20 {
			t.Errorf("%s: %d instructions, %d bytes", unit, expression.Size(), spent)
		}
	}
}

func TestSyntaxErrorsAreThoseOfGo(t *testing.T) {
	_, err := Compile("(", nil)
	var invalid *syntax.Error
	if !errors.As(err, &invalid) || IsTooLarge(err) {
		t.Errorf("got %v", err)
	}
}

func free(int) error { return nil }

// search finds all matches without the shortcut for small texts.
func search(e *Expression, text string, limit int) ([]string, error) {
	large := *e
	large.size = maxAtOnce
	return large.FindAll(text, limit, free)
}

func TestSearchesInPartsFindWhatGoFinds(t *testing.T) {
	texts := []string{"", "a", "aab", "foo bar\nbaz foo", "größe und maß", "a\xffb\xe2\x82c", "aaaa", "\n\n", "ab ab  ab", strings.Repeat("xy ", 50)}
	for _, expression := range []string{
		"a", "a*", "", `\b`, `\B`, "^", "$", "(?m)^", "(?m)$", `\w+`, `(\w)(\w)`, "a|ab", "(?:a*b|a)", ".", "(?s).", "ß", "[^a]", "(?i)FOO", `\z`, `\A.`,
	} {
		e, err := Compile(expression, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			for _, limit := range []int{-1, 0, 1, 2} {
				got, err := search(e, text, limit)
				want := regexp.MustCompile(expression).FindAllString(text, limit)
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("%q in %q, at most %d: got %q, %v, want %q", expression, text, limit, got, err, want)
				}
			}
		}
	}
}

func TestASearchEndsWhenItsBudgetIsSpent(t *testing.T) {
	text := strings.Repeat("a", 100_000)
	spent := errors.New("spent")
	for _, expression := range []string{"(?:a*b|a)", "(?:a*b|c*a)+?", "(a?){400}a{400}b|a"} {
		e, err := Compile(expression, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, search := range map[string]func(Spend) error{
			"match":    func(spend Spend) error { _, err := e.Match(text+text, spend); return err },
			"find all": func(spend Spend) error { _, err := e.FindAll(text, -1, spend); return err },
		} {
			total := 0
			const limit = 5_000_000
			err := search(func(steps int) error {
				if total+steps > limit {
					return spent
				}
				total += steps
				return nil
			})
			if name == "find all" && !errors.Is(err, spent) || total > limit {
				t.Errorf("%s, %s: got %v after %d steps", expression, name, err, total)
			}
		}
	}
}

func FuzzSize(f *testing.F) {
	for _, seed := range []string{
		"(abc){10}", "((a{3}b){4}c){5}", "a{0,5}?", "(|a)*", `(?i)\pL+`, "[^a]{3,}", "x{0}", "(?:a|b|){2,7}", `\Qa.b\E*`, "(?:){9}", "((((a))))?",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		parsed, err := Parse(expression, nil)
		if err != nil {
			return
		}
		got := Size(parsed)
		want := compiledSize(t, expression)
		if got < want {
			t.Errorf("%q: estimated %d instructions, the program has %d", expression, got, want)
		}
		e, err := Compile(expression, nil)
		if err != nil {
			t.Fatal(err)
		}
		if found, err := search(e, expression, -1); err != nil || !slices.Equal(found, e.compiled.FindAllString(expression, -1)) {
			t.Errorf("%q: got %q, %v, want %q", expression, found, err, e.compiled.FindAllString(expression, -1))
		}
	})
}
