package custom

import (
	"context"
	"path"
	"slices"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// Input is what the custom checks of one run need.
type Input struct {
	Programs []Program
	Source   collect.Source
	Scope    collect.Scope
	// Graph is complete; Found is what the built-in checks found in it.
	Graph *facts.Graph
	Found []check.Finding
	// ExcludeNamespaces are names or globs of namespaces whose objects are not judged.
	ExcludeNamespaces []string
}

// Result is what custom checks found.
type Result struct {
	Findings []check.Finding
	Gaps     []facts.Gap
	// Ran counts the checks whose objects could be read.
	Ran int
}

// Run lists the objects that the checks are about, each resource once, and judges them one at a time. The only errors are
// those of collect.Objects.
func Run(ctx context.Context, in Input) (Result, error) {
	if len(in.Programs) == 0 {
		return Result{}, nil
	}
	p := newPass(in)
	p.session.world.labels = namespaceLabels(ctx, in)
	unread, err := collect.Objects(ctx, in.Source, in.Scope, p.resources, p)
	if err != nil {
		return Result{}, err
	}
	return Result{Findings: p.session.Findings(), Gaps: slices.Concat(unread, p.session.Gaps()), Ran: p.session.Ran()}, nil
}

// namespaceLabels reads the labels of the scope's namespaces, if a check asks for them and Namespaces could not be listed or
// were not, since the scope names some.
func namespaceLabels(ctx context.Context, in Input) map[string]map[string]string {
	if !slices.ContainsFunc(in.Programs, func(p Program) bool { return p.names(fieldNamespaceLabels) }) || in.Graph.Complete(facts.Namespace, "") {
		return nil
	}
	names := slices.Clone(in.Scope.Namespaces)
	if len(names) == 0 && in.Scope.Home != "" {
		names = []string{in.Scope.Home}
	}
	return collect.NamespaceLabels(ctx, in.Source, names)
}

// pass is the second reading of the cluster.
type pass struct {
	session   *Session
	excluded  []string
	resources []collect.Resource
	// states of the checks about each resource.
	states [][]*state
	list   collect.List
}

func newPass(in Input) *pass {
	p := &pass{session: NewSession(in.Programs, in.Graph, in.Found), excluded: in.ExcludeNamespaces}
	for _, st := range p.session.states {
		wanted := st.check.Resource
		at := slices.IndexFunc(p.resources, func(r collect.Resource) bool {
			return r.Group == wanted.Group && r.Version == wanted.Version && r.Name == wanted.Resource
		})
		if at < 0 {
			at = len(p.resources)
			p.resources = append(p.resources, collect.Resource{Group: wanted.Group, Version: wanted.Version, Name: wanted.Resource})
			p.states = append(p.states, nil)
		}
		p.resources[at].Checks = append(p.resources[at].Checks, st.ID())
		p.states[at] = append(p.states[at], st)
	}
	return p
}

// Begin forgets what an earlier reading of the same list found.
func (p *pass) Begin(list collect.List) {
	p.list = list
	for _, st := range p.states[list.Index] {
		st.tallies[list.Namespace] = newTally()
	}
}

// Object judges an object of the list.
func (p *pass) Object(ctx context.Context, object map[string]any) bool {
	o := newSubject(object, p.session.world)
	if p.excludes(o.ref) {
		return true
	}
	going := false
	for _, st := range p.states[p.list.Index] {
		if !p.session.judge(ctx, st, o, p.list.Namespace) {
			return false
		}
		going = going || st.stopped.IsZero()
	}
	return going
}

func (p *pass) excludes(r facts.Ref) bool {
	namespace := r.Namespace
	if r.Kind == facts.Namespace {
		namespace = r.Name
	}
	return namespace != "" && slices.ContainsFunc(p.excluded, func(pattern string) bool {
		ok, err := path.Match(pattern, namespace)
		return pattern == namespace || (ok && err == nil)
	})
}
