package exposure

import (
	"fmt"
	"slices"
	"strings"

	psaapi "k8s.io/pod-security-admission/api"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
)

// policyEngine reports whether an admission webhook belongs to a policy engine, which may reject what Pod Security
// would.
func policyEngine(g *facts.Graph) bool {
	engines := []string{"kyverno", "gatekeeper", "kubewarden", "polaris", "datree", "jspolicy", "k-rail"}
	return slices.ContainsFunc(g.Webhooks, func(w *facts.WebhookNode) bool {
		names := []string{w.Name}
		for _, hook := range w.Webhooks {
			names = append(names, hook.Name)
		}
		return slices.ContainsFunc(names, func(name string) bool {
			return slices.ContainsFunc(engines, func(e string) bool { return strings.Contains(name, e) })
		})
	})
}

func noPodSecurity(g *facts.Graph, _ check.Params) []check.Finding {
	if !g.Complete(facts.ValidatingWebhook, "") || policyEngine(g) {
		return nil
	}
	uses := usesByNamespace(g)
	var findings []check.Finding
	for _, name := range inhabited(g, uses) {
		ns, ok := facts.Lookup[*facts.NamespaceNode](g, facts.Ref{Kind: facts.Namespace, Name: name})
		if !ok || ns.Labels[psaapi.EnforceLevelLabel] != "" {
			continue
		}
		finding := check.Finding{
			Object:   ns.Ref,
			Message:  fmt.Sprintf("Namespace %s has no Pod Security level: it accepts privileged Pods.", name),
			Evidence: []check.Evidence{check.FromSpec("label %s is not set", psaapi.EnforceLevelLabel)},
			Remediation: remedy.Sprintf(
				"Test what would be rejected: `kubectl label --dry-run=server --overwrite namespace %[1]s %[2]s=baseline`. If there "+
					"are no warnings, apply it: `kubectl label --overwrite namespace %[1]s %[2]s=baseline`.",
				name,
				psaapi.EnforceLevelLabel,
			),
		}
		for _, label := range []string{"pod-security.kubernetes.io/warn", "pod-security.kubernetes.io/audit"} {
			if level := ns.Labels[label]; level != "" {
				finding.Evidence = append(finding.Evidence,
					check.FromSpec("label %s is %s, which warns or audits but does not reject", label, level))
			}
		}
		findings = append(findings, finding)
	}
	return findings
}

func podSecurityPrivileged(g *facts.Graph, _ check.Params) []check.Finding {
	uses := usesByNamespace(g)
	var findings []check.Finding
	for _, name := range inhabited(g, uses) {
		ns, ok := facts.Lookup[*facts.NamespaceNode](g, facts.Ref{Kind: facts.Namespace, Name: name})
		if !ok || ns.Labels[psaapi.EnforceLevelLabel] != "privileged" || !templatesComplete(g, name) {
			continue
		}
		if slices.ContainsFunc(uses[name], func(u *facts.SpecUse) bool { return beyondBaseline(u.Spec) }) {
			continue
		}
		findings = append(findings, check.Finding{
			Object:   ns.Ref,
			Message:  fmt.Sprintf("Namespace %s allows privileged Pods, although all of its Pods comply with the level baseline.", name),
			Evidence: []check.Evidence{check.FromSpec("label %s: privileged", psaapi.EnforceLevelLabel)},
			Remediation: remedy.Sprintf(
				"Set the level that its Pods comply with: `kubectl label --overwrite namespace %s %s=baseline`. kubectl warns about "+
					"Pods that do not comply.",
				name,
				psaapi.EnforceLevelLabel,
			),
		})
	}
	return findings
}

func defaultNamespaceUsed(g *facts.Graph, _ check.Params) []check.Finding {
	var names []string
	told := map[facts.Ref]bool{}
	for _, use := range g.Specs() {
		if use.Owner.Namespace == "default" && !told[use.Owner] {
			told[use.Owner] = true
			names = append(names, use.Owner.Kind.Name()+" "+use.Owner.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []check.Finding{{
		Object:   facts.Ref{Kind: facts.Namespace, Name: "default"},
		Message:  "Workloads run in the namespace default and share its permissions, quotas and policies.",
		Evidence: []check.Evidence{check.FromSpec("workloads: %s", phrase.List(names))},
	}}
}
