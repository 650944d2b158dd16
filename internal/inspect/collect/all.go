package collect

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/problem"
)

const (
	// parallel is how many kinds are read at the same time. Each holds one page.
	parallel = 4
	// kindTimeout bounds the reading of one kind when ctx has no deadline.
	kindTimeout = 2 * time.Minute
)

// All reads the kinds of a cluster. An error, always a *problem.Problem, means that nothing could be read: the API server
// cannot be reached, or does not accept the credentials. Everything less is a gap, and the rest is in the graph.
func All(ctx context.Context, source Source, scope Scope, kinds []facts.Kind, clk clock.PassiveClock, progress Progress) (Collected, error) {
	reader, err := newReader(source.Config)
	if err != nil {
		return Collected{}, unusable(source, err)
	}
	builder := facts.NewBuilder(source.Cluster, clk.Now())
	version, err := retry(ctx, func() (string, error) { return reader.version(ctx) })
	if err != nil && !apierrors.IsForbidden(err) {
		return Collected{}, unreachable(source, err)
	}
	builder.SetVersion(version)

	c := &collector{reader: reader, builder: builder, scope: scope}
	failures := c.all(ctx, c.plan(kinds), progress)
	if problem := c.nothingRead(source, failures); problem != nil {
		return Collected{}, problem
	}
	failures = append(failures, c.missingNamespaces(ctx)...)
	return Collected{Graph: builder.Graph(), Gaps: gaps(identity(source, failures), scope, failures)}, nil
}

// collector reads the kinds of one cluster into a builder.
type collector struct {
	reader  *reader
	builder *facts.Builder
	scope   Scope
	objects atomic.Int64
	read    atomic.Int64 // lists that were answered
}

// failure is a list that was not read, wholly or in part.
type failure struct {
	resource resource
	// namespace of the list; empty for all, and for cluster-scoped kinds.
	namespace string
	err       error
	// partly read pages, or the home namespace instead of all.
	partly, home bool
}

// plan leaves out what the scope does not cover. With namespaces named, a few cluster-scoped kinds are read all the same:
// what the namespaced objects hang on.
func (c *collector) plan(kinds []facts.Kind) []resource {
	var planned []resource
	for _, r := range resources(kinds) {
		if r.kind.Namespaced() || len(c.scope.Namespaces) == 0 || surroundings(r.kind) {
			planned = append(planned, r)
		}
	}
	return planned
}

// surroundings are cluster-scoped kinds that explain what happens to namespaced objects.
func surroundings(kind facts.Kind) bool {
	switch kind {
	case facts.Node, facts.PV, facts.StorageClass, facts.IngressClass:
		return true
	default:
		return false
	}
}

// all reads the planned kinds side by side, each within half of the time that is left when its turn comes, so that one
// slow source cannot eat the whole run.
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
	limit := kindTimeout
	if deadline, ok := ctx.Deadline(); ok {
		limit = time.Until(deadline) / 2
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	switch {
	case !r.kind.Namespaced() && len(c.scope.Namespaces) > 0:
		_, _ = c.list(ctx, r, "") // context only: without it less can be said, and nothing is missing
		return nil
	case r.kind.Namespaced() && len(c.scope.Namespaces) > 0:
		var failures []failure
		for _, namespace := range c.scope.Namespaces {
			if partly, err := c.list(ctx, r, namespace); err != nil {
				failures = append(failures, failure{resource: r, namespace: namespace, err: err, partly: partly})
			}
		}
		return failures
	default:
		return c.everywhere(ctx, r)
	}
}

// everywhere reads a kind in the whole cluster; where that is forbidden, in the home namespace.
func (c *collector) everywhere(ctx context.Context, r resource) []failure {
	partly, err := c.list(ctx, r, "")
	if err == nil {
		return nil
	}
	failed := failure{resource: r, err: err, partly: partly}
	if apierrors.IsForbidden(err) && r.kind.Namespaced() && c.scope.Home != "" {
		if _, homeErr := c.list(ctx, r, c.scope.Home); homeErr == nil {
			failed.home = true
		}
	}
	return []failure{failed}
}

// list reads all pages of one list. partly says that some were read before the error.
func (c *collector) list(ctx context.Context, r resource, namespace string) (partly bool, err error) {
	const maxRestarts = 3
	from, restarts := "", 0
	for {
		type page struct {
			nodes []any
			next  string
		}
		p, err := retry(ctx, func() (page, error) {
			nodes, next, err := c.reader.page(ctx, r, namespace, from)
			return page{nodes, next}, err
		})
		if apierrors.IsResourceExpired(err) && restarts < maxRestarts {
			// The pages were too slow for the server's memory of old versions: begin again. What was read stays, and is
			// replaced.
			from, restarts = "", restarts+1
			continue
		}
		if err != nil {
			return partly, err
		}
		c.builder.Add(p.nodes...)
		c.objects.Add(int64(len(p.nodes)))
		if p.next == "" {
			c.read.Add(1)
			c.builder.Covered(r.kind, namespace)
			return false, nil
		}
		from, partly = p.next, true
	}
}

// nothingRead tells a cluster that went away, or that accepts nobody, from one that answers some questions.
func (c *collector) nothingRead(source Source, failures []failure) *problem.Problem {
	if c.read.Load() > 0 || len(failures) == 0 {
		return nil
	}
	for _, f := range failures {
		if f.partly || f.home {
			return nil
		}
		if !apierrors.IsUnauthorized(f.err) && !connectionError(f.err) {
			return nil
		}
	}
	return unreachable(source, failures[0].err)
}

// missingNamespaces finds namespaces of the scope that do not exist: their lists are empty, which is not the same as
// nothing being wrong in them.
func (c *collector) missingNamespaces(ctx context.Context) []failure {
	var missing []failure
	for _, name := range c.scope.Namespaces {
		client, err := c.reader.client(schema.GroupVersion{Version: "v1"})
		if err != nil {
			continue
		}
		err = client.Get().Resource("namespaces").Name(name).Do(ctx).Error()
		if apierrors.IsNotFound(err) {
			missing = append(missing, failure{resource: resource{kind: facts.Namespace, name: "namespaces"}, namespace: name, err: err})
		}
	}
	return missing
}

// unreachable is the problem of a cluster that gives no answer, or refuses the credentials.
func unreachable(source Source, err error) *problem.Problem {
	host := source.Config.Host
	if u, parseErr := url.Parse(host); parseErr == nil && u.Host != "" {
		host = u.Host // without credentials that a URL may carry
	}
	if apierrors.IsUnauthorized(err) {
		return problem.Retrying(v1alpha1.ReasonClusterUnreachable, err,
			"cluster %s at %s does not accept the credentials; renew the token or certificate", source.Cluster, host)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return problem.Retrying(v1alpha1.ReasonClusterUnreachable, err,
			"cluster %s at %s did not answer in time; check that its API server is up, or allow a longer timeout", source.Cluster, host)
	}
	return problem.Retrying(v1alpha1.ReasonClusterUnreachable, err,
		"cluster %s at %s cannot be reached; check that its API server is up and that this machine may connect to it", source.Cluster, host)
}

func unusable(source Source, err error) *problem.Problem {
	return problem.UserError(v1alpha1.ReasonClusterUnreachable, err, "the configuration of cluster %s cannot be used", source.Cluster)
}
