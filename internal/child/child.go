// Package child runs work in a process of its own, an instance of the same program, so that the work has limits that the kernel
// holds: memory that ends at a limit, and a deadline at which the process is killed. What the work does can end the child and never
// the process that started it. Parent and child talk over the child's standard input and output.
//
// The limits are not a sandbox: the child has the permissions and the secrets of its parent.
package child

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

const (
	// memoryVariable has the memory limit of a child in bytes.
	memoryVariable = "KUBEOPS_CHILD_MEMORY"
	// gcShare of the memory limit at which the garbage collector works harder, in percent. The rest is for what the collector does not
	// count, and for what a child allocates while a collection runs.
	gcShare = 85
	// maxCrashText is how much of a child's standard error is kept, in bytes. A crash says the reason first.
	maxCrashText = 4 << 10
	// exitDelay is how long a child that ended the conversation may take to exit.
	exitDelay = 2 * time.Second
)

// Command describes a child process.
type Command struct {
	// Path of the program and its arguments; they must lead to Enter.
	Path string
	Args []string
	// Memory limits the private memory of the process in bytes: heap, stacks and data. 0 sets no limit. Linux enforces it when memory is
	// mapped (RLIMIT_DATA); elsewhere the process ends itself shortly after it exceeded the limit.
	Memory int64
	// Processors the process uses at once. 0 uses all.
	Processors int
	// Ended is called when the process has ended, with the most memory that it had in bytes, that of its program included; 0 where that is
	// not known. Of a process that ended before the conversation did, it is at least that of this process. Nil calls nothing.
	Ended func(peak int64)
	// Work that the process does, for Metrics.
	Work Work
	// Metrics count the process. Nil counts nothing.
	Metrics *Metrics
}

// Errors that say which limit ended a child.
var (
	// ErrMemory is a child that needed more memory than its limit.
	ErrMemory = errors.New("the process exceeded its memory limit")
	// ErrDeadline is a child that was killed because it did not end in time.
	ErrDeadline = errors.New("the process did not end in time and was killed")
)

// CrashError is a child that ended before the conversation did.
type CrashError struct {
	// State is how the process ended, for example "exit status 2".
	State string
	// Text is the first line of its standard error. It is for logs only, since it may quote what the child worked on.
	Text string
}

// Error implements error.
func (e *CrashError) Error() string { return "the process ended early (" + e.State + "): " + e.Text }

// Run starts a child, holds the conversation with it, and waits for its end. The conversation's connection is closed when the child
// has exited. Cancelling ctx kills the child; with the cause ErrDeadline (context.WithCancelCause, WithDeadlineCause) Run returns
// that. If the child ends early, the error of the conversation is replaced by the reason: ErrMemory or a *CrashError.
func (c Command) Run(ctx context.Context, conversation func(io.ReadWriteCloser) error) error {
	c.Metrics.started(c.Work)
	err := c.run(ctx, conversation)
	c.Metrics.ended(c.Work, err)
	return err
}

func (c Command) run(ctx context.Context, conversation func(io.ReadWriteCloser) error) error {
	life, kill := context.WithCancel(ctx)
	defer kill()
	cmd := exec.CommandContext(life, c.Path, c.Args...)
	cmd.Env = c.environment()
	cmd.WaitDelay = exitDelay
	crash := &head{}
	cmd.Stderr = crash
	pipe, err := connect(cmd)
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start a process: %w", err)
	}
	talked := conversation(pipe)
	used := peak(cmd.Process)
	// The end of its input tells the child to exit. One that does not is killed.
	_ = pipe.in.Close()
	overdue := time.AfterFunc(exitDelay, kill)
	ended := cmd.Wait()
	exited := overdue.Stop()
	if c.Ended != nil {
		c.Ended(cmp.Or(used, peakAtEnd(cmd.ProcessState)))
	}
	switch cause := context.Cause(ctx); {
	case talked == nil:
		return nil
	case cause != nil:
		return cause
	case !exited:
		return talked
	}
	return c.reason(talked, ended, crash.String())
}

// reason why a conversation failed: the end of the process, if that came first.
func (c Command) reason(talked, ended error, text string) error {
	exit := (*exec.ExitError)(nil)
	if !errors.As(ended, &exit) {
		return talked
	}
	if c.Memory > 0 && (killed(exit) || starved(text)) {
		return ErrMemory
	}
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return &CrashError{State: exit.String(), Text: line}
}

// starved reports whether a crash says that the runtime got no memory. Some parts of it do not check for that, among them the garbage
// collector, and fault instead: runtime.(*spanQueue).tryDrain of Go 1.26 does. A nil pointer of the program itself is a panic, which reads
// differently, and other reasons for a fault in the runtime need cgo or a bug in it.
func starved(text string) bool {
	return strings.Contains(text, "out of memory") || strings.Contains(text, "cannot allocate memory") ||
		strings.HasPrefix(text, "SIGSEGV: segmentation violation")
}

// environment of a child: the parent's, with limits of the Go runtime. They hold from its first instruction.
func (c Command) environment() []string {
	environment := os.Environ()
	set := func(name string, value int64) {
		environment = append(environment, name+"="+strconv.FormatInt(value, 10)) // the last one counts
	}
	if c.Memory > 0 {
		set("GOMEMLIMIT", c.Memory*gcShare/100)
		set(memoryVariable, c.Memory)
	}
	if c.Processors > 0 {
		set("GOMAXPROCS", int64(c.Processors))
	}
	return environment
}

// Enter takes the limits of a child on, and returns its connection to the parent. It is the first call of a child. When the parent
// closes the connection or ends, the process exits.
func Enter() (io.ReadWriteCloser, error) {
	if text := os.Getenv(memoryVariable); text != "" {
		limit, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", memoryVariable, err)
		}
		if err := confine(limit); err != nil {
			return nil, err
		}
	}
	return &stdio{}, nil
}

// stdio is the child's end of the conversation.
type stdio struct{}

// Read implements io.Reader. At the end of the input, the parent no longer waits for the result.
func (*stdio) Read(p []byte) (int, error) {
	n, err := os.Stdin.Read(p)
	if err != nil {
		os.Exit(0) //nolint:forbidigo // the work goes on in other goroutines, which nothing else can end
	}
	return n, err
}

func (*stdio) Write(p []byte) (int, error) { return os.Stdout.Write(p) }

func (*stdio) Close() error { return os.Stdout.Close() }

// pipe is the parent's end of the conversation.
type pipe struct {
	in  io.WriteCloser
	out io.ReadCloser
}

func connect(cmd *exec.Cmd) (*pipe, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return &pipe{in: in, out: out}, nil
}

func (p *pipe) Read(b []byte) (int, error)  { return p.out.Read(b) }
func (p *pipe) Write(b []byte) (int, error) { return p.in.Write(b) }
func (p *pipe) Close() error                { return errors.Join(p.in.Close(), p.out.Close()) }

// head keeps the beginning of a text.
type head struct{ bytes.Buffer }

func (h *head) Write(p []byte) (int, error) {
	if room := maxCrashText - h.Len(); room > 0 {
		h.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
