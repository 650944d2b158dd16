package runner

import (
	"context"
	"errors"
	"io"
	"net/rpc"
	"net/rpc/jsonrpc"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/impersonate"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/fleet"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/memlimit"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/builtin"
	"kubeops.io/kubeops/internal/secretref"
)

// maxObservations that a child keeps for its parent; a run makes a few hundred requests.
const maxObservations = 10_000

// Serve does the work of a child process: it asks its parent for a Job over the connection, runs it with an engine, and sends the Outcome.
func Serve(ctx context.Context, connection io.ReadWriteCloser, engine Engine) error {
	parent := &parent{client: jsonrpc.NewClient(connection)}
	var job Job
	if err := parent.call(ctx, methodJob, None{}, &job); err != nil {
		return err
	}
	recorded := &observations{}
	local, err := newLocal(&job, parent, recorded, engine)
	if err != nil {
		return err
	}
	if job.Watch {
		return parent.finishWatch(ctx, local.watch(ctx, job.Inspection, parent))
	}
	if job.Shared {
		if err := local.share(ctx, job.Inspection, parent); err != nil {
			return err
		}
		return parent.call(ctx, methodFinish, Outcome{Requests: recorded.list()}, &None{})
	}
	done, err := local.work(ctx, &job, func(ctx context.Context) error {
		return parent.call(ctx, methodStarted, None{}, &None{})
	})
	if err != nil && problem.As(err) == nil {
		return err
	}
	outcome := NewOutcome(done, err)
	outcome.Requests = recorded.list()
	return parent.call(ctx, methodFinish, outcome, &None{})
}

// work does a job.
func (l *Local) work(ctx context.Context, job *Job, started func(context.Context) error) (fleet.PartResult, error) {
	if job.Part != nil {
		return l.runPart(ctx, job.Inspection, *job.Part, started)
	}
	result, err := l.Run(ctx, job.Inspection, "", started)
	return fleet.PartResult{Result: result}, err
}

// part has the part of a cluster done by the parent.
func (p *parent) part(ctx context.Context, part fleet.Part) (fleet.PartResult, error) {
	var outcome Outcome
	if err := p.call(ctx, methodPart, part, &outcome); err != nil {
		return fleet.PartResult{}, err
	}
	return outcome.Result()
}

// finishWatch sends why a watch ended, if that is a problem.
func (p *parent) finishWatch(ctx context.Context, err error) error {
	described := problem.As(err)
	if described == nil {
		return err
	}
	return p.call(ctx, methodFinish, Outcome{Problem: toWire(described)}, &None{})
}

// newLocal makes what runs the job in this process.
func newLocal(job *Job, parent *parent, recorded *observations, engine Engine) (*Local, error) {
	config := job.Cluster.config()
	reader, err := newReader(config)
	if err != nil {
		return nil, err
	}
	metricsTypes, metricsErr := builtin.Metrics()
	logTypes, logErr := builtin.Logs()
	resolver := &backends.Resolver{
		Secrets:      &secretref.Source{Reader: reader, Config: config},
		MetricsTypes: metricsTypes, LogTypes: logTypes, Egress: job.Egress, Telemetry: provider.RecordMetrics(recorded.add),
		MaxQueryBytes: job.MaxQueryBytes, Memory: provider.NewResponseMemory(responseMemory()),
	}
	if job.SharedQueries {
		resolver.Queries = &parentSlots{call: parent.call}
	}
	return &Local{
		Reader: reader, Accounts: impersonate.Source{Reader: reader, Config: config}, Clock: clock.RealClock{}, Checks: checks.Builtin(),
		Backends: resolver, Engine: engine, Targets: job.targets, parts: parent.part,
	}, errors.Join(metricsErr, logErr)
}

// responseMemory is the part of the memory limit of a run that responses of backends may take. All of them are for one namespace, which
// gets half of it.
func responseMemory() int64 {
	const (
		part         = 4
		withoutLimit = 128 << 20
	)
	return memlimit.Part(part, withoutLimit)
}

// newReader reads what a run refers to. The kinds are known, so that no run asks the API server which it serves.
func newReader(config *rest.Config) (client.Reader, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, known := range []schema.GroupVersionKind{
		corev1.SchemeGroupVersion.WithKind("ServiceAccount"), corev1.SchemeGroupVersion.WithKind("Secret"),
		v1alpha1.GroupVersion().WithKind("InspectionReport"), v1alpha1.GroupVersion().WithKind("MetricsBackend"),
		v1alpha1.GroupVersion().WithKind("LogBackend"),
	} {
		mapper.Add(known, meta.RESTScopeNamespace)
	}
	reader, err := client.New(config, client.Options{Scheme: scheme, Mapper: mapper})
	return kind.CheckedReader{Reader: reader}, err
}

// parent is the child's view of the process that started it.
type parent struct{ client *rpc.Client }

// call returns with the context, too: the parent then hears of it by ReleaseSlot, or not at all.
func (p *parent) call(ctx context.Context, method string, arguments, reply any) error {
	select {
	case done := <-p.client.Go(method, arguments, reply, make(chan *rpc.Call, 1)).Done:
		return done.Error
	case <-ctx.Done():
		return ctx.Err()
	}
}

// observations collects the requests to backends.
type observations struct {
	mutex sync.Mutex
	made  []provider.Observation
}

func (o *observations) add(made provider.Observation) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if len(o.made) < maxObservations {
		o.made = append(o.made, made)
	}
}

func (o *observations) list() []provider.Observation {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.made
}
