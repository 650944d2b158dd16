package expression

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"kubeops.io/kubeops/internal/child"
)

const (
	// deadline of one request in a child process, with its start.
	deadline = 20 * time.Second
	// maxRequest and maxAnswer are the sizes of what parent and child send, in bytes. A spec has at most 1.5 MiB, and a delivery of a
	// webhook 1 MiB, of which each quotation mark takes two bytes.
	maxRequest = 4 << 20
	maxAnswer  = 1 << 20
	// Memory is the limit of a child process in bytes. Compiling and evaluating the most expensive expressions that the bounds permit needs
	// half of it.
	Memory = 160 << 20
)

// Child evaluates each request in a child process.
type Child struct{ caller *child.Caller }

// NewChild evaluates in children of a command, at most so many at the same time. The command must lead to Serve.
func NewChild(command child.Command, parallel int) *Child {
	return &Child{child.NewCaller(command, child.CallLimits{Parallel: parallel, Deadline: deadline, MaxAnswer: maxAnswer})}
}

// answer of a child.
type answer struct {
	Results []Result
	Invalid string
}

// Evaluate implements Evaluator. A child that a limit ends is an *InvalidError: the expressions need too much.
func (c *Child) Evaluate(ctx context.Context, request Request) ([]Result, error) {
	var got answer
	err := c.caller.Call(ctx, request, &got)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, child.ErrMemory):
		return nil, &InvalidError{fmt.Sprintf("the expressions need more than %d MiB of memory; simplify them", Memory>>20)}
	case errors.Is(err, child.ErrDeadline):
		return nil, &InvalidError{fmt.Sprintf("the expressions need longer than %s; simplify them", deadline)}
	case err != nil:
		return nil, fmt.Errorf("evaluate expressions: %w", err)
	case got.Invalid != "":
		return nil, &InvalidError{got.Invalid}
	case len(got.Results) != request.results():
		return nil, fmt.Errorf("evaluate expressions: %d results of %d expressions", len(got.Results), request.results())
	}
	return got.Results, nil
}

// Serve does the work of a child process: it answers one request.
func Serve(ctx context.Context, connection io.ReadWriteCloser) error {
	return child.Answer(connection, maxRequest, func(request Request) (answer, error) {
		results, err := Local{}.Evaluate(ctx, request)
		if invalid := (*InvalidError)(nil); errors.As(err, &invalid) {
			return answer{Invalid: invalid.Text}, nil
		}
		return answer{Results: results}, err
	})
}
