package runner

import (
	"context"
	"errors"
	"io"
	"net/rpc"
	"net/rpc/jsonrpc"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/child"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/problem"
)

const (
	// resolveTimeout is how long a child may take to start and to resolve what the spec refers to.
	resolveTimeout = time.Minute
	// reportDelay is how long after its deadline a run may take to report what it has.
	reportDelay = 2 * time.Second
	// maxRequest bounds each request of a child, in bytes. A report has 512 KiB at most.
	maxRequest = 16 << 20
	// retryKilled is when to repeat a run that a limit ended: the cluster may have become smaller.
	retryKilled = 10 * time.Minute
)

// Child runs each Inspection in a child process.
type Child struct {
	// Command starts a program that calls Serve. Required.
	Command child.Command
	// Config reaches the cluster as the manager. Required.
	Config *rest.Config
	// Targets finds the clusters of spec.clusters. Required for Inspections that have it.
	Targets Targets
	// Backends has the egress rules, the query budgets and the telemetry of this process. Required.
	Backends *backends.Resolver
}

// Run implements Runner.
func (c *Child) Run(
	ctx context.Context, inspection *v1alpha1.Inspection, started func(context.Context) error,
) (*inspect.Result, error) {
	var targets []Target
	if inspection.Spec.Clusters != nil {
		found, err := c.Targets(ctx, inspection)
		if err != nil {
			return nil, err
		}
		targets = found
	}
	limited, kill := context.WithCancelCause(ctx)
	defer kill(nil)
	deadline := time.AfterFunc(resolveTimeout, func() { kill(child.ErrDeadline) })
	defer deadline.Stop()
	talk := newConversation(limited, c, inspection, targets, func() error {
		if err := started(limited); err != nil {
			return err
		}
		deadline.Reset(inspection.Timeout() + reportDelay)
		return nil
	})
	err := c.Command.Run(limited, talk.hold)
	switch {
	case talk.refused != nil:
		return nil, talk.refused
	case err != nil:
		return nil, c.toProblem(ctx, inspection, err)
	}
	return talk.result()
}

// toProblem describes the end of a child that gave no result.
func (c *Child) toProblem(ctx context.Context, inspection *v1alpha1.Inspection, err error) error {
	crash := (*child.CrashError)(nil)
	switch {
	case errors.Is(err, child.ErrMemory):
		limit := resource.NewQuantity(c.Command.Memory, resource.BinarySI)
		return problem.Waiting(v1alpha1.ReasonMemoryLimitExceeded, retryKilled, "the run was stopped because it needed more than %s of "+
			"memory; narrow spec.namespaces, spec.checks or spec.customChecks, or ask the operator to raise inspections.memoryLimit", limit)
	case errors.Is(err, child.ErrDeadline):
		return problem.Waiting(v1alpha1.ReasonDeadlineExceeded, retryKilled, "the run was stopped because it did not end within "+
			"spec.timeout (%s); raise it, or narrow spec.namespaces, spec.checks or spec.customChecks", inspection.Timeout())
	case errors.As(err, &crash):
		log.FromContext(ctx).Error(nil, "The process of a run ended early", "state", crash.State, "text", crash.Text)
		return problem.Retrying(v1alpha1.ReasonRetrying, nil, "the process of the run ended early; see the manager's log")
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot run the inspection in a process of its own; see the manager's log")
}

// conversation is the parent's side of one run: the methods that the child calls, and what they recorded.
type conversation struct {
	ctx     context.Context
	job     Job
	started func() error
	slots   *heldSlots
	// finished is closed with the outcome, or when started refused, whose error is kept.
	finished chan struct{}
	finish   sync.Once
	outcome  *Outcome
	refused  error
	child    *Child
	// watched is set for a child that watches.
	watched *watched
}

func newConversation(
	ctx context.Context, c *Child, inspection *v1alpha1.Inspection, targets []Target, started func() error,
) *conversation {
	return &conversation{
		ctx: ctx, child: c, started: started, finished: make(chan struct{}),
		slots: &heldSlots{shared: c.Backends.Queries, held: map[int64]*heldSlot{}},
		job: Job{
			Inspection: inspection, Cluster: clusterOf(c.Config), Egress: c.Backends.Egress, MaxQueryBytes: c.Backends.MaxQueryBytes,
			SharedQueries: c.Backends.Queries != nil, Clusters: remoteClusters(targets),
		},
	}
}

// hold serves the child until it finished or closed the connection.
func (c *conversation) hold(connection io.ReadWriteCloser) error {
	defer c.slots.releaseAll()
	// The server ends only after calls that wait have returned.
	talking, end := context.WithCancel(c.ctx)
	defer end()
	c.ctx = talking
	server := rpc.NewServer()
	if err := server.RegisterName(serviceName, &service{c}); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		allowed := &allowance{Reader: connection}
		codec := jsonrpc.NewServerCodec(&received{Reader: allowed, WriteCloser: connection, atEnd: func() {
			c.slots.releaseAll()
			end()
		}})
		server.ServeCodec(boundedCodec{codec, allowed})
	}()
	select {
	case <-c.finished:
	case <-ended:
	}
	if c.refused == nil && c.outcome == nil {
		return errors.New("the process closed the connection before it finished")
	}
	return c.refused
}

// result of a conversation that ended well.
func (c *conversation) result() (*inspect.Result, error) {
	for _, observation := range c.outcome.Requests {
		c.child.Backends.Telemetry.Add(observation)
	}
	if c.outcome.Problem != nil {
		return nil, c.outcome.Problem.Described()
	}
	return &inspect.Result{Report: c.outcome.Report, Durations: c.outcome.Durations}, nil
}

// service has the methods that the child calls, by the rules of net/rpc.
type service struct{ c *conversation }

// Job returns what is to do.
func (s *service) Job(_ None, job *Job) error {
	*job = s.c.job
	return nil
}

// Started announces the run. Its error ends the conversation.
func (s *service) Started(None, *None) error {
	err := s.c.started()
	if err != nil {
		s.c.finish.Do(func() {
			s.c.refused = err
			close(s.c.finished)
		})
	}
	return err
}

// Finish ends the conversation.
func (s *service) Finish(outcome Outcome, _ *None) error {
	if outcome.Report == nil && outcome.Problem == nil {
		return errors.New("an outcome needs a report or a problem")
	}
	s.c.finish.Do(func() {
		s.c.outcome = &outcome
		close(s.c.finished)
	})
	return nil
}

// TakeSlot waits for a slot of a query budget.
func (s *service) TakeSlot(slot Slot, _ *None) error { return s.c.slots.take(s.c.ctx, slot) }

// ReleaseSlot gives a slot back, or gives up waiting for it.
func (s *service) ReleaseSlot(id int64, _ *None) error {
	s.c.slots.release(id)
	return nil
}

// received is the connection to a child. At its end it releases what the child holds: the server ends only after a call that waits for a
// slot has returned.
type received struct {
	io.Reader
	io.WriteCloser
	atEnd func()
}

func (r *received) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil {
		r.atEnd()
	}
	return n, err
}
