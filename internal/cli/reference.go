package cli

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"kubeops.io/kubeops/internal/cli/command"
)

// Reference writes docs/cli.md: every command with its description, examples and flags.
func Reference(w io.Writer) error {
	root := newRoot(command.Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard})
	var b bytes.Buffer
	b.WriteString(`# Command line

Generated from the commands by ` + "`make generate`" + `. ` + "`kubeops COMMAND --help`" + ` prints the same.

A name of an object can have a kind, as ` + "`kubectl get -o name`" + ` prints it: ` + "`inspection/NAME`" + `, ` + "`insp/NAME`" + `, ` +
		"`inspr/NAME`" + ` or ` + "`report/NAME`" + `.
Exit codes are 0, 1 for findings at or above ` + "`--fail-on`" + `, 2 for errors, and 130 after an interrupt.

| Command | |
|---|---|
`)
	commands := documented(root)
	for _, cmd := range commands {
		path := cmd.CommandPath()
		fmt.Fprintf(&b, "| [%s](#%s) | %s |\n", path, strings.ReplaceAll(path, " ", "-"), cmd.Short)
	}
	for _, cmd := range commands {
		describe(&b, cmd)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// documented are all commands, depth first, without the root and hidden ones.
func documented(root *cobra.Command) []*cobra.Command {
	var list []*cobra.Command
	for _, cmd := range root.Commands() {
		if !cmd.Hidden && cmd.Name() != "help" {
			list = append(list, cmd)
			list = append(list, documented(cmd)...)
		}
	}
	return list
}

func describe(b *bytes.Buffer, cmd *cobra.Command) {
	fmt.Fprintf(b, "\n## %s\n\n", cmd.CommandPath())
	fence(b, "text", cmd.UseLine())
	b.WriteString("\n")
	fence(b, "text", strings.TrimSpace(cmd.Long))
	if cmd.Example != "" {
		b.WriteString("\nExamples:\n\n")
		fence(b, "sh", unindent(cmd.Example))
	}
	var rows strings.Builder
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		if value != "" {
			name += " " + value
		}
		if byDefault := f.DefValue; byDefault != "" && byDefault != "false" && byDefault != "[]" {
			usage += " (default: " + byDefault + ")"
		}
		rows.WriteString("| ")
		rows.WriteString(strings.Join([]string{"", name, ""}, "`"))
		rows.WriteString(" | " + strings.ReplaceAll(usage, "|", `\|`) + " |\n")
	})
	if rows.Len() > 0 {
		fmt.Fprintf(b, "\n| Flag | |\n|---|---|\n%s", rows.String())
	}
}

// fence writes a block of code.
func fence(b *bytes.Buffer, language, text string) {
	const marks = "```"
	for _, part := range []string{marks, language, "\n", text, "\n", marks, "\n"} {
		b.WriteString(part)
	}
}

// unindent removes the indent of an example.
func unindent(example string) string {
	lines := strings.Split(strings.Trim(example, "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, "  ")
	}
	return strings.Join(lines, "\n")
}
