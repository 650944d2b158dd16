package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/leaks"
	"kubeops.io/kubeops/internal/problem"
)

const (
	// parallel is how many kinds are read at the same time. Each holds one page in memory.
	parallel = 4
	// kindTimeout bounds the reading of one kind when ctx has no deadline.
	kindTimeout = 2 * time.Minute
)

// All reads the kinds of a cluster. The error is a *problem.Problem where nothing of what the scope selects could be read: the API
// server is unreachable, the reader lacks every permission, or no namespace exists. Any lesser failure is a gap, an exceeded deadline of
// ctx too, and what was read is in the graph. Another error means that ctx was cancelled. progress may be nil.
func All(
	ctx context.Context, source Source, scope Scope, kinds []facts.Kind, clk clock.PassiveClock, progress Progress,
) (Collected, error) {
	// Failures become gaps; client-go would log them as well.
	ctx = klog.NewContext(ctx, klog.Logger{})
	reducer, err := newReducer(scope)
	if err != nil {
		return Collected{}, err
	}
	reader, err := newReader(source.Config, reducer)
	if err != nil {
		return Collected{}, unusable(source, err)
	}
	reader.schemas = scope.Compare
	c := &collector{reader: reader, builder: facts.NewBuilder(source.Cluster, clk.Now()), scope: scope}
	failures, err := c.version(ctx, source)
	if err != nil {
		return Collected{}, err
	}
	selected, unselected := c.selectNamespaces(ctx)
	failures = append(failures, unselected...)
	if len(selected) > 0 || len(scope.Namespaces) == 0 {
		c.scope.Namespaces = selected
		failed, err := c.everything(ctx, kinds, progress)
		if err != nil {
			return Collected{}, err
		}
		failures = append(failures, failed...)
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return Collected{}, cancelled(ctx, source)
	}
	if p := c.nothingRead(source, failures); p != nil {
		return Collected{}, p
	}
	found := append(gaps(identity(source, failures), c.scope, failures), c.gaps...)
	return Collected{Graph: c.builder.Graph(), Gaps: found, Namespaces: selected}, nil
}

// everything reads the kinds in the scope.
func (c *collector) everything(ctx context.Context, kinds []facts.Kind, progress Progress) ([]failure, error) {
	customs, failures := c.customs(ctx, kinds)
	planned, err := c.plan(kinds, customs)
	if err != nil {
		return nil, err
	}
	failures = append(failures, c.all(ctx, planned, progress)...)
	return append(failures, c.missingNamespaces(ctx, failures)...), nil
}

// newReducer returns a reducer that searches for secrets only where the scope says so.
func newReducer(scope Scope) (facts.Reducer, error) {
	reducer := facts.Reducer{Digests: scope.Compare}
	if !scope.Leaks {
		return reducer, nil
	}
	scanner, err := leaks.New()
	if err != nil {
		return facts.Reducer{}, fmt.Errorf("load secret detection rules: %w", err)
	}
	reducer.Scan = scanner.Scan
	return reducer, nil
}

// collector reads one cluster into a builder.
type collector struct {
	reader  *reader
	builder *facts.Builder
	scope   Scope
	objects atomic.Int64
	// read counts the lists that succeeded and that the scope selects: not those that only help to find causes.
	read atomic.Int64
	// populated are the namespaces with objects that were read.
	populated sync.Map
	// customObjects counts custom resources; see maxCustomObjects.
	customObjects atomic.Int64
	// gaps that are not failed lists.
	gaps []facts.Gap
}

// failure is a list that was not read, or only in part.
type failure struct {
	resource resource
	// namespace of the list; empty for all, and for cluster-scoped kinds.
	namespace string
	err       error
	// partly: some pages were read. home: the home namespace was read instead of all.
	partly, home bool
	// watched: the list was to be watched, too.
	watched bool
	// similar is the name of a namespace that a misspelt one likely means.
	similar string
}

// version reads the API server's version. An unreachable server or rejected credentials end the run here.
func (c *collector) version(ctx context.Context, source Source) ([]failure, error) {
	version, err := retry(ctx, func() (string, error) { return c.reader.version(ctx) })
	switch {
	case err == nil:
		c.builder.SetVersion(version)
		return nil, nil
	case errors.Is(ctx.Err(), context.Canceled):
		return nil, cancelled(ctx, source)
	case apierror.IsConnection(err) || apierrors.IsUnauthorized(err):
		return nil, unreachableProblem(source, err)
	default:
		return []failure{{resource: resource{name: versionPath}, err: err}}, nil
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

// all reads the planned kinds in parallel.
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
	r.wire = c.reader.wire(r.kind)
	list := func(namespace string) (bool, error) { return c.list(ctx, r, namespace) }
	if !r.namespaced() && len(c.scope.Namespaces) > 0 {
		_, _ = list("") // it only helps to find causes: nothing is missing without it
		return nil
	}
	return c.scope.read(r, r.namespaced(), list)
}

// fairShare limits ctx to half of the remaining time, so one slow source cannot use up the run.
func fairShare(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := kindTimeout
	if deadline, ok := ctx.Deadline(); ok {
		limit = time.Until(deadline) / 2
	}
	return context.WithTimeout(ctx, limit)
}

// read lists a resource in every namespace of the scope or in the whole cluster. Where that is forbidden, it lists the home
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

// unreachableProblem is the problem of a cluster that does not respond or rejects the credentials.
func unreachableProblem(source Source, err error) *problem.Problem {
	host := source.Config.Host
	if u, parseErr := url.Parse(host); parseErr == nil && u.Host != "" {
		host = u.Host // a URL may contain credentials
	}
	reason := "is unreachable; check that its API server is running and that network policies and firewalls allow the connection"
	switch {
	case apierrors.IsUnauthorized(err):
		reason = "rejected the credentials (401); " + cmp.Or(source.Credentials, "renew the token or certificate")
	case pluginFailed(err):
		reason = "cannot be accessed: the credential plugin of the kubeconfig failed; log in again, or run the plugin to see its error"
	case apierror.IsUntrusted(err):
		reason = "has an untrusted TLS certificate; check the certificate authority in the kubeconfig and the address"
	case apierror.IsTimeout(err):
		reason = "timed out; check that its API server is running, or set a longer timeout"
	}
	return problem.Retrying(v1alpha1.ReasonClusterUnreachable, err, "cluster %s at %s %s", source.Cluster, host, reason)
}

// pluginFailed reports whether there was no request, since the exec plugin of the user returned no credentials. client-go has no type for
// this error.
func pluginFailed(err error) bool {
	return err != nil && strings.Contains(err.Error(), "getting credentials: ")
}

func unusable(source Source, err error) *problem.Problem {
	return problem.UserError(v1alpha1.ReasonClusterUnreachable, err,
		"the configuration of cluster %s is invalid; check its address, certificates and credentials", source.Cluster)
}

func cancelled(ctx context.Context, source Source) error {
	return fmt.Errorf("reading cluster %s was cancelled: %w", source.Cluster, ctx.Err())
}
