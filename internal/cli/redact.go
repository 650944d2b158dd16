package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/internal/redact"
)

// maxRedacted bounds what is held in memory, in bytes: secrets of many lines need the text as a whole.
const maxRedacted = 64 << 20

// redacted is what `kubeops redact -o json` prints.
type redacted struct {
	// Text as a model or a channel would get it.
	Text string `json:"text"`
	// Replaced counts what was replaced, by rule.
	Replaced redact.Counts `json:"replaced"`
}

func newRedact(streams Streams) *cobra.Command {
	var file, output string
	var options redact.Options
	cmd := &cobra.Command{
		Use:   "redact",
		Short: "Show a text as it would leave the cluster: without secrets",
		Long: "Replace secrets in a text by pseudonyms, the same for the same secret, as KubeOps does with every text that goes into a report, to a model or to " +
			"a channel. Nothing is sent anywhere.",
		Example: `  kubectl logs deploy/cart | kubeops redact
  kubeops redact -f pod.yaml --emails --ips
  kubeops redact -f app.log -o json | jq .replaced`,
		Args: cobra.NoArgs,
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
	flags.StringVarP(&file, "filename", "f", "-", "file to read; - is standard input")
	flags.StringVarP(&output, "output", "o", "", "json or yaml: the text, and counts by rule (default: the text alone)")
	flags.BoolVar(&options.Emails, "emails", false, "replace e-mail addresses, too")
	flags.BoolVar(&options.IPs, "ips", false, "replace IP addresses, too")
	complete(cmd, "output", "json", "yaml")
	return cmd
}

// readText reads a file, or what comes in.
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
		return "", errors.New("the text has more than 64 MiB; split it, for example with `split -b 32m`")
	}
	return string(content), nil
}

func printRedacted(w io.Writer, output string, out redacted) error {
	switch output {
	case "":
		_, err := io.WriteString(w, out.Text)
		return err
	case "json":
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(out)
	case "yaml":
		content, err := yaml.Marshal(out)
		if err != nil {
			return err
		}
		_, err = w.Write(content)
		return err
	}
	return fmt.Errorf("unknown output %q; there are json and yaml", output)
}
