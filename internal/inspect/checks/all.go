package checks

import (
	"fmt"
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// All runs the checks over the facts. A check that lacks a kind it needs does not run; whoever could not read that kind
// reports the gap. A check that panics becomes a gap of its own and hurts no other.
func All(g *facts.Graph, selected []Check, params Params) (findings []Finding, ran int, gaps []facts.Gap) {
	for _, check := range selected {
		if slices.ContainsFunc(check.Needs, func(k facts.Kind) bool { return !g.Read(k) }) {
			continue
		}
		found, err := run(check, g, params)
		if err != nil {
			gaps = append(gaps, facts.Gap{
				Source: "check " + check.ID, Reason: v1alpha1.GapCheckFailed, Checks: []string{check.ID},
				Message:     fmt.Sprintf("The check %s failed in itself: %v.", check.ID, err),
				Remediation: "This is a defect of KubeOps: please report it with this message.",
			})
			continue
		}
		ran++
		for i := range found {
			found[i].Check = check.ID
			if found[i].Severity == "" {
				found[i].Severity = check.Severity
			}
			if found[i].Remediation == "" {
				found[i].Remediation = check.Remediation
			}
		}
		findings = append(findings, found...)
	}
	return findings, ran, gaps
}

func run(check Check, g *facts.Graph, params Params) (found []Finding, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return check.Run(g, params), nil
}
