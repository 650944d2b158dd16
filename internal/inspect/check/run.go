package check

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// Run runs the checks over the facts. A check is skipped if a kind or a source that it needs is missing; the collector or backend
// stage reports that gap. A check that panics becomes a gap and does not affect the others. The findings are in the order of the checks.
func Run(g *facts.Graph, selected []Check, params Params) (findings []Finding, ran int, gaps []facts.Gap) {
	return runParallel(g, selected, params, func(check Check) func(*facts.Graph, Params) []Finding {
		if slices.ContainsFunc(check.Needs, func(k facts.Kind) bool { return !g.Read(k) }) ||
			slices.ContainsFunc(check.Sources, func(s facts.Source) bool { return !g.Provided(s) }) {
			return nil
		}
		return check.Run
	})
}

// RunOnManifests runs the checks that can judge manifests over the facts of files. It ignores the needs of a check: a folder
// without Services is complete too.
func RunOnManifests(g *facts.Graph, selected []Check, params Params) (findings []Finding, ran int, gaps []facts.Gap) {
	return runParallel(g, selected, params, Check.OnFiles)
}

// runParallel runs the function of each check that has one on all processors: checks only read the facts and are independent.
func runParallel(
	g *facts.Graph, selected []Check, params Params, function func(Check) func(*facts.Graph, Params) []Finding,
) (findings []Finding, ran int, gaps []facts.Gap) {
	type result struct {
		ran      bool
		findings []Finding
		gap      *facts.Gap
	}
	results := make([]result, len(selected))
	var (
		group sync.WaitGroup
		next  atomic.Int64
	)
	for range min(runtime.GOMAXPROCS(0), len(selected)) {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(selected); i = int(next.Add(1)) - 1 {
				if f := function(selected[i]); f != nil {
					v := result{ran: true}
					v.findings, v.gap = judge(selected[i], f, g, params)
					results[i] = v
				}
			}
		})
	}
	group.Wait()
	for _, v := range results {
		switch {
		case v.gap != nil:
			gaps = append(gaps, *v.gap)
		case v.ran:
			ran++
			findings = append(findings, v.findings...)
		}
	}
	return findings, ran, gaps
}

// judge runs one check and sets the defaults of its findings. The gap is set if the check panics.
func judge(check Check, function func(*facts.Graph, Params) []Finding, g *facts.Graph, params Params) ([]Finding, *facts.Gap) {
	found, err := run(function, g, params)
	if err != nil {
		return nil, &facts.Gap{
			Source: "check " + check.ID, Reason: v1alpha1.GapCheckFailed, Checks: []string{check.ID},
			Message:     fmt.Sprintf("Check %s failed: %v.", check.ID, err),
			Remediation: "This is a bug in KubeOps: please report it with this message.",
		}
	}
	if !check.Terminating {
		found = slices.DeleteFunc(found, func(f Finding) bool { return isTerminatingPod(g, f.Object) })
	}
	for i := range found {
		found[i] = onOwner(g, found[i])
		found[i].Check = check.ID
		if found[i].Class == "" {
			found[i].Class = check.ClassOrDefault()
		}
		if found[i].Severity == "" {
			found[i].Severity = check.Severity
		}
		if found[i].Remediation == "" {
			found[i].Remediation = check.Remediation
		}
	}
	return found, nil
}

// onOwner reports a finding about a ReplicaSet on the custom resource that controls it, and blames that instead of the ReplicaSet:
// ReplicaSets come and go with each revision.
func onOwner(g *facts.Graph, f Finding) Finding {
	var culprits []facts.Ref
	for _, ref := range f.Culprits {
		if set := revisionOf(g, ref); set != nil {
			f = named(f, set)
			ref = set.Owner
		}
		culprits = append(culprits, ref)
	}
	f.Culprits = culprits
	if set := revisionOf(g, f.Object); set != nil {
		f = named(f, set)
		f.Object = set.Owner
		f.Culprits = append(f.Culprits, set.Ref) // what it depends on may be a cause, too
	}
	return f
}

// revisionOf is an object as a ReplicaSet of a custom resource, or nil.
func revisionOf(g *facts.Graph, ref facts.Ref) *facts.WorkloadNode {
	if set, ok := facts.Lookup[*facts.WorkloadNode](g, ref); ok && set.IsRevision() {
		return set
	}
	return nil
}

// named names the owner of a ReplicaSet instead of it.
func named(f Finding, set *facts.WorkloadNode) Finding {
	was := "ReplicaSet " + set.Name
	owner := set.Owner.Kind.Name() + " " + set.Owner.Name
	f.Message = strings.ReplaceAll(f.Message, was, owner)
	f.Remediation = remedy.Replace(f.Remediation, was, remedy.Sprintf("%s", owner))
	return f
}

func run(function func(*facts.Graph, Params) []Finding, g *facts.Graph, params Params) (found []Finding, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return function(g, params), nil
}

func isTerminatingPod(g *facts.Graph, object facts.Ref) bool {
	pod, ok := facts.Lookup[*facts.PodNode](g, object)
	return ok && !pod.Deleting.IsZero()
}
