package pod

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/retry"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

// accountMissing finds workloads that lack Pods because their ServiceAccount does not exist.
func accountMissing(g *facts.Graph, p check.Params) []check.Finding {
	var findings []check.Finding
	seen := map[[2]facts.Ref]bool{}
	known := accountsByNamespace(g)
	add := func(workload facts.Ref, template *facts.PodSpec, conditions []facts.Condition) {
		account, evidence, ok := missingAccount(g, p, workload, template, conditions)
		owner := g.TopOwner(workload)
		if !ok || seen[[2]facts.Ref{owner, account}] {
			return
		}
		seen[[2]facts.Ref{owner, account}] = true
		findings = append(findings, accountFinding(known, owner, account, evidence))
	}
	for _, w := range g.Workloads {
		if w.Deleting.IsZero() && w.Desired > 0 && (w.Current < w.Desired || w.Kind == facts.Deployment && w.Updated < w.Desired) {
			add(w.Ref, w.Template, w.Conditions)
		}
	}
	for _, job := range g.Jobs {
		if job.Deleting.IsZero() && job.Active == 0 && !job.Suspended && !job.IsFinished() {
			add(job.Ref, job.Template, nil)
		}
	}
	slices.SortStableFunc(findings, func(a, b check.Finding) int { return a.Object.Compare(b.Object) })
	return findings
}

// missingAccount is the ServiceAccount that a workload without Pods waits for: the one that the API server named when it
// refused a Pod, or the one of its template, where that is known not to exist.
func missingAccount(
	g *facts.Graph, p check.Params, workload facts.Ref, template *facts.PodSpec, conditions []facts.Condition,
) (account facts.Ref, evidence []check.Evidence, ok bool) {
	named := func(message string) bool {
		name, found := parseAccount(message)
		account = facts.Ref{Kind: facts.ServiceAccount, Namespace: workload.Namespace, Name: name}
		return found && !g.Has(account)
	}
	if e := check.NewestEvent(g, workload, "FailedCreate"); e != nil && recent(g, p, e.Last) && named(e.Message) {
		return account, []check.Evidence{check.FromEvent(e)}, true
	}
	for _, c := range conditions {
		if c.Type == "ReplicaFailure" && c.Status == "True" && named(c.Message) {
			return account, []check.Evidence{check.QuoteCondition(c)}, true
		}
	}
	if template == nil || template.ServiceAccount == "" || !g.Complete(facts.ServiceAccount, workload.Namespace) {
		return facts.Ref{}, nil, false
	}
	account = facts.Ref{Kind: facts.ServiceAccount, Namespace: workload.Namespace, Name: template.ServiceAccount}
	meta := g.MetaOf(workload)
	return account, nil, !g.Has(account) && meta != nil && g.OlderThan(meta.Created, p.StartupGrace)
}

// parseAccount reads the ServiceAccount out of a refusal: error looking up service account shop/cart: serviceaccount "cart"
// not found (plugin/pkg/admission/serviceaccount).
func parseAccount(message string) (string, bool) {
	_, rest, ok := strings.Cut(message, "error looking up service account ")
	if !ok {
		return "", false
	}
	account, why, _ := strings.Cut(rest, ": ")
	_, name, _ := strings.Cut(account, "/")
	return name, name != "" && strings.Contains(why, "not found")
}

// accountsByNamespace are the names of the ServiceAccounts of each namespace.
func accountsByNamespace(g *facts.Graph) map[string][]string {
	names := map[string][]string{}
	for _, node := range g.Configs {
		if node.Kind == facts.ServiceAccount {
			names[node.Namespace] = append(names[node.Namespace], node.Name)
		}
	}
	return names
}

func accountFinding(known map[string][]string, owner, account facts.Ref, evidence []check.Evidence) check.Finding {
	create := remedy.Command("kubectl -n %s create serviceaccount %s", account.Namespace, account.Name)
	after := retry.Then(owner)
	if after != "" {
		after = " " + after
	}
	if restart := retry.Now(owner); restart != "" {
		create = remedy.Command("%s && %s", create, restart)
		after = remedy.Sprintf(" Without the restart it tries again after a pause of up to %s.", retry.LongestPause)
	}
	f := check.Finding{
		Object: owner, Discriminator: account.Name, Culprits: []facts.Ref{account},
		Message: fmt.Sprintf("ServiceAccount %s of %s %s does not exist: its Pods cannot be "+
			"created.", account.Name, owner.Kind.Name(), owner.Name),
		Evidence: append(evidence,
			check.FromSpec("serviceAccountName: %s", account.Name)),
		Remediation: remedy.Sprintf("Create it: `%s`, or correct serviceAccountName in the Pod template of %s %s.%s", create,
			owner.Kind.Name(), owner.Name, after),
	}
	if similar := text.Similar(known[account.Namespace], account.Name); similar != "" {
		f.Evidence = append(f.Evidence, check.FromSpec("similar name: ServiceAccount %s exists", similar))
	}
	return f
}
