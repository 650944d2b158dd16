package collect

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

// describeImpersonation describes a gap of lists that were not read since the manager, or the user of the command line, cannot
// impersonate the reader.
func (l lists) describeImpersonation(who string, scope Scope, failures []failure) (message string, remediation remedy.Text) {
	refused := l.refusal(scope, failures)
	account, isAccount := strings.CutPrefix(who, "system:serviceaccount:")
	_, name, _ := strings.Cut(account, ":")
	manager := strings.HasPrefix(refused.User, "system:serviceaccount:")
	switch {
	case l.impersonation && manager && isAccount:
		return fmt.Sprintf("%s cannot impersonate %s (RBAC), so nothing was read as that user.", refused.User, who),
			sentence(refused.GrantAccount(name))
	case l.impersonation:
		return fmt.Sprintf("%s cannot impersonate %s (RBAC), so nothing was read as that user.", refused.User, who),
			remedy.Sprintf("Grant %s the verb %s on it.", refused.User, refused.Verb)
	}
	failed := text.List(l.resources, maxNamedResources) + l.everywhere()
	named := l.resources[:min(len(l.resources), maxNamedResources)]
	remediation = sentence(refused.Grant(named))
	switch {
	case l.paths:
		return fmt.Sprintf("%s cannot get %s as %s (RBAC).", refused.User, failed, who), remediation
	case l.home:
		message = fmt.Sprintf("%s cannot list %s in all namespaces as %s (RBAC). Only namespace %s was read.", refused.User, failed, who,
			scope.Home)
		return message, remedy.Sprintf("Inspect namespace %s only (spec.namespaces), or let the manager read all namespaces. %s",
			scope.Home, remediation)
	case l.custom:
		_, more := l.describeCustom(who, scope)
		remediation += " " + more
	case l.objects:
		remediation += " " + l.grant(who, l.namespaces)
	}
	return fmt.Sprintf("%s cannot list %s as %s (RBAC).", refused.User, failed, who), remediation
}

// refusal is the first one with the cause of these lists.
func (l lists) refusal(scope Scope, failures []failure) apierror.Impersonation {
	for _, f := range failures {
		if refused, ok := apierror.ImpersonationRefused(f.err); ok && causeOf(scope, f) == l.cause {
			return refused
		}
	}
	return apierror.Impersonation{}
}

// sentence is the remedy for a report.
func sentence(r apierror.Remedy) remedy.Text {
	if r.Command == "" {
		return remedy.Sprintf("%s.", r.Advice)
	}
	return remedy.Sprintf("%s: %s.", r.Advice, r.Command.Code())
}
