package remedy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/remedy"
)

// FuzzRewriteReadsTheWordsOfAShell checks that Rewrite reads what Sprintf wrote.
func FuzzRewriteReadsTheWordsOfAShell(f *testing.F) {
	for _, name := range hostileNames() {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if strings.Contains(name, "\x00") {
			return
		}
		var got []string
		text := remedy.Sprintf("About %s: `cmd x=%s '{.data.%s}' \"%s\" | end`.", name, name, name, name)
		kept := remedy.Rewrite(text, func(words []string) (remedy.Text, bool) {
			got = words
			return "", false
		})
		want := []string{"cmd", "x=" + name, "{.data." + name + "}", name, "|", "end"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
		if kept != text {
			t.Errorf("%s became %s", text, kept)
		}
	})
}

func TestRewriteReplacesCommands(t *testing.T) {
	for text, want := range map[remedy.Text]remedy.Text{
		"Lower it: `a b`.":             "Lower it: do a.",
		"`a`, then `b`. `c` shows it.": "Do a, then do b. Do c shows it.",
		"No command.":                  "No command.",
		"An odd ` backquote":           "An odd ` backquote",
		"`keep this`, or `a`":          "`keep this`, or do a",
		"":                             "",
	} {
		got := remedy.Rewrite(text, func(words []string) (remedy.Text, bool) {
			return remedy.Sprintf("do %s", words[0]), words[0] != "keep"
		})
		if got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}
