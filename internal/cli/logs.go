package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/internal/inspect/loganalysis"
	"kubeops.io/kubeops/internal/inspect/loganalysis/event"
	"kubeops.io/kubeops/internal/redact"
)

// templatesOutput is what `kubeops logs templates -o json` prints.
type templatesOutput struct {
	Lines     int             `json:"lines"`
	Events    int             `json:"events"`
	Templates []templateEntry `json:"templates"`
	// Omitted counts templates that were given up for want of room.
	Omitted int `json:"omitted,omitempty"`
}

type templateEntry struct {
	Template string `json:"template"`
	// Level is debug, info, warn, error or fatal; empty where no line tells.
	Level string `json:"level,omitempty"`
	// Count of events, Lines of all of them.
	Count   int    `json:"count"`
	Lines   int    `json:"lines"`
	Trace   bool   `json:"stackTrace,omitempty"`
	Example string `json:"example"`
}

func newLogs(streams Streams) *cobra.Command {
	cmd := &cobra.Command{Use: "logs", Short: "Work on log lines", Args: cobra.NoArgs}
	cmd.AddCommand(newLogTemplates(streams))
	return cmd
}

type templatesOptions struct {
	file, output, level string
}

func newLogTemplates(streams Streams) *cobra.Command {
	var o templatesOptions
	cmd := &cobra.Command{
		Use:   "templates",
		Short: "Find what log lines have in common, and count it",
		Long: `Templates reads log lines, joins those that one statement of a program wrote, and prints each with its count, its level
and an example: what ends a program and errors first. Numbers, times, addresses, ids and quoted values are masked, and a stack
trace is one event. What looks like a secret is replaced. Nothing but the lines is read, and they may be of any length and number.`,
		Example: `  kubectl logs deploy/cart | kubeops logs templates
  kubectl logs -l app=cart --prefix --tail=-1 | kubeops logs templates --level error
  kubeops logs templates -f app.log -o json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return o.run(streams) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.file, "file", "f", "-", "file to read; - reads standard input")
	flags.StringVarP(&o.output, "output", "o", "table", "table, json or yaml")
	flags.StringVar(&o.level, "level", "", "only what has this level or a worse one: debug, info, warn, error or fatal")
	complete(cmd, "output", "table", "json", "yaml")
	complete(cmd, "level", "debug", "info", "warn", "error", "fatal")
	return cmd
}

func (o *templatesOptions) run(streams Streams) error {
	least := event.Named(o.level)
	switch {
	case o.level != "" && least.String() != o.level:
		return fmt.Errorf("--level takes debug, info, warn, error or fatal, not %q", o.level)
	case o.output != "table" && o.output != "json" && o.output != "yaml":
		return fmt.Errorf("-o takes table, json or yaml, not %q", o.output)
	}
	in := streams.In
	if o.file != "-" {
		file, err := os.Open(o.file)
		if err != nil {
			return fmt.Errorf("read the lines: %w", err)
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
	told := templatesOutput{Lines: found.Lines, Events: found.Events, Omitted: found.Evicted, Templates: []templateEntry{}}
	for _, t := range found.Templates {
		if event.Named(t.Level) >= least {
			told.Templates = append(told.Templates, templateEntry{t.Template, t.Level, t.Count, t.Lines, t.Trace, t.Example})
		}
	}
	return told.print(streams.Out, o.output)
}

func (o *templatesOutput) print(w io.Writer, output string) error {
	switch output {
	case "json":
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(o)
	case "yaml":
		text, err := yaml.Marshal(o)
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	}
	return o.table(w)
}

// table prints one line for each template, and its example below where that says more.
func (o *templatesOutput) table(w io.Writer) error {
	width := terminalWidth(w)
	text := &textWriter{w: w, width: width}
	text.line("%s, %s, %s", count(o.Lines, "line", "lines"), count(o.Events, "event", "events"), count(len(o.Templates), "template", "templates"))
	if len(o.Templates) > 0 {
		text.line("%8s  %-5s  %s", "COUNT", "LEVEL", "TEMPLATE")
	}
	for _, t := range o.Templates {
		text.line("%8d  %-5s  %s", t.Count, t.Level, clipLine(t.Template, width-17))
		if first, _, _ := strings.Cut(t.Example, "\n"); first != t.Template {
			text.line("%15s  | %s", "", clipLine(first, width-19))
		}
	}
	if o.Omitted > 0 {
		text.line("%s were given up for want of room", count(o.Omitted, "rare template", "rare templates"))
	}
	return text.err
}
