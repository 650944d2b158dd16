// Package problem is how failures reach the user. The code that knows a failure describes it once, as a Problem; its callers
// only choose where it is shown: in a condition, or on a terminal.
package problem

import (
	"errors"
	"fmt"
	"time"
)

// Action is what can resolve a problem.
type Action int

const (
	// Retry says that an external system failed and may recover; retry with back-off.
	Retry Action = iota
	// Wait says that something does not exist yet; retry after a known time.
	Wait
	// UserMustAct says that only a change by the user resolves it.
	UserMustAct
)

// Problem is an error with a reason for machines and a message for people.
type Problem struct {
	// Reason is a CamelCase constant of the API, for example InvalidSchedule.
	Reason string
	// Message says what failed, on which object, and what to do. It is the same for every attempt: no times, counters or
	// request IDs, which would change the status that carries it and wake its controller.
	Message string
	// Action is what can resolve it.
	Action Action
	// After is when to retry; used with Wait. Default one minute.
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

// Retrying is a problem of an external system that may recover.
func Retrying(reason string, cause error, format string, args ...any) *Problem {
	return &Problem{Reason: reason, Message: fmt.Sprintf(format, args...), Action: Retry, Cause: cause}
}

// Waiting is a problem that ends when something appears; it is retried after the given time.
func Waiting(reason string, after time.Duration, format string, args ...any) *Problem {
	return &Problem{Reason: reason, Message: fmt.Sprintf(format, args...), Action: Wait, After: after}
}

// UserError is a problem that only the user can resolve.
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

// In is an error whose message starts with where it happened. One that is no Problem stays as it is.
func In(where string, err error) error {
	found := As(err)
	if found == nil {
		return err
	}
	located := *found
	located.Message = where + ": " + found.Message
	return &located
}
