package collect

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

// tooManyKinds is the gap of a cluster with more kinds of custom resources than are read.
func tooManyKinds(found []resource) facts.Gap {
	return facts.Gap{
		Kinds: []facts.Kind{facts.Custom}, Source: "custom resources", Reason: v1alpha1.GapIncomplete,
		Message: fmt.Sprintf("The cluster serves %d kinds of custom resources; at most %d are read, in alphabetical order up to %s.",
			len(found), maxCustomKinds, found[maxCustomKinds-1].label()),
		Remediation: "Nothing to do, unless you need one of them; list them with `kubectl api-resources --verbs=list -o name`. " +
			"Deleting a CustomResourceDefinition that is no longer needed also deletes all its objects.",
	}
}

// maxNamedResources of a gap of custom resources are named.
const maxNamedResources = 25

// describeCustom describes a gap of custom resources that a permission would close. The inspector's role cannot list what operators
// add, so each cluster adds a role for that.
func (l lists) describeCustom(who string, scope Scope) (message string, remediation remedy.Text) {
	const role = inspector + "-custom"
	if l.discovery {
		return fmt.Sprintf("%s cannot get %s (RBAC); custom resources were not inspected.", who, discoveryPath),
			"Bind ClusterRole system:discovery, which is bound to all authenticated users by default."
	}
	failed := text.List(l.resources, maxNamedResources)
	if l.home {
		message = fmt.Sprintf("%s cannot list custom resources %s in all namespaces (RBAC). Only namespace %s was read.", who, failed,
			scope.Home)
	} else {
		message = fmt.Sprintf("%s cannot %s custom resources %s%s (RBAC); their health was not checked.", who, l.verbs(), failed,
			l.everywhere())
	}
	named := l.resources
	more := ""
	if len(named) > maxNamedResources {
		named = named[:maxNamedResources]
		more = " Add the others in the same way; `kubectl api-resources --verbs=list -o name` lists them all."
	}
	verbs := "get,list"
	if l.watched {
		verbs = "get,list,watch"
	}
	return message, remedy.Sprintf(
		"Create a role for those that you need: `kubectl create clusterrole %s --verb=%s --resource=%s%s`.%s %s",
		role, verbs, strings.Join(named, ","), remedy.Repeatable, more, grant(who, role, l.namespaces, ""),
	)
}
