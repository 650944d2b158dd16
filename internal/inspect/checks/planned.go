package checks

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// What follows judges manifests: what the specs of workloads say of Pods that are yet to be. See Check.OnManifests.

// plannedPods are the labels and the needs of Pods that something in a namespace will make, or that stand there by themselves.
type plannedPods struct {
	owner  facts.Ref
	labels map[string]string
	spec   *facts.PodSpec
	// wanted is how many there will be; -1 where the cluster decides it.
	wanted int32
}

// planned are the Pods to be of every namespace.
func planned(g *facts.Graph) map[string][]plannedPods {
	all := map[string][]plannedPods{}
	for _, w := range g.Workloads {
		if g.TopOwner(w.Ref) != w.Ref {
			continue
		}
		wanted := w.Desired
		if w.Kind == facts.DaemonSet {
			wanted = -1
		}
		all[w.Namespace] = append(all[w.Namespace], plannedPods{w.Ref, w.TemplateLabels, w.Template, wanted})
	}
	for _, pod := range g.Pods {
		all[pod.Namespace] = append(all[pod.Namespace], plannedPods{pod.Ref, pod.Labels, pod.Spec, 1})
	}
	return all
}

func selectedOf(pods []plannedPods, selector facts.Selector) []plannedPods {
	var selected []plannedPods
	for _, p := range pods {
		if selector.Matches(p.labels) {
			selected = append(selected, p)
		}
	}
	return selected
}

// workloadsComplete says whether all that makes Pods for long in a namespace is in the files.
func workloadsComplete(g *facts.Graph, namespace string) bool {
	return !slices.ContainsFunc(workloadKinds(), func(k facts.Kind) bool { return !g.Complete(k, namespace) })
}

// plannedReference is missingReference for manifests.
func plannedReference(id string) func(*facts.Graph, Params) []Finding {
	return func(g *facts.Graph, _ Params) []Finding {
		var findings []Finding
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

func plannedMissing(g *facts.Graph, use facts.SpecUse, ref reference) Finding {
	pod := &facts.PodNode{Meta: facts.Meta{Ref: use.Owner}, Spec: use.Spec}
	finding := Finding{Object: use.Owner, Discriminator: ref.discriminator(), Culprits: []facts.Ref{ref.object(use.Owner.Namespace)}}
	fields := fieldsOf(pod, ref)
	needs := fmt.Sprintf("which %s %s needs", use.Owner.Kind, use.Owner.Name)
	if len(fields) > 0 {
		needs += " (" + strings.Join(fields, ", ") + ")"
	}
	if ref.key == "" {
		finding.Message = fmt.Sprintf("%s %s, %s, is not in the manifests.", ref.kind, ref.name, needs)
		finding.Remediation = fmt.Sprintf("Add %s %s to the manifests of namespace %s, or correct its name in the Pod template.", ref.kind, ref.name, use.Owner.Namespace)
	} else {
		finding.Message = fmt.Sprintf("%s %s has no key %s, %s.", ref.kind, ref.name, ref.key, needs)
		finding.Remediation = fmt.Sprintf("Add the key to %s %s, or correct it in the Pod template.", ref.kind, ref.name)
	}
	evidence, similar := ref.instead(g, use.Owner.Namespace)
	finding.Evidence = evidence
	if similar != "" {
		finding.Remediation += fmt.Sprintf(" Perhaps %s is meant.", similar)
	}
	return finding
}

// plannedClaim is claimMissing for manifests.
func plannedClaim(g *facts.Graph, _ Params) []Finding {
	var findings []Finding
	for _, use := range g.Specs() {
		var seen []string
		for _, ref := range use.Spec.Refs {
			claim := facts.Ref{Kind: facts.PVC, Namespace: use.Owner.Namespace, Name: ref.Name}
			if ref.Kind != facts.PVC || ref.Optional || g.Has(claim) || !g.Complete(facts.PVC, claim.Namespace) || slices.Contains(seen, ref.Name) {
				continue
			}
			seen = append(seen, ref.Name)
			findings = append(findings, Finding{
				Object: use.Owner, Discriminator: ref.Name, Culprits: []facts.Ref{claim},
				Message:     fmt.Sprintf("%s %s uses PersistentVolumeClaim %s, which is not in the manifests.", use.Owner.Kind, use.Owner.Name, ref.Name),
				Evidence:    []Evidence{spec("%s: claim %s", ref.Field, ref.Name)},
				Remediation: fmt.Sprintf("Add the claim to the manifests of namespace %s, or correct claimName in the Pod template.", claim.Namespace),
			})
		}
	}
	return findings
}

// plannedAccount is accountMissing for manifests.
func plannedAccount(g *facts.Graph, _ Params) []Finding {
	var findings []Finding
	known := accountsByNamespace(g)
	for _, use := range g.Specs() {
		account := facts.Ref{Kind: facts.ServiceAccount, Namespace: use.Owner.Namespace, Name: use.Spec.ServiceAccount}
		if account.Name == "" || account.Name == "default" || g.Has(account) || !g.Complete(facts.ServiceAccount, account.Namespace) {
			continue
		}
		finding := accountFinding(known, use.Owner, account, nil)
		finding.Message = fmt.Sprintf("ServiceAccount %s, which %s %s names, is not in the manifests: without it no Pod may be created.",
			account.Name, use.Owner.Kind, use.Owner.Name)
		finding.Remediation = fmt.Sprintf("Add ServiceAccount %s to the manifests of namespace %s, or correct serviceAccountName in the Pod template.",
			account.Name, account.Namespace)
		findings = append(findings, finding)
	}
	return findings
}

// plannedTarget is hpaTargetMissing for manifests.
func plannedTarget(g *facts.Graph, _ Params) []Finding {
	var findings []Finding
	for _, hpa := range g.HPAs {
		if !slices.Contains(workloadKinds(), hpa.Target.Kind) || hpa.TargetAPIVersion != hpa.Target.Kind.APIVersion() ||
			g.Has(hpa.Target) || !g.Complete(hpa.Target.Kind, hpa.Namespace) {
			continue
		}
		finding := Finding{
			Object:      hpa.Ref,
			Message:     fmt.Sprintf("HorizontalPodAutoscaler %s scales nothing: %s is not in the manifests.", hpa.Name, targetName(hpa)),
			Evidence:    []Evidence{spec("scaleTargetRef: %s %s", hpa.Target.Kind, hpa.Target.Name)},
			Remediation: fmt.Sprintf("Name a target that exists in spec.scaleTargetRef, or add %s to the manifests.", targetName(hpa)),
		}
		if similar := similarTarget(g, hpa); similar != "" {
			finding.Evidence = append(finding.Evidence, spec("%s %s exists in namespace %s", hpa.Target.Kind, similar, hpa.Namespace))
		}
		findings = append(findings, finding)
	}
	return findings
}
