package collect

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// tooManyKinds is the gap of a cluster with more kinds of custom resources than are read.
func tooManyKinds(found []resource) facts.Gap {
	gap := facts.Gap{
		Kinds: []facts.Kind{facts.Custom}, Source: "custom resources", Reason: v1alpha1.GapIncomplete,
		Message: fmt.Sprintf("The cluster has more than %d kinds of custom resources; those after %s, in the order of the alphabet, were not read.",
			maxCustomKinds, found[maxCustomKinds-1].label()),
		Remediation: "Nothing to do, unless one of them matters to you: `kubectl api-resources --verbs=list -o name` lists them all. " +
			"CustomResourceDefinitions of add-ons that are gone can be deleted, together with their objects.",
	}
	return gap
}

// explainCustom words a gap of custom resources that a grant would close. The inspector's own role cannot name what an
// operator brings, so that each cluster adds a role for what it has.
func (l lists) explainCustom(who string, scope Scope) (message, remediation string) {
	const named, role = 25, "kubeops-inspector-custom"
	all, resources, more := fewNames(l.resources, named), l.resources, ""
	if len(resources) > named {
		resources = resources[:named]
		more = " The others are granted in the same way, in a role of another name; `kubectl api-resources --verbs=list -o name` names them all."
	}
	switch {
	case l.discovery:
		return fmt.Sprintf("%s may not ask which APIs the cluster has (%s), so custom resources are not seen.", who, discoveryPath),
			"Bind ClusterRole system:discovery, which clusters bind to every authenticated user by default."
	case l.home:
		message = fmt.Sprintf("%s may not list these custom resources in all namespaces, so they were read in namespace %s only: %s.", who, scope.Home, all)
	default:
		message = fmt.Sprintf("%s may not list these custom resources%s, so it is not seen whether they are well: %s.", who, l.where(0), all)
	}
	return message, fmt.Sprintf("Make a role for those that matter to you: `kubectl create clusterrole %s --verb=get,list --resource=%s`.%s %s",
		role, strings.Join(resources, ","), more, grant(who, role, l.namespaces))
}
