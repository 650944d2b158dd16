package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/render"
)

// outputHelp is the help of --output.
const outputHelp = "table; json or yaml, in the shape of an InspectionReport; sarif for code hosts; junit for continuous integration; " +
	"markdown for a comment; html, one file to read in a browser"

// outputFormats are the values of --output.
func outputFormats() []string { return append([]string{"table"}, render.Formats()...) }

// printer writes a report in one of the output formats.
type printer struct {
	w      io.Writer
	output string
	file   string
	colors palette
	width  int
	// checks is the catalogue that formats explain findings from.
	checks []check.Check
	// locate finds the manifests of objects; nil for live clusters.
	locate func(v1alpha1.ObjectReference) (file string, line int, ok bool)
}

// newPrinter checks output and color, and that the folder of the file, if one is named, is there; w may be nil for that alone.
func newPrinter(w io.Writer, output, color, file string) (*printer, error) {
	if !slices.Contains(outputFormats(), output) {
		return nil, fmt.Errorf("-o takes %s, not %q", joinWords(outputFormats()), output)
	}
	if file != "" {
		w = nil // neither the terminal's width nor its colours matter
		folder := filepath.Dir(file)
		if info, err := os.Stat(folder); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("--output-file: there is no folder %s", folder)
		}
	}
	p := &printer{w: w, output: output, file: file, width: terminalWidth(w), checks: checks.Builtin()}
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

// print writes the report; the heading is for people only. A file is written once all is rendered, so that a failure does
// not leave half of one.
func (p *printer) print(report *v1alpha1.InspectionReport, heading string) error {
	if p.file == "" {
		return p.render(report, heading)
	}
	var b bytes.Buffer
	p.w = &b
	if err := p.render(report, heading); err != nil {
		return err
	}
	return os.WriteFile(p.file, b.Bytes(), 0o644)
}

func (p *printer) render(report *v1alpha1.InspectionReport, heading string) error {
	if p.output == "table" {
		return p.table(report, heading)
	}
	return render.Write(p.w, p.output, report, render.Options{
		Checks: p.checks, Version: version(), Heading: heading, Locate: p.locate,
	})
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
