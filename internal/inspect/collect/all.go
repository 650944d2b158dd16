package collect

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/leaks"
	"kubeops.io/kubeops/internal/problem"
)

const (
	// parallel is how many kinds are read at the same time. Each holds one page.
	parallel = 4
	// kindTimeout bounds the reading of one kind when ctx has no deadline.
	kindTimeout = 2 * time.Minute
)

// All reads the kinds of a cluster. A *problem.Problem as error means that nothing could be read: the API server cannot be
// reached, or does not accept the credentials. Everything less is a gap, and the rest is in the graph; a deadline of ctx
// that passes is a gap, too. Another error is that ctx was cancelled. progress may be nil.
func All(ctx context.Context, source Source, scope Scope, kinds []facts.Kind, clk clock.PassiveClock, progress Progress) (Collected, error) {
	// Failures are told as gaps, so client-go need not write them to the log as well.
	ctx = klog.NewContext(ctx, klog.Logger{})
	reducer, err := newReducer(scope)
	if err != nil {
		return Collected{}, err
	}
	reader, err := newReader(source.Config, reducer)
	if err != nil {
		return Collected{}, unusable(source, err)
	}
	c := &collector{reader: reader, builder: facts.NewBuilder(source.Cluster, clk.Now()), scope: scope}
	failures, err := c.version(ctx, source)
	if err != nil {
		return Collected{}, err
	}
	customs, undiscovered := c.customs(ctx, kinds)
	failures = append(failures, undiscovered...)
	planned, err := c.plan(kinds, customs)
	if err != nil {
		return Collected{}, err
	}
	failures = append(failures, c.all(ctx, planned, progress)...)
	failures = append(failures, c.missingNamespaces(ctx)...)
	if errors.Is(ctx.Err(), context.Canceled) {
		return Collected{}, calledOff(ctx, source)
	}
	if p := c.nothingRead(source, failures); p != nil {
		return Collected{}, p
	}
	return Collected{Graph: c.builder.Graph(), Gaps: append(gaps(identity(source, failures), scope, failures), c.gaps...)}, nil
}

// newReducer makes what turns objects into nodes; it looks for secrets only where the scope asks for that.
func newReducer(scope Scope) (facts.Reducer, error) {
	if !scope.Leaks {
		return facts.Reducer{}, nil
	}
	scanner, err := leaks.New()
	if err != nil {
		return facts.Reducer{}, fmt.Errorf("prepare the search for secrets: %w", err)
	}
	return facts.Reducer{Scan: scanner.Scan}, nil
}

// collector reads the kinds of one cluster into a builder.
type collector struct {
	reader  *reader
	builder *facts.Builder
	scope   Scope
	objects atomic.Int64
	read    atomic.Int64 // lists that were answered
	// customObjects counts custom resources, of which only so many are kept.
	customObjects atomic.Int64
	// gaps beyond lists that failed.
	gaps []facts.Gap
}

// failure is a list that was not read, wholly or in part.
type failure struct {
	resource resource
	// namespace of the list; empty for all, and for cluster-scoped kinds.
	namespace string
	err       error
	// partly read: some pages. home: the home namespace instead of all.
	partly, home bool
}

// version reads the API server's version. No answer, and credentials that it does not accept, end the reading here.
func (c *collector) version(ctx context.Context, source Source) ([]failure, error) {
	version, err := retry(ctx, func() (string, error) { return c.reader.version(ctx) })
	switch {
	case err == nil:
		c.builder.SetVersion(version)
		return nil, nil
	case errors.Is(ctx.Err(), context.Canceled):
		return nil, calledOff(ctx, source)
	case connectionError(err) || apierrors.IsUnauthorized(err):
		return nil, unreachable(source, err)
	default:
		return []failure{{resource: resource{name: "/version"}, err: err}}, nil
	}
}

// plan drops what the scope does not cover. Where namespaces are named, a few cluster-scoped kinds are read nevertheless.
func (c *collector) plan(kinds []facts.Kind, customs []resource) ([]resource, error) {
	builtin, err := resources(kinds)
	if err != nil {
		return nil, err
	}
	var planned []resource
	for _, r := range append(builtin, customs...) {
		if r.namespaced() || len(c.scope.Namespaces) == 0 || r.info.Context {
			planned = append(planned, r)
		}
	}
	return planned, nil
}

// all reads the planned kinds side by side.
func (c *collector) all(ctx context.Context, planned []resource, progress Progress) []failure {
	var (
		mu       sync.Mutex
		failures []failure
		done     int
		group    sync.WaitGroup
		slots    = make(chan struct{}, parallel)
	)
	for _, r := range planned {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			failed := c.kind(ctx, r)
			mu.Lock()
			defer mu.Unlock()
			failures = append(failures, failed...)
			done++
			if progress != nil {
				progress(done, len(planned), int(c.objects.Load()))
			}
		})
	}
	group.Wait()
	return failures
}

// kind reads one kind in all namespaces of the scope.
func (c *collector) kind(ctx context.Context, r resource) []failure {
	ctx, cancel := fairShare(ctx)
	defer cancel()
	list := func(namespace string) (bool, error) { return c.list(ctx, r, namespace) }
	if !r.namespaced() && len(c.scope.Namespaces) > 0 {
		_, _ = list("") // context only: without it less can be said, and nothing is missing
		return nil
	}
	return c.scope.read(r, r.namespaced(), list)
}

// fairShare is half of the time that is left: so one slow source cannot eat the whole run.
func fairShare(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := kindTimeout
	if deadline, ok := ctx.Deadline(); ok {
		limit = time.Until(deadline) / 2
	}
	return context.WithTimeout(ctx, limit)
}

// read lists a resource in every namespace of the scope, or in the whole cluster; where that is forbidden, in the home
// namespace.
func (s Scope) read(r resource, namespaced bool, list func(namespace string) (partly bool, err error)) []failure {
	var failures []failure
	if namespaced && len(s.Namespaces) > 0 {
		for _, namespace := range s.Namespaces {
			if partly, err := list(namespace); err != nil && !r.noLongerServed(err) {
				failures = append(failures, failure{resource: r, namespace: namespace, err: err, partly: partly})
			}
		}
		return failures
	}
	partly, err := list("")
	if err == nil || r.noLongerServed(err) {
		return nil
	}
	failed := failure{resource: r, err: err, partly: partly}
	if apierrors.IsForbidden(err) && !partly && namespaced && s.Home != "" {
		if _, homeErr := list(s.Home); homeErr == nil {
			failed.home = true
		}
	}
	return []failure{failed}
}

// missingNamespaces finds namespaces of the scope that do not exist: their lists are empty, which is not the same as
// nothing being wrong in them.
func (c *collector) missingNamespaces(ctx context.Context) []failure {
	if c.read.Load() == 0 {
		return nil // nothing answers
	}
	var missing []failure
	for _, name := range c.scope.Namespaces {
		if err := c.reader.namespace(ctx, name); apierrors.IsNotFound(err) {
			missing = append(missing, failure{resource: resource{kind: facts.Namespace, name: "namespaces"}, namespace: name, err: err})
		}
	}
	return missing
}

// nothingRead tells a cluster that went away, or that accepts nobody, from one that answers some questions. One that is
// only slow was reached: its version came.
func (c *collector) nothingRead(source Source, failures []failure) *problem.Problem {
	if c.read.Load() > 0 || len(failures) == 0 {
		return nil
	}
	for _, f := range failures {
		slow, silent := outOfTime(f.err), connectionError(f.err) || apierrors.IsUnauthorized(f.err)
		if f.partly || f.home || slow || !silent {
			return nil
		}
	}
	return unreachable(source, failures[0].err)
}

// unreachable is the problem of a cluster that gives no answer, or refuses the credentials.
func unreachable(source Source, err error) *problem.Problem {
	host := source.Config.Host
	if u, parseErr := url.Parse(host); parseErr == nil && u.Host != "" {
		host = u.Host // without credentials that a URL may carry
	}
	said := "cannot be reached; check that its API server is up and that this machine may connect to it"
	switch {
	case apierrors.IsUnauthorized(err):
		said = "does not accept the credentials; renew the token or certificate"
	case untrusted(err):
		said = "has a certificate that is not trusted; check the certificate authority in the kubeconfig, and that the address is the right one"
	case outOfTime(err):
		said = "did not answer in time; check that its API server is up, or allow a longer timeout"
	}
	return problem.Retrying(v1alpha1.ReasonClusterUnreachable, err, "cluster %s at %s %s", source.Cluster, host, said)
}

func unusable(source Source, err error) *problem.Problem {
	return problem.UserError(v1alpha1.ReasonClusterUnreachable, err,
		"the configuration of cluster %s cannot be used; check its address, certificates and credentials", source.Cluster)
}

func calledOff(ctx context.Context, source Source) error {
	return fmt.Errorf("reading cluster %s was called off: %w", source.Cluster, ctx.Err())
}
