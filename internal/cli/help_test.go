package cli

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"kubeops.io/kubeops/internal/cli/command"
)

// every command with the root, except hidden ones.
func everyCommand() []*cobra.Command {
	root := newRoot(command.Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard})
	return append([]*cobra.Command{root}, documented(root)...)
}

// valueNames are the words that help prints for the value of a flag.
func valueNames() []string {
	return []string{"", "string", "strings", "duration", "file", "label=value"}
}

func TestEveryCommandHasADescriptionAndAnExample(t *testing.T) {
	for _, cmd := range everyCommand() {
		if cmd.Short == "" || cmd.Long == "" || cmd.Example == "" {
			t.Errorf("%s: short %q, long %d bytes, example %q", cmd.CommandPath(), cmd.Short, len(cmd.Long), cmd.Example)
		}
		for line := range strings.Lines(cmd.Example) {
			if !strings.HasPrefix(line, "  ") || !strings.Contains(line, "kubeops") {
				t.Errorf("%s: example %q", cmd.CommandPath(), line)
			}
		}
	}
}

func TestHelpNamesTheValueOfEachFlagByOneWord(t *testing.T) {
	for _, cmd := range everyCommand() {
		check := func(f *pflag.Flag) {
			value, usage := pflag.UnquoteUsage(f)
			if !slices.Contains(valueNames(), value) {
				t.Errorf("%s --%s: the value is named %q, which is none of %q", cmd.CommandPath(), f.Name, value, valueNames())
			}
			if strings.Contains(usage, "`") || usage == "" || strings.HasSuffix(usage, ".") {
				t.Errorf("%s --%s: usage %q", cmd.CommandPath(), f.Name, usage)
			}
		}
		cmd.LocalFlags().VisitAll(check)
	}
}

func TestAFileIsReadWithTheSameFlagEverywhere(t *testing.T) {
	for _, cmd := range everyCommand() {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Shorthand == "f" && f.Name != "filename" || f.Name == "filename" && f.Shorthand != "f" || f.Name == "file" && !f.Hidden {
				t.Errorf("%s: -%s, --%s", cmd.CommandPath(), f.Shorthand, f.Name)
			}
		})
	}
	file := t.TempDir() + "/app.log"
	if err := os.WriteFile(file, []byte("ERROR out of disk\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"-f", "--filename", "--file"} {
		if code, out, errOut := runCLI(t, "logs", "templates", flag, file); code != exitOK || !strings.Contains(out, "out of disk") {
			t.Errorf("%s: exit code %d, %q %s", flag, code, out, errOut)
		}
	}
}

// The commands in examples exist, with their flags.
func TestExamplesAreParsed(t *testing.T) {
	examples := regexp.MustCompile(`kubeops ([^|>#)\n]+)`)
	for _, cmd := range everyCommand() {
		for _, match := range examples.FindAllStringSubmatch(cmd.Example, -1) {
			root := newRoot(command.Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard})
			args := splitWords(match[1])
			found, rest, err := root.Find(args)
			if err == nil {
				err = found.ParseFlags(rest)
			}
			if err == nil {
				err = found.ValidateArgs(found.Flags().Args())
			}
			if err != nil {
				t.Errorf("%s: example %q: %v", cmd.CommandPath(), match[0], err)
			}
		}
	}
}

// splitWords splits at spaces outside of quotes.
func splitWords(line string) []string {
	var words []string
	for _, word := range regexp.MustCompile(`"[^"]*"|'[^']*'|\S+`).FindAllString(line, -1) {
		words = append(words, strings.Trim(word, `"'`))
	}
	return words
}

func TestMisspeltNamesAreSuggested(t *testing.T) {
	for line, want := range map[string]string{
		"inspct":                        `unknown command "inspct" of "kubeops" (did you mean "inspect"?)`,
		"logs templaes":                 `(did you mean "templates"?)`,
		"completion bsh":                `(did you mean "bash"?)`,
		"report --outptu json":          `unknown flag --outptu of "kubeops report" (did you mean "--output"?)`,
		"inspect --all-namespace":       `(did you mean "--all-namespaces"?)`,
		"inspect --min-severty high":    `(did you mean "--min-severity"?)`,
		"report -z":                     `unknown flag -z of "kubeops report"; see "kubeops report --help"`,
		"report --output":               `flag needs an argument: --output; see "kubeops report --help"`,
		"report -o jsn":                 `invalid -o "jsn" (did you mean "json"?)`,
		"report --color nevr":           `invalid --color "nevr" (did you mean "never"?)`,
		"inspect --fail-on hihg":        `invalid --fail-on "hihg" (did you mean "high"?)`,
		"inspect --min-severity Critcl": `invalid --min-severity "Critcl" (did you mean "critical"?)`,
		"checks pod-oom":                `unknown check pod-oom (did you mean pod-oom-killed?)`,
		"checks -o ymal":                `(did you mean "yaml"?)`,
		"version -o jsno":               `invalid -o "jsno" (did you mean "json"?): must be json or yaml`,
		"suspend mbb/x":                 `unknown kind "mbb" (did you mean "mb"?)`,
		"suspend --all --kind logbcknd": `(did you mean "logbackend"?)`,
		"logs templates --level eror":   `invalid --level "eror" (did you mean "error"?)`,
		"inspect shop":                  `"kubeops inspect" takes no arguments, got "shop"`,
	} {
		code, out, errOut := runCLI(t, strings.Fields(line)...)
		if code != exitError || out != "" || !strings.Contains(errOut, want) {
			t.Errorf("kubeops %s: exit code %d, %q; want %q", line, code, errOut, want)
		}
	}
}

func TestTheReferenceIsUpToDate(t *testing.T) {
	var b bytes.Buffer
	if err := Reference(&b); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile("../../docs/cli.md")
	if err != nil || string(content) != b.String() {
		t.Errorf("docs/cli.md is not up to date; run `make generate` (%v)", err)
	}
}

func TestCompletionScriptsArePrinted(t *testing.T) {
	for shell, want := range map[string]string{"bash": "__start_kubeops", "zsh": "#compdef kubeops", "fish": "complete -c kubeops"} {
		if code, out, errOut := runCLI(t, "completion", shell); code != exitOK || !strings.Contains(out, want) {
			t.Errorf("%s: exit code %d, %d bytes: %s", shell, code, len(out), errOut)
		}
	}
}

func TestVersionPrintsTheBuild(t *testing.T) {
	build := regexp.MustCompile(`^kubeops \S+ \(commit .+, go1\.\S+, \w+/\w+\)\n$`)
	for _, line := range []string{"version", "--version"} {
		if code, out, _ := runCLI(t, line); code != exitOK || !build.MatchString(out) {
			t.Errorf("%s: exit code %d, %q", line, code, out)
		}
	}
	_, out, _ := runCLI(t, "version", "-o", "json")
	for _, field := range []string{"version", "commit", "goVersion", "platform"} {
		if !strings.Contains(out, `"`+field+`": "`) {
			t.Errorf("no %s in %s", field, out)
		}
	}
}
