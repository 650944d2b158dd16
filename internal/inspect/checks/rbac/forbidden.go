package rbac

import (
	"cmp"
	"fmt"
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/access"
	"kubeops.io/kubeops/internal/inspect/facts"
)

const (
	// maxDenials is how many different denials of one run are explained.
	maxDenials = 200
	// maxQuoted of them are quoted in one namespace, whose users may write what they like into logs.
	maxQuoted = 40
)

func forbiddenCheck() check.Check {
	return check.Check{
		ID: "serviceaccount-forbidden", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
		Summary: "A program lacks a permission: the API server denies requests of its ServiceAccount.",
		Meaning: "A recent event, a condition, a line that a running Pod repeats, or an error in analyzed logs quotes the API " +
			"server: User " +
			"\"system:serviceaccount:<namespace>:<name>\" cannot <verb> <resource>. The roles and bindings that were read show what " +
			"comes " +
			"nearest: no binding at all, one of another namespace or account, a role that does not exist or lacks the verb, " +
			"resource, API " +
			"group, subresource or name, an aggregated role without rules, or a Pod that uses ServiceAccount default. What could not be " +
			"read is named. A denial that a binding allows now is not reported. The last log lines of crashed containers are " +
			"explained " +
			"in the same way, in the findings about the crash.",
		Remediation: "Grant the permission in the evidence if the program needs it: a Role with that verb and resource, and a " +
			"RoleBinding " +
			"to its ServiceAccount. `kubectl auth can-i <verb> <resource> --as=system:serviceaccount:<namespace>:<name>` tests it.",
		Link:  "https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-subjects",
		Needs: []facts.Kind{facts.ServiceAccount},
		Uses: append(append(access.Kinds(), facts.Event, facts.Pod, facts.Job, facts.CronJob, facts.HPA, facts.PVC, facts.APIService,
			facts.Custom), facts.WorkloadKinds()...),
		Run: forbiddenRequests,
	}
}

// saying is where a denial was read.
type saying struct {
	object   facts.Ref
	evidence check.Evidence
}

func forbiddenRequests(g *facts.Graph, params check.Params) []check.Finding {
	type said struct {
		object facts.Ref
		denial access.Denial
	}
	found := map[access.Denial][]saying{}
	seen := map[said]bool{}
	quoted := map[string]int{}
	add := func(object facts.Ref, text string, evidence check.Evidence) {
		d, ok := access.Parse(text)
		if !ok {
			return
		}
		object = g.TopOwner(object)
		if _, known := found[d]; !known {
			if len(found) >= maxDenials || quoted[object.Namespace] >= maxQuoted {
				return
			}
			quoted[object.Namespace]++
		}
		if s := (said{object, d}); !seen[s] {
			seen[s] = true
			found[d] = append(found[d], saying{object, evidence})
		}
	}
	for _, e := range g.Events {
		if !g.OlderThan(e.Last, params.RecentWindow) {
			add(e.About, e.Message, check.FromEvent(e))
		}
	}
	for _, meta := range conditional(g) {
		for _, c := range meta.Conditions {
			add(meta.Ref, c.Message, check.QuoteCondition(c))
		}
	}
	addLogged(g, add)

	resolver := access.NewResolver(g)
	var findings []check.Finding
	for d, sayings := range found {
		if answer := resolver.Explain(d, sayings[0].object); !answer.Allowed {
			findings = append(findings, forbiddenFinding(g, d, answer, sayings))
		}
	}
	slices.SortFunc(findings, func(a, b check.Finding) int {
		return cmp.Or(a.Object.Compare(b.Object), cmp.Compare(a.Discriminator, b.Discriminator))
	})
	return findings
}

// addLogged adds the errors that workloads log.
func addLogged(g *facts.Graph, add func(object facts.Ref, text string, evidence check.Evidence)) {
	logged := func(workload facts.Ref, line string) {
		add(workload, line, check.Evidence{Source: v1alpha1.EvidenceLog, Text: line})
	}
	if running := g.RunningLogs(); running != nil {
		for _, c := range running.Containers {
			for _, line := range c.Lines {
				logged(c.Workload, line.Example)
			}
		}
	}
	logs := g.Logs()
	if logs == nil {
		return
	}
	for _, w := range logs.Workloads {
		for _, t := range slices.Concat(w.New, w.Surging) {
			for _, example := range t.Examples {
				logged(w.Workload, example)
			}
		}
	}
}

// conditional are the objects whose conditions quote what their controller was denied.
func conditional(g *facts.Graph) []*facts.Meta {
	var all []*facts.Meta
	for _, n := range g.Workloads {
		all = append(all, &n.Meta)
	}
	for _, n := range g.Jobs {
		all = append(all, &n.Meta)
	}
	for _, n := range g.HPAs {
		all = append(all, &n.Meta)
	}
	for _, n := range g.PVCs {
		all = append(all, &n.Meta)
	}
	for _, n := range g.APIServices {
		all = append(all, &n.Meta)
	}
	for _, n := range g.CustomResources {
		all = append(all, &n.Meta)
	}
	return all
}

// forbiddenFinding is about the ServiceAccount, or about the first object that quotes the denial if the account was not read.
func forbiddenFinding(g *facts.Graph, d access.Denial, answer access.Answer, sayings []saying) check.Finding {
	const maxListed = 3
	f := check.Finding{
		Object: d.Ref(), Discriminator: d.Verb + " " + d.Target(), Message: answer.Why + ".", Remediation: answer.Fix,
		Evidence: answer.Evidence, Culprits: answer.Culprits, RestrictToCulprits: true,
	}
	slices.SortFunc(sayings, func(a, b saying) int { return a.object.Compare(b.object) })
	if !g.Has(d.Ref()) {
		f.Object = sayings[0].object
	}
	for _, s := range sayings[:min(maxListed, len(sayings))] {
		quoted := s.evidence
		quoted.Text = fmt.Sprintf("%s %s: %s", s.object.Kind.Name(), s.object.Name, quoted.Text)
		f.Evidence = append(f.Evidence, quoted)
	}
	if more := len(sayings) - maxListed; more > 0 {
		f.Evidence = append(f.Evidence, check.FromCondition("and %d more objects", more))
	}
	return f
}
