package custom

import (
	"context"
	"slices"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// Input of the custom checks in a run.
type Input struct {
	Programs []Program
	Source   collect.Source
	Scope    collect.Scope
	// Graph is complete; Found are the findings of the built-in checks.
	Graph *facts.Graph
	Found []check.Finding
	// ExcludeNamespaces are names or globs of namespaces to exclude.
	ExcludeNamespaces []string
}

// Result of the custom checks.
type Result struct {
	Findings []check.Finding
	Gaps     []facts.Gap
	// Ran counts the checks whose objects could be read.
	Ran int
}

// Run lists the objects of the checks, each resource once, and checks them one at a time. It only returns errors of collect.Objects.
func Run(ctx context.Context, in Input) (Result, error) {
	if len(in.Programs) == 0 {
		return Result{}, nil
	}
	p := newPass(in)
	p.session.world.labels = namespaceLabels(ctx, in)
	gaps, err := collect.Objects(ctx, in.Source, in.Scope, p.resources, p)
	if err != nil {
		return Result{}, err
	}
	return Result{Findings: p.session.Findings(), Gaps: slices.Concat(gaps, p.session.Gaps()), Ran: p.session.Ran()}, nil
}

// namespaceLabels reads the labels of the namespaces in scope, if a check uses them and the graph lacks the Namespaces.
func namespaceLabels(ctx context.Context, in Input) map[string]map[string]string {
	used := slices.ContainsFunc(in.Programs, func(p Program) bool { return p.uses(fieldNamespaceLabels) })
	if !used || in.Graph.Complete(facts.Namespace, "") {
		return nil
	}
	names := slices.Clone(in.Scope.Namespaces)
	if len(names) == 0 && in.Scope.Home != "" {
		names = []string{in.Scope.Home}
	}
	return collect.NamespaceLabels(ctx, in.Source, names)
}

// pass is the second read of the cluster.
type pass struct {
	session   *Session
	excluded  []string
	resources []collect.Resource
	// states of the checks for each resource.
	states [][]*state
	list   collect.List
}

func newPass(in Input) *pass {
	p := &pass{session: NewSession(in.Programs, in.Graph, in.Found), excluded: in.ExcludeNamespaces}
	for _, st := range p.session.states {
		wanted := st.check.Resource
		i := slices.IndexFunc(p.resources, func(r collect.Resource) bool {
			return r.Group == wanted.Group && r.Version == wanted.Version && r.Name == wanted.Resource
		})
		if i < 0 {
			i = len(p.resources)
			p.resources = append(p.resources, collect.Resource{Group: wanted.Group, Version: wanted.Version, Name: wanted.Resource})
			p.states = append(p.states, nil)
		}
		p.resources[i].Checks = append(p.resources[i].Checks, st.ID())
		p.states[i] = append(p.states[i], st)
	}
	return p
}

// Begin discards the results of an earlier read of the same list.
func (p *pass) Begin(list collect.List) {
	p.list = list
	for _, st := range p.states[list.Index] {
		st.tallies[list.Namespace] = newTally()
	}
}

// Object checks an object of the list. It returns false when ctx has ended or all checks of the list have stopped.
func (p *pass) Object(ctx context.Context, object map[string]any) bool {
	o := newSubject(object, p.session.world)
	if o.ref.InNamespaces(p.excluded) {
		return true
	}
	active := false
	for _, st := range p.states[p.list.Index] {
		if !p.session.check(ctx, st, o, p.list.Namespace) {
			return false
		}
		active = active || st.stopped.IsZero()
	}
	return active
}
