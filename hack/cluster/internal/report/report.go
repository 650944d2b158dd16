// Package report tells the person at the terminal what is being done and how long it took.
package report

import (
	"fmt"
	"io"
	"time"
)

// Log writes a line for each step. It goes to standard error, so that standard output holds results only.
type Log struct {
	out io.Writer
}

// New makes a Log that writes to out.
func New(out io.Writer) *Log { return &Log{out: out} }

// Say writes one line.
func (l *Log) Say(format string, args ...any) {
	_, _ = fmt.Fprintf(l.out, format+"\n", args...) // nobody is there to be told of a failure
}

// Step runs one step of a longer piece of work and says what it was and how long it took, in the order of their ends.
func (l *Log) Step(what string, do func() error) error {
	start := time.Now()
	if err := do(); err != nil {
		l.Say("  %-52s failed after %s", what, Seconds(time.Since(start)))
		return fmt.Errorf("%s: %w", what, err)
	}
	l.Say("  %-52s %s", what, Seconds(time.Since(start)))
	return nil
}

// Seconds is a duration as a person would say it.
func Seconds(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}
