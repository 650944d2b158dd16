package runner

import (
	"context"
	"errors"
	"io"
	"net/rpc"
	"net/rpc/jsonrpc"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/child"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/fleet"
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

// Child runs each Inspection in a child process. One over clusters has a child that merges what was found, and one for each cluster, but
// that small clusters share one.
type Child struct {
	// Command starts a program that calls Serve. Required.
	Command child.Command
	// Config reaches the cluster as the manager. Required.
	Config *rest.Config
	// Targets finds the clusters of spec.clusters. Required for Inspections that have it.
	Targets Targets
	// Backends has the egress rules, the query budgets and the telemetry of this process. Required.
	Backends *backends.Resolver
	// Memory that the children share. Nil bounds each alone.
	Memory *Memory
	// Parts does the work of runs. Default: this Child.
	Parts Parts
}

var (
	_ Runner = (*Child)(nil)
	_ Parts  = (*Child)(nil)
)

// parts does the work of runs.
func (c *Child) parts() Parts {
	if c.Parts != nil {
		return c.Parts
	}
	return c
}

// Run implements Runner.
func (c *Child) Run(
	ctx context.Context, inspection *v1alpha1.Inspection, run string, started func(context.Context) error,
) (*inspect.Result, error) {
	work := Work{Inspection: inspection, Run: run}
	if inspection.Spec.Clusters == nil {
		done, err := c.parts().Do(ctx, work, started)
		return done.Result, err
	}
	targets, err := c.Targets(ctx, inspection)
	if err != nil {
		return nil, err
	}
	shared := newShared(c)
	defer func() { shared.close() }()
	done, err := c.process(ctx, work, started, func(talk *conversation) {
		talk.job.Clusters = remoteClusters(targets)
		if talk.parts = c.Parts; talk.parts == nil {
			// A process that is repeated asks for all parts again.
			shared.close()
			shared = newShared(c)
			talk.parts = shared
		}
	})
	return done.Result, err
}

// Do implements Parts: it runs the work in a child process.
func (c *Child) Do(ctx context.Context, work Work, started func(context.Context) error) (fleet.PartResult, error) {
	if work.Part == nil {
		return c.process(ctx, work, started, func(*conversation) {})
	}
	target, err := c.target(ctx, work)
	if err != nil {
		return fleet.PartResult{}, err
	}
	return c.process(ctx, work, started, func(talk *conversation) {
		talk.job.Part = work.Part
		talk.job.Clusters = remoteClusters([]Target{target})
	})
}

// target of a part, as it is now: its credentials may have changed since the run began.
func (c *Child) target(ctx context.Context, work Work) (Target, error) {
	only := work.Inspection.DeepCopy()
	only.Spec.Clusters.Names = []string{work.Part.Cluster}
	only.Spec.Clusters.Selector = nil
	targets, err := c.Targets(ctx, only)
	if err != nil {
		return Target{}, err
	}
	if len(targets) != 1 {
		return Target{}, problem.Retrying(v1alpha1.ReasonRetrying, nil, "ManagedCluster %s/%s is not selected any more",
			work.Inspection.Namespace, work.Part.Cluster)
	}
	return targets[0], nil
}

// errShort is the end of a process that needed more memory than it was given, and may have more.
var errShort = errors.New("the process needs more memory than the last time")

// process runs a child, once there is memory for it. One that needs more than the last time is repeated with the limit of all: it has
// written nothing.
func (c *Child) process(
	ctx context.Context, work Work, started func(context.Context) error, prepare func(*conversation),
) (done fleet.PartResult, err error) {
	announced := false
	once := func(ctx context.Context) error {
		if announced {
			return nil
		}
		announced = true
		return started(ctx)
	}
	const attempts = 3
	for range attempts {
		if done, err = c.attempt(ctx, work, once, prepare); !errors.Is(err, errShort) {
			return done, err
		}
	}
	return done, problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot run the inspection in a process of its own; see the manager's log")
}

// attempt runs one child.
func (c *Child) attempt(
	ctx context.Context, work Work, started func(context.Context) error, prepare func(*conversation),
) (fleet.PartResult, error) {
	talk := newConversation(ctx, c, work.Inspection, nil)
	talk.work = work
	prepare(talk)
	given, release, err := c.Memory.take(ctx, &waitingProcess{
		key: processKey{
			inspection: client.ObjectKeyFromObject(work.Inspection), cluster: work.cluster(), merger: talk.parts != nil,
		},
		behind: work.MayHang(),
	})
	if err != nil {
		return fleet.PartResult{}, err
	}
	var peak int64
	defer func() { release(peak) }()
	limited, kill := context.WithCancelCause(ctx)
	defer kill(nil)
	deadline := time.AfterFunc(resolveTimeout, func() { kill(child.ErrDeadline) })
	defer deadline.Stop()
	began := time.Now()
	talk.ctx = limited
	talk.started = func() error {
		if err := started(limited); err != nil {
			return err
		}
		limit, _ := work.timeout()
		deadline.Reset(limit + reportDelay)
		return nil
	}
	command := c.Command
	short := given > 0 && given < command.Memory
	if short {
		command.Memory = given
	}
	command.Ended = func(used int64) { peak = used }
	err = command.Run(limited, talk.hold)
	done := fleet.PartResult{Took: time.Since(began)}
	switch {
	case talk.refused != nil:
		return done, talk.refused
	case errors.Is(err, child.ErrMemory):
		peak = c.Command.Memory // it needs more than it had: the next one gets what there is
		if short {
			return done, errShort
		}
		return done, c.toProblem(ctx, work, err)
	case err != nil:
		return done, c.toProblem(ctx, work, err)
	}
	done, err = talk.result()
	done.Took = time.Since(began)
	return done, err
}

// toProblem describes the end of a child that gave no result.
func (c *Child) toProblem(ctx context.Context, work Work, err error) error {
	crash := (*child.CrashError)(nil)
	subject := "the run"
	if cluster := work.cluster(); cluster != "" {
		subject = "the inspection of ManagedCluster " + cluster
	}
	limit, field := work.timeout()
	switch {
	case errors.Is(err, child.ErrMemory):
		memory := resource.NewQuantity(c.Command.Memory, resource.BinarySI)
		return problem.Waiting(v1alpha1.ReasonMemoryLimitExceeded, retryKilled, "%s was stopped because it needed more than %s of "+
			"memory; narrow spec.namespaces, spec.checks or spec.customChecks, or ask the operator to raise inspections.memoryLimit",
			subject, memory)
	case errors.Is(err, child.ErrDeadline):
		return problem.Waiting(v1alpha1.ReasonDeadlineExceeded, retryKilled, "%s was stopped because it did not end within "+
			"%s (%s); raise it, or narrow spec.namespaces, spec.checks or spec.customChecks", subject, field, limit)
	case errors.As(err, &crash):
		log.FromContext(ctx).Error(nil, "The process of a run ended early", "state", crash.State, "text", crash.Text)
		return problem.Retrying(v1alpha1.ReasonRetrying, nil, "the process of %s ended early; see the manager's log", subject)
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
	// work that the child does, and parts that do what it asks for, where it merges them.
	work  Work
	parts Parts
	// watched is set for a child that watches, and sharing for one that does the parts of several clusters.
	watched *watched
	sharing *sharing
}

func newConversation(ctx context.Context, c *Child, inspection *v1alpha1.Inspection, started func() error) *conversation {
	return &conversation{
		ctx: ctx, child: c, started: started, finished: make(chan struct{}),
		slots: &heldSlots{shared: c.Backends.Queries, held: map[int64]*heldSlot{}},
		job: Job{
			Inspection: inspection, Cluster: clusterOf(c.Config), Egress: c.Backends.Egress, MaxQueryBytes: c.Backends.MaxQueryBytes,
			SharedQueries: c.Backends.Queries != nil,
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
func (c *conversation) result() (fleet.PartResult, error) {
	c.observe()
	return c.outcome.Result()
}

// observe the requests to backends that the child made.
func (c *conversation) observe() {
	for _, observation := range c.outcome.Requests {
		c.child.Backends.Telemetry.Add(observation)
	}
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
		s.c.refuse(err)
	}
	return err
}

// refuse ends the conversation with an error.
func (c *conversation) refuse(err error) {
	c.finish.Do(func() {
		c.refused = err
		close(c.finished)
	})
}

// Part has the part of a cluster done. A queue that fails ends the conversation, since no other part can be done either.
func (s *service) Part(part fleet.Part, outcome *Outcome) error {
	named := func(c RemoteCluster) bool { return c.Name == part.Cluster }
	if s.c.parts == nil || !slices.ContainsFunc(s.c.job.Clusters, named) {
		return errors.New("this process has no such part")
	}
	done, err := s.c.parts.Do(s.c.ctx, Work{Inspection: s.c.work.Inspection, Run: s.c.work.Run, Part: &part}, nothingToAnnounce)
	switch {
	case queueFailed(err):
		s.c.refuse(err)
		return err
	case err != nil && problem.As(err) == nil:
		return err
	}
	*outcome = NewOutcome(done, err)
	return nil
}

// nothingToAnnounce: the run was announced before its parts.
func nothingToAnnounce(context.Context) error { return nil }

// Finish ends the conversation.
func (s *service) Finish(outcome Outcome, _ *None) error {
	if outcome.Report == nil && outcome.Problem == nil && s.c.sharing == nil {
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
