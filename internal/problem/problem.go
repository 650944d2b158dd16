// Package problem is how failures travel to the user. The part that knows a failure words it once, as a Problem; what
// stands above only places it: in a condition, or on a terminal.
package problem

import (
	"errors"
	"fmt"
	"time"
)

// Action says who can do something about a problem.
type Action int

const (
	// Retry says that something outside failed and may recover; try again with back-off.
	Retry Action = iota
	// Wait says that something is not there yet; look again after a known time.
	Wait
	// UserMustAct says that only a change by the user can help.
	UserMustAct
)

// Problem is an error with a reason for machines and a message for people.
type Problem struct {
	// Reason is a CamelCase constant of the API, for example InvalidSchedule.
	Reason string
	// Message says what failed, on which object, and what to do. It holds still between tries: no times, counters or
	// request ids, so that a status that carries it does not change by itself.
	Message string
	// Action says who can do something about it.
	Action Action
	// After is when to look again; used with Wait. Default one minute.
	After time.Duration
	// Cause is the error underneath, for logs and events; may be nil.
	Cause error
}

// Error is the message and the cause.
func (p *Problem) Error() string {
	if p.Cause == nil {
		return p.Message
	}
	return p.Message + ": " + p.Cause.Error()
}

// Unwrap is the cause.
func (p *Problem) Unwrap() error { return p.Cause }

// Retrying is a problem of something outside that may recover.
func Retrying(reason string, cause error, format string, args ...any) *Problem {
	return &Problem{Reason: reason, Message: fmt.Sprintf(format, args...), Action: Retry, Cause: cause}
}

// Waiting is a problem that goes away when something appears; it is looked at again after the given time.
func Waiting(reason string, after time.Duration, format string, args ...any) *Problem {
	return &Problem{Reason: reason, Message: fmt.Sprintf(format, args...), Action: Wait, After: after}
}

// UserError is a problem that only the user can solve.
func UserError(reason string, cause error, format string, args ...any) *Problem {
	return &Problem{Reason: reason, Message: fmt.Sprintf(format, args...), Action: UserMustAct, Cause: cause}
}

// As returns the Problem within an error, or nil.
func As(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	return nil
}
