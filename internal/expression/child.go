package expression

import (
	"context"
	"encoding/json"
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
type Child struct {
	command child.Command
	// slots of children that run at the same time.
	slots chan struct{}
}

// NewChild evaluates in children of a command, at most so many at the same time. The command must lead to Serve.
func NewChild(command child.Command, parallel int) *Child {
	return &Child{command: command, slots: make(chan struct{}, max(parallel, 1))}
}

// answer of a child.
type answer struct {
	Results []Result
	Invalid string
}

// Evaluate implements Evaluator. A child that a limit ends is an *InvalidError: the expressions need too much.
func (c *Child) Evaluate(ctx context.Context, request Request) ([]Result, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	limited, cancel := context.WithTimeoutCause(ctx, deadline, child.ErrDeadline)
	defer cancel()
	var got answer
	err := c.command.Run(limited, func(connection io.ReadWriteCloser) error {
		encoder := json.NewEncoder(connection)
		encoder.SetEscapeHTML(false) // which would multiply the size of a text with many brackets
		if err := encoder.Encode(request); err != nil {
			return err
		}
		return json.NewDecoder(io.LimitReader(connection, maxAnswer)).Decode(&got)
	})
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
	var request Request
	if err := json.NewDecoder(io.LimitReader(connection, maxRequest)).Decode(&request); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	results, err := Local{}.Evaluate(ctx, request)
	var invalid *InvalidError
	switch {
	case errors.As(err, &invalid):
		return json.NewEncoder(connection).Encode(answer{Invalid: invalid.Text})
	case err != nil:
		return err
	}
	return json.NewEncoder(connection).Encode(answer{Results: results})
}
