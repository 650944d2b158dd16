// Package sarif counts the findings of a report in the format SARIF 2.1.0 (OASIS), which tools of static analysis write. The report is
// foreign input: it is read as a stream, and what is kept of it is bounded.
package sarif

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"kubeops.io/kubeops/internal/provider/stream"
)

// Limits of a report. One that exceeds them is an error.
const (
	// MaxMemory that is kept of a report, in bytes.
	MaxMemory = 8 << 20
	// maxRules of a report whose levels matter.
	maxRules = 50_000
	// MaxFindings of each level that are described.
	MaxFindings = 20
)

// Level of a finding.
type Level int

// Levels, the most severe first.
const (
	Error Level = iota
	Warning
	Note
	levels
	// none is what is not counted.
	none
)

// String is the level as SARIF writes it.
func (l Level) String() string {
	switch l {
	case Error:
		return "error"
	case Warning:
		return "warning"
	case Note:
		return "note"
	}
	return "none"
}

// Finding is a result that counts.
type Finding struct {
	Level Level
	// Rule, File and Message as the tool wrote them, clipped; they may be empty.
	Rule, File, Message string
	// Line from 1; 0 if there is none.
	Line int64
}

// Report is what is kept of a report.
type Report struct {
	// Counts by level.
	Counts [levels]int
	// Findings by level: the first of each in the order of the report, at most MaxFindings. Of a tool that writes levels only with its
	// rules, and these after its results, they are the first of each rule.
	Findings [levels][]Finding
	// Failed is true if a tool reports that it did not succeed, so that findings may be missing.
	Failed bool
	// Empty is true if no tool has a list of results: none looked for findings.
	Empty bool
}

// InvalidError is a report that cannot be counted. Its text quotes nothing of the report.
type InvalidError struct{ Text string }

// Error is the text.
func (e *InvalidError) Error() string { return e.Text }

func invalid(format string, args ...any) error {
	return &InvalidError{Text: fmt.Sprintf(format, args...)}
}

// Read a report. Errors of the reader are returned as they are; others are InvalidErrors.
func Read(in io.Reader) (Report, error) { return read(in, MaxMemory) }

func read(in io.Reader, memory int64) (Report, error) {
	d := stream.New(skipMark(in), stream.Limits{Memory: memory})
	r := &reader{d: d, report: Report{Empty: true}}
	if err := r.document(); err != nil {
		return Report{}, describe(err)
	}
	more, err := d.More()
	switch {
	case err != nil:
		return Report{}, describe(err)
	case more:
		return Report{}, invalid("it has text after its end")
	}
	return r.report, nil
}

// describe an error of the decoder.
func describe(err error) error {
	var limit *stream.LimitError
	switch {
	case errors.Is(err, stream.ErrSyntax):
		return invalid("it is not valid JSON")
	case errors.Is(err, stream.ErrShape):
		return invalid("it is JSON of another shape than SARIF 2.1.0")
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return invalid("it ends too early")
	case errors.As(err, &limit):
		return invalid("it has %s", limit)
	}
	return err
}

// document reads the report.
func (r *reader) document() error {
	switch kind, err := r.d.Kind(); {
	case err != nil:
		return err
	case kind != stream.Object:
		return stream.ErrShape
	}
	var version string
	hasRuns := false
	err := r.d.Object(func(name []byte) (err error) {
		switch string(name) {
		case "version":
			version, err = r.d.Text(maxShort)
		case "runs":
			hasRuns = true
			err = r.d.Array(r.run)
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case !strings.HasPrefix(version, "2.1."):
		return invalid("its version is not 2.1.0")
	case !hasRuns:
		return invalid("it has no runs")
	}
	return nil
}
