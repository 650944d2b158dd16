package access

import (
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// HasVerb reports whether a rule allows one of the verbs.
func HasVerb(rule facts.AccessRule, verbs ...string) bool {
	return slices.ContainsFunc(rule.Verbs, func(v string) bool { return v == "*" || slices.Contains(verbs, v) })
}

// HasGroup reports whether a rule covers an API group; the core group is empty.
func HasGroup(rule facts.AccessRule, group string) bool {
	return slices.ContainsFunc(rule.Groups, func(g string) bool { return g == "*" || g == group })
}

// HasResource reports whether a rule covers a resource, for example pods, or pods/exec; it matches wildcards as the authorizer does, for
// which */exec is a wildcard and pods/* is none.
func HasResource(rule facts.AccessRule, resource string) bool {
	_, sub, _ := strings.Cut(resource, "/")
	return slices.ContainsFunc(rule.Resources, func(r string) bool {
		return r == "*" || r == resource || (sub != "" && r == "*/"+sub)
	})
}

// AsAccounts copies the subjects of a binding, with users of the form system:serviceaccount:... replaced by ServiceAccounts.
func AsAccounts(subjects []facts.Subject) []facts.Subject {
	out := slices.Clone(subjects)
	for i, s := range out {
		if rest, ok := strings.CutPrefix(s.Name, "system:serviceaccount:"); ok && s.Kind == "User" {
			if namespace, name, ok := strings.Cut(rest, ":"); ok {
				out[i] = facts.Subject{Kind: string(facts.ServiceAccount), Namespace: namespace, Name: name}
			}
		}
	}
	return out
}

// distance is what a rule lacks to allow a denied request, the least first.
type distance int

const (
	allowed distance = iota
	otherNames
	otherVerb
	otherSubresource
	otherGroup
	unrelated
)

// distanceTo is what a rule lacks to allow a request.
func distanceTo(rule facts.AccessRule, d Denial) distance {
	if d.Path != "" {
		matches := slices.ContainsFunc(rule.URLs, func(url string) bool {
			prefix, wildcard := strings.CutSuffix(url, "*")
			return url == d.Path || wildcard && strings.HasPrefix(d.Path, prefix)
		})
		switch {
		case !matches:
			return unrelated
		case HasVerb(rule, d.Verb):
			return allowed
		default:
			return otherVerb
		}
	}
	verb := HasVerb(rule, d.Verb)
	group := HasGroup(rule, d.Group)
	resource := HasResource(rule, d.Resource)
	parent, _, nested := strings.Cut(d.Resource, "/")
	switch {
	case resource && group && verb && (len(rule.Names) == 0 || d.Name != "" && slices.Contains(rule.Names, d.Name)):
		return allowed
	case resource && group && verb:
		return otherNames
	case resource && group:
		return otherVerb
	case nested && group && verb && slices.Contains(rule.Resources, parent):
		return otherSubresource
	case resource && verb && !slices.Contains(rule.Resources, "*"):
		return otherGroup
	default:
		return unrelated
	}
}
