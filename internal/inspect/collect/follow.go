package collect

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// MaxCustomObjects is how many custom resources of one cluster are kept, of all kinds together.
const MaxCustomObjects = maxCustomObjects

// Follower lists and watches the kinds of one cluster, for facts that are kept. Each object is reduced as All reduces it.
type Follower struct {
	reader *reader
	source Source
	scope  Scope
	clock  clock.PassiveClock
}

// Follow prepares to follow a cluster. The error is a *problem.Problem if the configuration is invalid. Globs in the namespaces of the
// scope are not resolved.
func Follow(source Source, scope Scope, clk clock.PassiveClock) (*Follower, error) {
	reducer, err := newReducer(scope)
	if err != nil {
		return nil, err
	}
	reader, err := newReader(source.Config, reducer)
	if err != nil {
		return nil, unusable(source, err)
	}
	return &Follower{reader: reader, source: source, scope: scope, clock: clk}, nil
}

// Plan is what to follow.
type Plan struct {
	// Version of the API server; empty if its /version is forbidden.
	Version string
	// Streams are the lists to read and to watch.
	Streams []*Stream
	// Absent are the kinds that the cluster does not serve: all of their objects, which are none, are known.
	Absent []facts.Kind
	// Failures are what is unknown before anything is listed, and Gaps what is left out.
	Failures []Failure
	Gaps     []facts.Gap
}

// Failure is a list that is not read. Its methods describe it only together with others; see Follower.Gaps.
type Failure struct{ failure failure }

// Plan connects to the API server and finds the lists for some kinds, in a fixed order. The error is a *problem.Problem if the server is
// unreachable or rejects the credentials. Another error means that ctx was cancelled.
func (f *Follower) Plan(ctx context.Context, kinds []facts.Kind) (Plan, error) {
	ctx = klog.NewContext(ctx, klog.Logger{})
	c := &collector{reader: f.reader, builder: facts.NewBuilder(f.source.Cluster, f.clock.Now()), scope: f.scope}
	failures, err := c.version(ctx, f.source)
	if err != nil {
		return Plan{}, err
	}
	customs, undiscovered := c.customs(ctx, kinds)
	planned, err := c.plan(kinds, customs)
	if err != nil {
		return Plan{}, err
	}
	graph := c.builder.Graph()
	plan := Plan{Version: graph.Version, Gaps: c.gaps}
	for _, kind := range kinds {
		if (kind == facts.Custom || kind.IsCustom()) && graph.Read(kind) {
			plan.Absent = append(plan.Absent, kind)
		}
	}
	for _, failed := range append(failures, undiscovered...) {
		plan.Failures = append(plan.Failures, Failure{failed})
	}
	for _, r := range planned {
		namespaces := []string{""}
		if r.namespaced() && len(c.scope.Namespaces) > 0 {
			namespaces = c.scope.Namespaces
		}
		for _, namespace := range namespaces {
			plan.Streams = append(plan.Streams, &Stream{reader: c.reader, resource: r, namespace: namespace, context: f.onlyContext(r)})
		}
	}
	return plan, nil
}

// onlyContext reports whether a list only helps to find causes: nothing is missing without it.
func (f *Follower) onlyContext(r resource) bool {
	return !r.namespaced() && len(f.scope.Namespaces) > 0
}

// MissingNamespaces finds namespaces of the scope that do not exist, among those in which nothing was found. It sends a request for each.
func (f *Follower) MissingNamespaces(ctx context.Context, populated []string, failed []Failure) []Failure {
	c := &collector{reader: f.reader, scope: f.scope}
	for _, namespace := range populated {
		c.populated.Store(namespace, true)
	}
	var missing []Failure
	for _, m := range c.missingNamespaces(klog.NewContext(ctx, klog.Logger{}), unwrap(failed)) {
		missing = append(missing, Failure{m})
	}
	return missing
}

// Gaps describes what is not read. The error is a *problem.Problem if none of the lists was read.
func (f *Follower) Gaps(failed []Failure, read int) ([]facts.Gap, error) {
	failures := unwrap(failed)
	c := &collector{scope: f.scope}
	c.read.Store(int64(read))
	if p := c.nothingRead(f.source, failures); p != nil {
		return nil, p
	}
	return gaps(identity(f.source, failures), c.scope, failures), nil
}

func unwrap(failed []Failure) []failure {
	failures := make([]failure, 0, len(failed))
	for _, f := range failed {
		failures = append(failures, f.failure)
	}
	return failures
}

// Stream is one list that is read once and then watched: a kind in one namespace, or in all. Its methods must not be called at the same
// time.
type Stream struct {
	reader    *reader
	resource  resource
	namespace string
	context   bool
}

// Kind of the objects.
func (s *Stream) Kind() facts.Kind { return s.resource.kind }

// Namespace of the objects; empty for all, and for cluster-scoped kinds.
func (s *Stream) Namespace() string { return s.namespace }

// Context reports whether the list only helps to find causes, so that it counts as neither read nor missing.
func (s *Stream) Context() bool { return s.context }

// Gone reports whether an error says that the cluster no longer serves a custom resource. It then has no objects.
func (s *Stream) Gone(err error) bool { return s.resource.noLongerServed(err) }

// Failure of the list.
func (s *Stream) Failure(err error) Failure {
	return Failure{failure{resource: s.resource, namespace: s.namespace, err: err, watched: true}}
}

// Object is an object, reduced. Node is nil for an object that has no node, such as an Event that is no warning.
type Object struct {
	Namespace, Name string
	// Version is its resource version; for a deleted object, that of the deletion.
	Version string
	Node    any
}

// List reads the list in pages. take gets each page; it returns false if there is no room for more. restart is called where the list
// has to start over: what was taken is void. The result is the resource version to watch from.
func (s *Stream) List(ctx context.Context, take func([]Object) bool, restart func()) (version string, err error) {
	ctx, cancel := context.WithTimeout(klog.NewContext(ctx, klog.Logger{}), kindTimeout)
	defer cancel()
	s.renew()
	_, err = pages(ctx, s.namespace, s.resource.pageSize(), func(p page) (response, error) {
		objects, meta, err := s.reader.objectPage(ctx, s.resource, p)
		return response{next: meta.next, take: func() (bool, error) {
			version = meta.version
			if !take(objects) {
				return false, tooManyError{}
			}
			return true, nil
		}}, err
	}, restart)
	return version, err
}

// renew drops what the reader of the last list or watch shared between nodes, so that it does not grow with each new object.
func (s *Stream) renew() { s.resource.wire = s.reader.wire(s.resource.kind) }

// Expired reports whether the API server no longer has the resource version that a watch started from.
func Expired(err error) bool { return expired(err) }

// Unreachable reports whether an error says that the API server did not answer at all.
func Unreachable(err error) bool {
	var status apierrors.APIStatus
	return err != nil && !errors.As(err, &status) && (apierror.IsConnection(err) || apierror.IsTimeout(err) || errors.Is(err, errConnect))
}

// errConnect is the error of a watch that the API server did not accept in time.
var errConnect = errors.New("the API server did not accept the watch within " + connectTimeout.String())

const (
	// connectTimeout is how long the API server may take to accept a watch. A connection that is dead is given up then.
	connectTimeout = 4 * time.Second
	// watchTimeout is when the API server ends a watch, which is then continued. Permissions are checked with each.
	watchTimeout = 5 * time.Minute
)
