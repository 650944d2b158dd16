package checks

import (
	"fmt"
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// All runs the checks over the facts. A check that lacks a kind or a source it needs does not run; whoever could not read that
// reports the gap. A check that panics becomes a gap of its own and hurts no other.
func All(g *facts.Graph, selected []Check, params Params) (findings []Finding, ran int, gaps []facts.Gap) {
	for _, check := range selected {
		if slices.ContainsFunc(check.Needs, func(k facts.Kind) bool { return !g.Read(k) }) ||
			slices.ContainsFunc(check.Sources, func(s facts.Source) bool { return !g.Provided(s) }) {
			continue
		}
		found, gap := judge(check, check.Run, g, params)
		if gap != nil {
			gaps = append(gaps, *gap)
			continue
		}
		ran++
		findings = append(findings, found...)
	}
	return findings, ran, gaps
}

// OnManifests runs those of the checks that can judge manifests over the facts of files. What a check needs does not
// matter here: a folder without Services is read in full all the same.
func OnManifests(g *facts.Graph, selected []Check, params Params) (findings []Finding, ran int, gaps []facts.Gap) {
	for _, check := range selected {
		function := check.OnFiles()
		if function == nil {
			continue
		}
		found, gap := judge(check, function, g, params)
		if gap != nil {
			gaps = append(gaps, *gap)
			continue
		}
		ran++
		findings = append(findings, found...)
	}
	return findings, ran, gaps
}

// judge runs one check and fills in what its findings leave to the check. The gap is set when the check failed in itself.
func judge(check Check, function func(*facts.Graph, Params) []Finding, g *facts.Graph, params Params) ([]Finding, *facts.Gap) {
	found, err := run(function, g, params)
	if err != nil {
		return nil, &facts.Gap{
			Source: "check " + check.ID, Reason: v1alpha1.GapCheckFailed, Checks: []string{check.ID},
			Message:     fmt.Sprintf("The check %s failed in itself: %v.", check.ID, err),
			Remediation: "This is a defect of KubeOps: please report it with this message.",
		}
	}
	for i := range found {
		found[i].Check = check.ID
		if found[i].Severity == "" {
			found[i].Severity = check.Severity
		}
		if found[i].Remediation == "" {
			found[i].Remediation = check.Remediation
		}
	}
	return found, nil
}

func run(function func(*facts.Graph, Params) []Finding, g *facts.Graph, params Params) (found []Finding, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return function(g, params), nil
}
