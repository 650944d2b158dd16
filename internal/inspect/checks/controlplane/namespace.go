package controlplane

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/apimessage"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
)

// stuckCustoms are the custom resources of a namespace that are being deleted.
func stuckCustoms(g *facts.Graph, namespace string) []facts.Ref {
	const maxRefs = 20
	var refs []facts.Ref
	for _, custom := range g.CustomResources {
		if custom.Namespace == namespace && !custom.Deleting.IsZero() && len(refs) < maxRefs {
			refs = append(refs, custom.Ref)
		}
	}
	return refs
}

func namespaceChecks() []check.Check {
	return []check.Check{{
		ID: "namespace-stuck-terminating", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
		Summary: "A namespace is stuck terminating.",
		Meaning: "The namespace was deleted and still exists after the terminating grace (five minutes by default). Its " +
			"conditions show what blocks the deletion: an aggregated API that does not respond, which keeps objects from being " +
			"listed; objects that cannot be deleted; or finalizers that no controller removes, usually because the controller " +
			"was uninstalled first.",
		Remediation: "`kubectl get namespace <name> -o yaml` shows what remains in status.conditions. Fix the API or the " +
			"controller shown there. Remove a finalizer by hand only if its controller is gone for good: the cleanup that it " +
			"stands for is then skipped.",
		Link:  "https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/",
		Needs: []facts.Kind{facts.Namespace},
		Uses:  []facts.Kind{facts.APIService, facts.ValidatingWebhook, facts.MutatingWebhook, facts.Pod},
		ExplainedBy: []string{
			"apiservice-unavailable",
			"webhook-service-missing",
			"webhook-no-endpoints",
			"pod-stuck-terminating",
			"custom-resource-stuck-terminating",
		},
		Run: namespaceStuckTerminating,
	}}
}

func namespaceStuckTerminating(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, ns := range g.Namespaces {
		if ns.Deleting.IsZero() || !g.OlderThan(ns.Deleting, params.TerminatingGrace) {
			continue
		}
		finding := check.Finding{Object: ns.Ref, Culprits: append(stuckPods(g, ns.Name), stuckCustoms(g, ns.Name)...)}
		why := holdsNamespace(g, ns, &finding)
		if why == "" {
			why = "no condition reports the reason"
			finding.Remediation = "Check that kube-controller-manager runs, and its log: `kubectl -n kube-system get lease " +
				"kube-controller-manager -o yaml`."
		}
		finding.Message = fmt.Sprintf("Namespace %s is stuck terminating: %s.", ns.Name, why)
		findings = append(findings, finding)
	}
	return findings
}

// holdsNamespace returns what blocks the deletion of a namespace, and adds evidence, culprits and the remedy to the finding.
// The conditions are those of k8s.io/kubernetes/pkg/controller/namespace/deletion.
func holdsNamespace(g *facts.Graph, ns *facts.NamespaceNode, finding *check.Finding) string {
	stands := func(conditionType string) (string, bool) {
		c, ok := ns.Condition(conditionType)
		if !ok || c.Status != "True" {
			return "", false
		}
		finding.Evidence = append(finding.Evidence, check.QuoteCondition(c))
		return c.Message, true
	}
	var reasons []string
	advise := func(reason string, remediation remedy.Text) {
		reasons = append(reasons, reason)
		if finding.Remediation == "" {
			finding.Remediation = remediation
		}
	}
	list := remedy.Sprintf("`kubectl api-resources --verbs=list --namespaced -o name | xargs -n1 kubectl -n %s get --ignore-not-found`",
		ns.Name)
	if message, ok := stands("NamespaceDeletionDiscoveryFailure"); ok {
		groups := groupVersions(message)
		reason := "its objects cannot be listed because an aggregated API does not respond"
		if len(groups) > 0 {
			reason = fmt.Sprintf("its objects cannot be listed because API %s does not respond", strings.Join(groups, ", "))
		}
		for _, groupVersion := range groups {
			group, version, _ := strings.Cut(groupVersion, "/")
			finding.Culprits = append(finding.Culprits, facts.Ref{Kind: facts.APIService, Name: version + "." + group})
		}
		advise(reason, "Fix the Service behind the API (`kubectl get apiservices` shows unavailable ones), or delete the APIService if "+
			"its add-on was removed for good.")
	}
	if message, ok := stands("NamespaceDeletionContentFailure"); ok {
		reason := "its objects cannot be deleted"
		if webhook, ok := apimessage.QuotedAfter(message, "failed calling webhook "); ok {
			reason = fmt.Sprintf("admission webhook %s, which is called for deletions, does not respond", webhook)
			finding.Culprits = append(finding.Culprits, g.WebhookConfigurations(webhook)...)
		}
		advise(reason, "The evidence quotes what rejects the deletion: fix or remove it, and the deletion continues automatically.")
	}
	remaining, remain := stands("NamespaceContentRemaining")
	if message, ok := stands("NamespaceFinalizersRemaining"); ok {
		finalizers := strings.Join(namesBefore(message, " in "), ", ")
		advise(fmt.Sprintf("%s are held by finalizer %s", kindsOrObjects(remaining), finalizers), remedy.Sprintf(
			"Restore the controller that removes %s. Only if it is gone for good, remove the finalizer from each object that "+
				"is left, which skips its cleanup: find them with %s, then `kubectl -n %s patch <kind> <name> --type=merge -p "+
				"'{\"metadata\":{\"finalizers\":null}}'`.", finalizers, list, ns.Name))
	} else if remain {
		advise(kindsOrObjects(remaining)+" remain", remedy.Sprintf("Check what is left and why: %s.", list))
	}
	own := slices.DeleteFunc(slices.Concat(ns.Finalizers, ns.SpecFinalizers), func(f string) bool { return f == "kubernetes" })
	if len(own) > 0 {
		finding.Evidence = append(finding.Evidence, check.FromSpec("finalizers of the namespace itself: %s", strings.Join(own, ", ")))
		advise("it has finalizer "+strings.Join(own, ", "),
			remedy.Sprintf("Restore the controller that removes the finalizer. If it is gone for good, remove it: `kubectl edit "+
				"namespace %s`.", ns.Name))
	}
	return strings.Join(reasons, "; ")
}

// namesBefore parses the names in a list such as "...: pods. has 1 resource instances, jobs.batch has 2 resource
// instances", where separator follows each name.
func namesBefore(message, separator string) []string {
	_, list, ok := strings.Cut(message, ": ")
	if !ok {
		return nil
	}
	var names []string
	for entry := range strings.SplitSeq(list, ", ") {
		if name, _, ok := strings.Cut(entry, separator); ok {
			names = append(names, strings.TrimSuffix(name, ".")) // core resources end with a dot
		}
	}
	return names
}

// kindsOrObjects lists the resources that remain, or returns "objects" if the message has none.
func kindsOrObjects(message string) string {
	if names := namesBefore(message, " has "); len(names) > 0 {
		return phrase.List(names)
	}
	return "objects"
}

// groupVersions finds the distinct API group versions in a message.
func groupVersions(message string) []string {
	var found []string
	words := strings.FieldsFunc(message, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`,;"'()[]`, r) })
	for _, word := range words {
		word = strings.TrimRight(word, ":.")
		group, version, ok := strings.Cut(word, "/")
		if ok && strings.Contains(group, ".") && len(version) > 1 && version[0] == 'v' && unicode.IsDigit(rune(version[1])) &&
			!strings.Contains(version, "/") && !slices.Contains(found, word) {
			found = append(found, word)
		}
	}
	return found
}

// stuckPods are the objects on which findings about terminating Pods of a namespace are reported.
func stuckPods(g *facts.Graph, namespace string) []facts.Ref {
	const maxRefs = 20
	var refs []facts.Ref
	for _, pod := range g.PodsIn(namespace) {
		if owner := g.TopOwner(pod.Ref); !pod.Deleting.IsZero() && len(refs) < maxRefs && !slices.Contains(refs, owner) {
			refs = append(refs, owner)
		}
	}
	return refs
}
