package rbac

import (
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/access"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
)

// API groups of the rules that the checks below look for.
const (
	groupCore  = ""
	groupRBAC  = "rbac.authorization.k8s.io"
	groupCerts = "certificates.k8s.io"
)

// allows reports whether a rule grants one of the verbs on every object of the resource. Rules for single objects
// by name do not.
func allows(rule facts.AccessRule, group, resource string, verbs ...string) bool {
	return len(rule.Names) == 0 && access.HasVerb(rule, verbs...) && access.HasGroup(rule, group) &&
		access.HasResource(rule, resource)
}

// everything reports whether a rule allows every verb on every resource of its API groups.
func everything(rule facts.AccessRule) bool {
	return len(rule.Names) == 0 && slices.Contains(rule.Verbs, "*") && slices.Contains(rule.Resources, "*")
}

func readsSecrets(rule facts.AccessRule) bool {
	return allows(rule, groupCore, "secrets", "get", "list", "watch")
}

// writes reports whether a rule allows changing anything. Reviews of one's own permissions use the verb create but
// change nothing, and neither does the verb use, by which policies select the accounts that they apply to.
func writes(rule facts.AccessRule) bool {
	if len(rule.Resources) == 0 || onlyReviews(rule) {
		return false
	}
	return slices.ContainsFunc(rule.Verbs, func(v string) bool { return v != "get" && v != "list" && v != "watch" && v != "use" })
}

func onlyReviews(rule facts.AccessRule) bool {
	return len(rule.Groups) > 0 && !slices.ContainsFunc(rule.Groups, func(g string) bool {
		return g != "authorization.k8s.io" && g != "authentication.k8s.io"
	}) && !slices.ContainsFunc(rule.Resources, func(r string) bool { return !strings.HasSuffix(r, "reviews") })
}

// kubernetesGroup reports whether an API group belongs to Kubernetes and a wildcard in it is harmful. Wildcards on the custom
// resources of an operator are accepted.
func kubernetesGroup(group string) bool {
	switch group {
	case "*", groupCore, groupRBAC, groupCerts, "apps", "batch", "autoscaling", "policy", "extensions", "admissionregistration.k8s.io",
		"apiextensions.k8s.io", "apiregistration.k8s.io", "authentication.k8s.io", "authorization.k8s.io", "flowcontrol.apiserver.k8s.io",
		"networking.k8s.io", "node.k8s.io", "resource.k8s.io", "scheduling.k8s.io", "storage.k8s.io":
		return true
	default:
		return false
	}
}

// harmless reports whether a rule covers only low-risk resources.
func harmless(rule facts.AccessRule) bool {
	return !slices.ContainsFunc(rule.Resources, func(r string) bool { return r != "events" && r != "leases" && r != "endpointslices" })
}

// ruleEvidence quotes a rule.
func ruleEvidence(rule facts.AccessRule) check.Evidence {
	what := phrase.List(rule.Resources)
	if len(rule.Resources) == 0 {
		what = phrase.List(rule.URLs)
	}
	var groups []string
	for _, g := range rule.Groups {
		if g != groupCore {
			groups = append(groups, g)
		}
	}
	if len(groups) > 0 {
		what += " (" + phrase.List(groups) + ")"
	}
	if len(rule.Names) > 0 {
		what += " named " + phrase.List(rule.Names)
	}
	return check.FromSpec("rule: %s on %s", phrase.List(rule.Verbs), what)
}
