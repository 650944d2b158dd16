package child

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// CallLimits bound the calls of a Caller.
type CallLimits struct {
	// Parallel is the number of children at the same time. Default 1.
	Parallel int
	// Deadline of one call with the start of its child. Required.
	Deadline time.Duration
	// MaxAnswer is the size of an answer in bytes. Required.
	MaxAnswer int64
}

// Caller has requests answered by child processes: each child reads one request as JSON, answers it and ends. It is safe for concurrent
// use.
type Caller struct {
	command Command
	limits  CallLimits
	// slots of children that run at the same time.
	slots chan struct{}
}

// NewCaller calls children of a command, which must lead to Answer.
func NewCaller(command Command, limits CallLimits) *Caller {
	return &Caller{command: command, limits: limits, slots: make(chan struct{}, max(limits.Parallel, 1))}
}

// Call sends a request to a child and decodes its answer. The error is ErrMemory or ErrDeadline if a limit of the child ended it, and that
// of ctx if the caller gave up, also while it waited for other children.
func (c *Caller) Call(ctx context.Context, request, answer any) error {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	limited, cancel := context.WithTimeoutCause(ctx, c.limits.Deadline, ErrDeadline)
	defer cancel()
	err := c.command.Run(limited, func(connection io.ReadWriteCloser) error {
		encoder := json.NewEncoder(connection)
		encoder.SetEscapeHTML(false) // which would multiply the size of a text with many brackets
		if err := encoder.Encode(request); err != nil {
			return err
		}
		return json.NewDecoder(io.LimitReader(connection, c.limits.MaxAnswer)).Decode(answer)
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Answer does the work of a child process that a Caller started: it reads one request of at most maxRequest bytes and sends what work
// returns. An error of work ends the child without an answer.
func Answer[Request, Reply any](connection io.ReadWriter, maxRequest int64, work func(Request) (Reply, error)) error {
	var request Request
	if err := json.NewDecoder(io.LimitReader(connection, maxRequest)).Decode(&request); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	reply, err := work(request)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(connection)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(reply)
}
