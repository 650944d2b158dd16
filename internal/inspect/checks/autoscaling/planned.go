package autoscaling

import (
	"fmt"
	"slices"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// plannedTarget is hpaTargetMissing for manifests.
func plannedTarget(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, hpa := range g.HPAs {
		if !slices.Contains(facts.WorkloadKinds(), hpa.Target.Kind) || hpa.TargetAPIVersion != hpa.Target.Kind.APIVersion() ||
			g.Has(hpa.Target) || !g.Complete(hpa.Target.Kind, hpa.Namespace) {
			continue
		}
		finding := check.Finding{
			Object:      hpa.Ref,
			Message:     fmt.Sprintf("HorizontalPodAutoscaler %s cannot scale: %s is not in the manifests.", hpa.Name, targetName(hpa)),
			Evidence:    []check.Evidence{check.FromSpec("scaleTargetRef: %s %s", hpa.Target.Kind, hpa.Target.Name)},
			Remediation: remedy.Sprintf("Name a target that exists in spec.scaleTargetRef, or add %s to the manifests.", targetName(hpa)),
		}
		if similar := similarTarget(g, hpa); similar != "" {
			finding.Evidence = append(finding.Evidence,
				check.FromSpec("%s %s exists in namespace %s", hpa.Target.Kind, similar, hpa.Namespace))
		}
		findings = append(findings, finding)
	}
	return findings
}
