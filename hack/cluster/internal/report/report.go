// Package report logs the steps of a command and their duration.
package report

import (
	"fmt"
	"io"
	"time"
)

// Log writes one line per step to standard error, so standard output contains results only.
type Log struct {
	out io.Writer
}

// New returns a Log that writes to out.
func New(out io.Writer) *Log { return &Log{out: out} }

// Say writes one line.
func (l *Log) Say(format string, args ...any) {
	_, _ = fmt.Fprintf(l.out, format+"\n", args...) // a failure to log cannot be reported
}

// Step runs one step and logs its name and duration when it has ended.
func (l *Log) Step(what string, do func() error) error {
	start := time.Now()
	if err := do(); err != nil {
		l.Say("  %-52s failed after %s", what, Seconds(time.Since(start)))
		return fmt.Errorf("%s: %w", what, err)
	}
	l.Say("  %-52s %s", what, Seconds(time.Since(start)))
	return nil
}

// Seconds formats a duration for people.
func Seconds(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}
