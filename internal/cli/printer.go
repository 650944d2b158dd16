package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/api/v1alpha1"
)

// printer writes a report in one of the output formats.
type printer struct {
	w      io.Writer
	output string
	colors palette
	width  int
}

// newPrinter checks output and color; w may be nil for that alone.
func newPrinter(w io.Writer, output, color string) (*printer, error) {
	switch output {
	case "table", "json", "yaml":
	default:
		return nil, fmt.Errorf("-o takes table, json or yaml, not %q", output)
	}
	p := &printer{w: w, output: output, width: terminalWidth(w)}
	switch color {
	case "always":
		p.colors = palette{on: true}
	case "never":
	case "auto":
		// The convention of no-color.org: any value turns colour off.
		_, off := os.LookupEnv("NO_COLOR")
		p.colors = palette{on: !off && isTerminal(w)}
	default:
		return nil, fmt.Errorf("--color takes auto, always or never, not %q", color)
	}
	return p, nil
}

// print writes the report; the heading is for people only.
func (p *printer) print(report *v1alpha1.InspectionReport, heading string) error {
	switch p.output {
	case "json":
		encoder := json.NewEncoder(p.w)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(report)
	case "yaml":
		text, err := yaml.Marshal(report)
		if err != nil {
			return err
		}
		_, err = p.w.Write(text)
		return err
	default:
		return p.table(report, heading)
	}
}

// palette colours text on terminals.
type palette struct{ on bool }

func (c palette) paint(code, text string) string {
	if !c.on {
		return text
	}
	return "\033[" + code + "m" + text + "\033[0m"
}

func (c palette) bold(text string) string { return c.paint("1", text) }
func (c palette) dim(text string) string  { return c.paint("2", text) }

func (c palette) severity(s v1alpha1.Severity, text string) string {
	switch s {
	case v1alpha1.SeverityCritical:
		return c.paint("1;31", text)
	case v1alpha1.SeverityHigh:
		return c.paint("31", text)
	case v1alpha1.SeverityMedium:
		return c.paint("33", text)
	default:
		return c.paint("36", text)
	}
}
