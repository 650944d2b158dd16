package pod

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// plannedReference is missingReference for manifests.
func plannedReference(id string) func(*facts.Graph, check.Params) []check.Finding {
	return func(g *facts.Graph, _ check.Params) []check.Finding {
		var findings []check.Finding
		for _, use := range g.Specs() {
			var seen []reference
			for _, ref := range absent(g, &facts.PodNode{Meta: facts.Meta{Ref: use.Owner}, Spec: use.Spec}, true) {
				if ref.check() != id || slices.Contains(seen, ref) {
					continue
				}
				seen = append(seen, ref)
				findings = append(findings, plannedMissing(g, use, ref))
			}
		}
		return findings
	}
}

func plannedMissing(g *facts.Graph, use facts.SpecUse, ref reference) check.Finding {
	pod := &facts.PodNode{Meta: facts.Meta{Ref: use.Owner}, Spec: use.Spec}
	finding := check.Finding{
		Object:        use.Owner,
		Discriminator: ref.discriminator(),
		Culprits:      []facts.Ref{ref.object(use.Owner.Namespace)},
	}
	fields := fieldsOf(pod, ref)
	needs := fmt.Sprintf("%s %s needs it", use.Owner.Kind.Name(), use.Owner.Name)
	if len(fields) > 0 {
		needs += " (" + strings.Join(fields, ", ") + ")"
	}
	if ref.key == "" {
		finding.Message = fmt.Sprintf("%s %s is not in the manifests; %s.", ref.kind, ref.name, needs)
		finding.Remediation = remedy.Sprintf("Add %s %s to the manifests of namespace %s, or correct its name in the Pod "+
			"template.", ref.kind, ref.name, use.Owner.Namespace)
	} else {
		finding.Message = fmt.Sprintf("%s %s has no key %s; %s.", ref.kind, ref.name, ref.key, needs)
		finding.Remediation = remedy.Sprintf("Add the key to %s %s, or correct it in the Pod template.", ref.kind, ref.name)
	}
	evidence, similar := ref.instead(g, use.Owner.Namespace)
	finding.Evidence = evidence
	if similar != "" {
		finding.Remediation += remedy.Sprintf(" Did you mean %s?", similar)
	}
	return finding
}

// plannedAccount is accountMissing for manifests.
func plannedAccount(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	known := accountsByNamespace(g)
	for _, use := range g.Specs() {
		account := facts.Ref{Kind: facts.ServiceAccount, Namespace: use.Owner.Namespace, Name: use.Spec.ServiceAccount}
		if account.Name == "" || account.Name == "default" || g.Has(account) || !g.Complete(facts.ServiceAccount, account.Namespace) {
			continue
		}
		finding := accountFinding(known, use.Owner, account, nil)
		finding.Message = fmt.Sprintf("ServiceAccount %s of %s %s is not in the manifests: its Pods cannot be created.",
			account.Name, use.Owner.Kind.Name(), use.Owner.Name)
		finding.Remediation = remedy.Sprintf("Add ServiceAccount %s to the manifests of namespace %s, or correct serviceAccountName in "+
			"the Pod template.",
			account.Name, account.Namespace)
		findings = append(findings, finding)
	}
	return findings
}
