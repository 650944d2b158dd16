package lastline

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// forbidden explains what the API server says to a ServiceAccount without permission:
// User "system:serviceaccount:NAMESPACE:NAME" cannot VERB resource "RESOURCE" in API group "GROUP" in the namespace "NAMESPACE".
func forbidden(l line) (Saying, bool) {
	plain := strings.ReplaceAll(l.text, `\"`, `"`)
	_, rest, found := strings.Cut(plain, `User "system:serviceaccount:`)
	if !found {
		return Saying{}, false
	}
	user, rest, _ := strings.Cut(rest, `"`)
	namespace, name, ok := strings.Cut(user, ":")
	_, rest, cannot := strings.Cut(rest, " cannot ")
	if !ok || !cannot {
		return Saying{}, false
	}
	verb := firstWord(rest)
	resource := quotedAfter(rest, `resource "`)
	if verb == "" || resource == "" {
		return Saying{}, false
	}
	group := quotedAfter(rest, `in API group "`)
	if group != "" {
		resource += "." + group
	}
	where := quotedAfter(rest, `in the namespace "`)
	s := Saying{
		Why:      fmt.Sprintf("ServiceAccount %s cannot %s %s (RBAC)", name, verb, resource),
		Culprits: []facts.Ref{{Kind: facts.ServiceAccount, Namespace: namespace, Name: name}},
		Evidence: []check.Evidence{check.FromSpec("ServiceAccount %s in namespace %s needs verb %s on "+
			"%s", name, namespace, verb, resource)},
	}
	role := name + "-" + verb
	if where == "" {
		s.Why += " in the whole cluster"
		s.Fix = remedy.Sprintf("If the program needs it: `kubectl create clusterrole %[1]s --verb=%[2]s --resource=%[3]s` and "+
			"`kubectl create "+
			"clusterrolebinding %[1]s --clusterrole=%[1]s --serviceaccount=%[4]s`.", role, verb, resource, namespace+":"+name)
		return s, true
	}
	s.Why += " in namespace " + where
	s.Fix = remedy.Sprintf("If the program needs it: `kubectl -n %[5]s create role %[1]s --verb=%[2]s --resource=%[3]s` and `kubectl -n "+
		"%[5]s create rolebinding %[1]s --role=%[1]s --serviceaccount=%[4]s`.", role, verb, resource, namespace+":"+name, where)
	return s, true
}

// quotedAfter is the text between an opening and the next quote.
func quotedAfter(text, opening string) string {
	_, rest, _ := strings.Cut(text, opening)
	value, _, closed := strings.Cut(rest, `"`)
	if !closed {
		return ""
	}
	return firstWord(value)
}
