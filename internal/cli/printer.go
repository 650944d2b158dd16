package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/render"
)

// Usage of the flags that several commands share.
const (
	outputHelp = "table; json or yaml (an InspectionReport); sarif (code scanning); junit (CI test reports); " +
		"markdown (pull request comments); html (a self-contained page)"
	outputFileHelp = "write the report to a file instead of stdout"
	colorHelp      = "auto (color on a terminal), always or never"
	// recommendationsHelp is for tables; other formats contain everything.
	recommendationsHelp = "print recommendations in full, instead of one line per check (-o table)"
	failOnHelp          = "exit with code 1 on problems or recommendations of this severity or worse: critical, high, medium, low or info"
)

// outputFormats are the values of --output.
func outputFormats() []string { return append([]string{"table"}, render.Formats()...) }

// printer writes a report in one of the output formats.
type printer struct {
	w      io.Writer
	output string
	file   string
	colors terminal.Palette
	width  int
	// checks describe the checks of the findings.
	checks []check.Check
	// recommendations prints recommendations in full instead of one line per check; for tables.
	recommendations bool
	// several is set for a report about several clusters: each finding is printed with its cluster.
	several bool
	// wholeEvidence prints all lines of cited evidence; for tables.
	wholeEvidence bool
	// failOn is the value of --fail-on.
	failOn v1alpha1.Severity
	// locate finds the manifest of an object; nil for live clusters.
	locate func(v1alpha1.ObjectReference) (file string, line int, ok bool)
}

// newPrinter validates the output format, the color mode and the directory of the output file. To validate only, pass a nil w.
func newPrinter(w io.Writer, output, color, file string) (*printer, error) {
	if !slices.Contains(outputFormats(), output) {
		return nil, command.InvalidValue("-o", output, outputFormats()...)
	}
	if file != "" {
		w = nil // the width and colors of the terminal do not apply to a file
		directory := filepath.Dir(file)
		if info, err := os.Stat(directory); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("--output-file: directory %s does not exist", directory)
		}
	}
	p := &printer{w: w, output: output, file: file, width: terminal.Width(w), checks: checks.Builtin()}
	switch color {
	case "always":
		p.colors = terminal.Palette{On: true}
	case "never":
	case "auto":
		_, noColor := os.LookupEnv("NO_COLOR") // see no-color.org: any value disables color
		p.colors = terminal.Palette{On: !noColor && terminal.IsTerminal(w)}
	default:
		return nil, command.InvalidValue("--color", color, "auto", "always", "never")
	}
	return p, nil
}

// print writes the report. The heading appears only in formats for people. A file is written after rendering succeeded: an error
// must not leave a partial file.
func (p *printer) print(report *v1alpha1.InspectionReport, heading string) error {
	if p.file == "" {
		return p.render(report, heading)
	}
	var rendered bytes.Buffer
	p.w = &rendered
	if err := p.render(report, heading); err != nil {
		return err
	}
	return os.WriteFile(p.file, rendered.Bytes(), 0o644)
}

func (p *printer) render(report *v1alpha1.InspectionReport, heading string) error {
	if p.output == "table" {
		return p.table(report, heading)
	}
	return render.Write(p.w, p.output, report, render.Options{
		Checks: p.checks, Version: version(), Heading: heading, FailOn: p.failOn, Locate: p.locate,
	})
}
