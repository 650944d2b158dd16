package cli

import (
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/inspect/render"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/redact"
)

// maxRedacted is the maximum size of the input, in bytes. All of it is held in memory, since secrets can span lines.
const maxRedacted = 64 << 20

// redacted is what `kubeops redact -o json` prints.
type redacted struct {
	// Text as a model or a channel would receive it.
	Text string `json:"text"`
	// Replaced counts the replacements by rule.
	Replaced redact.Counts `json:"replaced"`
}

func newRedact(streams command.Streams) *cobra.Command {
	var file, output string
	var options redact.Options
	cmd := &cobra.Command{
		Use:   "redact",
		Short: "Redact secrets in a text",
		Long: `Replace each secret in a text with a stable pseudonym, as KubeOps does before a text goes into a report or to a model or
notification channel. Nothing is sent anywhere.`,
		Example: `  kubectl logs deploy/cart | kubeops redact
  kubeops redact -f pod.yaml --emails --ips
  kubeops redact -f app.log -o json | jq .replaced`,
		Args: command.NoArguments,
		RunE: func(*cobra.Command, []string) error {
			gate, err := redact.New(options)
			if err != nil {
				return err
			}
			text, err := readText(streams.In, file)
			if err != nil {
				return err
			}
			var out redacted
			out.Text, out.Replaced = gate.Count(text)
			return printRedacted(streams.Out, output, out)
		},
	}
	flags := cmd.Flags()
	filenameFlag(flags, &file)
	flags.StringVarP(&output, "output", "o", "", "json or yaml: the text and the number of replacements by rule (default: only the text)")
	flags.BoolVar(&options.Emails, "emails", false, "also redact email addresses")
	flags.BoolVar(&options.IPs, "ips", false, "also redact IP addresses")
	command.CompleteValues(cmd, "output", "json", "yaml")
	return cmd
}

// readText reads a file, or in if the file is "-".
func readText(in io.Reader, file string) (string, error) {
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return "", err
		}
		defer func() { _ = opened.Close() }()
		in = opened
	}
	content, err := io.ReadAll(io.LimitReader(in, maxRedacted+1))
	switch {
	case err != nil:
		return "", err
	case len(content) > maxRedacted:
		return "", errors.New("the input is larger than 64 MiB; split it, for example with `split -b 32m`")
	}
	return string(content), nil
}

func printRedacted(w io.Writer, output string, out redacted) error {
	switch output {
	case "":
		if terminal.IsTerminal(w) { // a pipe gets the text as it is
			safe := printable.NewWriter(w)
			_, err := io.WriteString(safe, out.Text)
			return errors.Join(err, safe.Flush())
		}
		_, err := io.WriteString(w, out.Text)
		return err
	case "json":
		return render.JSON(w, out)
	case "yaml":
		return render.YAML(w, out)
	}
	return command.InvalidValue("-o", output, "json", "yaml")
}
