package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/inspect/loganalysis"
	"kubeops.io/kubeops/internal/inspect/loganalysis/event"
	"kubeops.io/kubeops/internal/inspect/render"
	"kubeops.io/kubeops/internal/redact"
)

// templatesOutput is what `kubeops logs templates -o json` prints.
type templatesOutput struct {
	Lines     int             `json:"lines"`
	Events    int             `json:"events"`
	Templates []templateEntry `json:"templates"`
	// Omitted counts rare templates that were dropped to bound memory.
	Omitted int `json:"omitted,omitempty"`
}

type templateEntry struct {
	Template string `json:"template"`
	// Level is debug, info, warn, error or fatal; empty if unknown.
	Level string `json:"level,omitempty"`
	// Count is the number of events, Lines the number of lines in all of them.
	Count   int    `json:"count"`
	Lines   int    `json:"lines"`
	Trace   bool   `json:"stackTrace,omitempty"`
	Example string `json:"example"`
}

func newLogs(streams command.Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use: "logs", Short: "Analyze log lines", Long: "Analyze log lines from a file or stdin. No cluster is contacted.",
		Example: "  kubectl logs deploy/cart | kubeops logs templates", Args: command.OnlySubcommands, RunE: command.PrintHelp,
	}
	cmd.AddCommand(newLogTemplates(streams))
	return cmd
}

type templatesOptions struct {
	file, output, level string
}

func newLogTemplates(streams command.Streams) *cobra.Command {
	var o templatesOptions
	cmd := &cobra.Command{
		Use:   "templates",
		Short: "Group log lines into templates and count them",
		Long: `Templates groups log lines that come from the same log statement and prints each group with its count, level and an
example, fatal messages and errors first. Numbers, times, addresses, IDs and quoted values are masked. A stack trace
counts as one event. Secrets are redacted. The input can have any size; no cluster is contacted.`,
		Example: `  kubectl logs deploy/cart | kubeops logs templates
  kubectl logs -l app=cart --prefix --tail=-1 | kubeops logs templates --level error
  kubeops logs templates -f app.log -o json`,
		Args: command.NoArguments,
		RunE: func(*cobra.Command, []string) error { return o.run(streams) },
	}
	flags := cmd.Flags()
	filenameFlag(flags, &o.file)
	flags.StringVar(&o.file, "file", "-", "file to read")
	if err := flags.MarkDeprecated("file", "use --filename"); err != nil { // also hides it
		panic(err) // only a flag that is not defined fails
	}
	flags.StringVarP(&o.output, "output", "o", "table", "table, json or yaml")
	flags.StringVar(&o.level, "level", "", "minimum level to print: debug, info, warn, error or fatal")
	command.CompleteValues(cmd, "output", "table", "json", "yaml")
	command.CompleteValues(cmd, "level", "debug", "info", "warn", "error", "fatal")
	return cmd
}

// filenameFlag registers -f for a command that reads one file.
func filenameFlag(flags *pflag.FlagSet, file *string) {
	flags.StringVarP(file, "filename", "f", "-", "`file` to read; - for stdin")
}

func (o *templatesOptions) run(streams command.Streams) error {
	minLevel := event.Named(o.level)
	switch {
	case o.level != "" && minLevel.String() != o.level:
		return command.InvalidValue("--level", o.level, "debug", "info", "warn", "error", "fatal")
	case o.output != "table" && o.output != "json" && o.output != "yaml":
		return command.InvalidValue("-o", o.output, "table", "json", "yaml")
	}
	in := streams.In
	if o.file != "-" {
		file, err := os.Open(o.file)
		if err != nil {
			return fmt.Errorf("read log lines: %w", err)
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	gate, err := redact.New(redact.Options{})
	if err != nil {
		return err
	}
	found, err := loganalysis.Text(in, gate.Text)
	if err != nil {
		return err
	}
	result := templatesOutput{Lines: found.Lines, Events: found.Events, Omitted: found.Evicted, Templates: []templateEntry{}}
	for _, t := range found.Templates {
		if event.Named(t.Level) >= minLevel {
			result.Templates = append(result.Templates, templateEntry{t.Template, t.Level, t.Count, t.Lines, t.Trace, t.Example})
		}
	}
	return result.print(streams.Out, o.output)
}

func (o *templatesOutput) print(w io.Writer, output string) error {
	switch output {
	case "json":
		return render.JSON(w, o)
	case "yaml":
		return render.YAML(w, o)
	}
	return o.table(w)
}

// table prints a line per template, followed by its example unless that is identical.
func (o *templatesOutput) table(w io.Writer) error {
	width := terminal.Width(w)
	text := &terminal.Writer{W: w, Width: width}
	text.Line("%s, %s, %s", terminal.Count(o.Lines, "line", "lines"), terminal.Count(o.Events, "event", "events"),
		terminal.Count(len(o.Templates), "template", "templates"))
	if len(o.Templates) > 0 {
		text.Line("%8s  %-5s  %s", "COUNT", "LEVEL", "TEMPLATE")
	}
	for _, t := range o.Templates {
		text.Line("%8d  %-5s  %s", t.Count, t.Level, clipLine(t.Template, width-17))
		if first, _, _ := strings.Cut(t.Example, "\n"); first != t.Template {
			text.Line("%15s  | %s", "", clipLine(first, width-19))
		}
	}
	if o.Omitted > 0 {
		text.Line("%s omitted to bound memory", terminal.Count(o.Omitted, "rare template", "rare templates"))
	}
	return text.Err
}
