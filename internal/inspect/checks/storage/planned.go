package storage

import (
	"fmt"
	"slices"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// plannedClaim is claimMissing for manifests.
func plannedClaim(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, use := range g.Specs() {
		var seen []string
		for _, ref := range use.Spec.Refs {
			claim := facts.Ref{Kind: facts.PVC, Namespace: use.Owner.Namespace, Name: ref.Name}
			if ref.Kind != facts.PVC || ref.Optional || g.Has(claim) || !g.Complete(facts.PVC, claim.Namespace) ||
				slices.Contains(seen, ref.Name) {
				continue
			}
			seen = append(seen, ref.Name)
			findings = append(findings, check.Finding{
				Object: use.Owner, Discriminator: ref.Name, Culprits: []facts.Ref{claim},
				Message: fmt.Sprintf("%s %s uses PersistentVolumeClaim %s, which is not in the manifests.", use.Owner.Kind,
					use.Owner.Name, ref.Name),
				Evidence: []check.Evidence{check.FromSpec("%s: claim %s", ref.Field, ref.Name)},
				Remediation: remedy.Sprintf("Add the claim to the manifests of namespace %s, or correct claimName in the Pod template.",
					claim.Namespace),
			})
		}
	}
	return findings
}
