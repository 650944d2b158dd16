package message

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/child"
	"kubeops.io/kubeops/internal/problem"
)

const (
	// Memory is the limit of a child process in bytes. The most expensive templates that the limits permit need three quarters of it.
	Memory = 64 << 20
	// deadline of the messages of one report in a child process, with its start.
	deadline = 10 * time.Second
	// maxRequest is the size of what the parent sends, in bytes: templates, and the findings of a report of 512 KiB, each in one
	// message, with what all messages have. All of it in escapes stays below that.
	maxRequest = 32 << 20
	// maxAnswer is the size of what a child sends, in bytes: a line break, a quote and a backslash take two in JSON.
	maxAnswer = 2*maxTotal + 1<<20
	// retryStopped is when to repeat what a limit ended: the node may have had too little memory or time for all.
	retryStopped = 10 * time.Minute
)

// Child renders the templates that tenants wrote in child processes, one for each request, and the default ones in this process.
type Child struct{ caller *child.Caller }

// NewChild renders in children of a command, at most so many at the same time. The command must lead to Serve.
func NewChild(command child.Command, parallel int) *Child {
	return &Child{child.NewCaller(command, child.CallLimits{Parallel: parallel, Deadline: deadline, MaxAnswer: maxAnswer})}
}

// answer of a child.
type answer struct {
	Messages []Rendered
	// Invalid is why a template cannot be rendered.
	Invalid string
}

// Render implements Renderer. A child that a limit ends is a problem that names the limit, and is tried again after ten minutes.
func (c *Child) Render(ctx context.Context, request Request) ([]Rendered, error) {
	if request.Title == "" && request.Text == "" {
		return Local{}.Render(ctx, request)
	}
	var got answer
	err := c.caller.Call(ctx, request, &got)
	crash := (*child.CrashError)(nil)
	switch {
	case ctx.Err() != nil:
		return nil, problem.Retrying(v1alpha1.ReasonRetrying, ctx.Err(),
			"spec.template was not rendered before the deadline of the delivery")
	case errors.Is(err, child.ErrMemory):
		return nil, problem.Waiting(v1alpha1.ReasonMemoryLimitExceeded, retryStopped,
			"spec.template was stopped because it needed more than %d MiB of memory; simplify it, or narrow spec.filter", Memory>>20)
	case errors.Is(err, child.ErrDeadline):
		return nil, problem.Waiting(v1alpha1.ReasonDeadlineExceeded, retryStopped,
			"spec.template was stopped because it needed longer than %s; simplify it, or narrow spec.filter", deadline)
	case errors.As(err, &crash):
		// Not the whole error: what a process printed at its end may contain what it rendered.
		return nil, problem.Retrying(v1alpha1.ReasonRetrying, fmt.Errorf("the process of a template: %s", crash.State),
			"the process of spec.template ended early; see the manager's log")
	case err != nil:
		return nil, problem.Retrying(v1alpha1.ReasonRetrying, err,
			"cannot render spec.template in a process of its own; see the manager's log")
	case got.Invalid != "":
		return nil, problem.UserError(v1alpha1.ReasonInvalidTemplate, nil, "%s", got.Invalid)
	case len(got.Messages) != len(request.Data):
		return nil, problem.Retrying(v1alpha1.ReasonRetrying, nil, "the process of spec.template rendered %d of %d messages",
			len(got.Messages), len(request.Data))
	}
	return got.Messages, nil
}

// Serve does the work of a child process: it answers one request.
func Serve(ctx context.Context, connection io.ReadWriteCloser) error {
	return child.Answer(connection, maxRequest, func(request Request) (answer, error) {
		messages, err := Local{}.Render(ctx, request)
		if p := problem.As(err); p != nil && p.Action == problem.UserMustAct {
			return answer{Invalid: p.Message}, nil
		}
		return answer{Messages: messages}, err
	})
}
