// Package access explains why RBAC denies a request of a ServiceAccount: which role or binding comes nearest to allowing it, and the
// smallest rule that would.
package access

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"kubeops.io/kubeops/internal/inspect/facts"
)

const (
	// maxText is how many bytes of a text are searched for a denial.
	maxText = 16 << 10
	// maxValue is how long a resource, group or path may be.
	maxValue = 253
)

// Denial is a request of a ServiceAccount that the API server denied.
type Denial struct {
	// Namespace and Account of the ServiceAccount.
	Namespace, Account string
	// Verb, such as list.
	Verb string
	// Group and Resource, with a subresource as in pods/log; empty for a Path.
	Group, Resource string
	// Name of the object; empty for all of them, and where the text does not say.
	Name string
	// Scope is the namespace of the request; empty for the whole cluster.
	Scope string
	// Path that is no resource, such as /metrics.
	Path string
}

// Ref is the ServiceAccount.
func (d Denial) Ref() facts.Ref {
	return facts.Ref{Kind: facts.ServiceAccount, Namespace: d.Namespace, Name: d.Account}
}

// FullResource is the resource as kubectl takes it: deployments.apps/scale.
func (d Denial) FullResource() string {
	resource, sub, nested := strings.Cut(d.Resource, "/")
	if d.Group != "" {
		resource += "." + d.Group
	}
	if nested {
		resource += "/" + sub
	}
	return resource
}

// Target is what the request was about: pods in namespace shop.
func (d Denial) Target() string {
	switch {
	case d.Path != "":
		return d.Path
	case d.Scope == "":
		return d.FullResource() + " in the whole cluster"
	default:
		return d.FullResource() + " in namespace " + d.Scope
	}
}

// Parse returns the first denial of a ServiceAccount in a text: a log line, or the message of an event or condition. Programs of all
// languages quote what the authorizer of the API server says, escaped as often as they nest it:
//
//	pods "a" is forbidden: User "system:serviceaccount:shop:cart" cannot get resource "pods" in API group "" in the namespace "shop"
//
// https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/endpoints/handlers/responsewriters/errors.go
func Parse(text string) (Denial, bool) {
	text = unescape(text[:min(len(text), maxText)])
	for {
		before, rest, found := strings.Cut(text, `User "`+serviceAccountUser)
		if !found {
			return Denial{}, false
		}
		if d, ok := parse(before, rest); ok {
			return d, true
		}
		text = rest
	}
}

// serviceAccountUser begins the user name of a ServiceAccount. No escape of a quote is in it.
const serviceAccountUser = "system:serviceaccount:"

// unescape turns the quotes of nested JSON, HTML and shells into plain ones.
func unescape(text string) string {
	if !strings.Contains(text, serviceAccountUser) {
		return text // most texts are no denial
	}
	if strings.Contains(text, `\`) {
		text = strings.NewReplacer(`\u0022`, `"`, `\n`, "\n").Replace(text)
		for strings.Contains(text, `\"`) {
			text = strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(text)
		}
	}
	return strings.NewReplacer("&quot;", `"`, "&#34;", `"`, "\u201c", `"`, "\u201d", `"`).Replace(text)
}

// parse reads what follows the beginning of a user, and the name of the object from what is before it.
func parse(before, rest string) (Denial, bool) {
	user, rest, _ := strings.Cut(rest, `"`)
	var d Denial
	d.Namespace, d.Account, _ = strings.Cut(user, ":")
	verb, rest, ok := strings.Cut(strings.TrimPrefix(rest, " cannot "), " ")
	d.Verb = verb
	if !ok || !isNamespace(d.Namespace) || !isName(d.Account) || !isWord(verb, "-") { // in a rule, * would be all verbs
		return Denial{}, false
	}
	if path, isPath := strings.CutPrefix(rest, `path "`); isPath {
		d.Path, _, ok = strings.Cut(path, `"`)
		return d, ok && strings.HasPrefix(d.Path, "/") && isWord(d.Path, "/-._~") // in a rule, /* would be all paths
	}
	rest, ok = d.parseResource(rest)
	if !ok {
		return Denial{}, false
	}
	d.Name = objectName(before, d.Resource)
	if scope, namespaced := strings.CutPrefix(rest, ` in the namespace "`); namespaced {
		d.Scope, _, ok = strings.Cut(scope, `"`)
		return d, ok && isNamespace(d.Scope)
	}
	return d, strings.HasPrefix(rest, " at the cluster scope")
}

// parseResource reads the resource and its group, and returns what follows. Before Kubernetes 1.12, they were one word.
func (d *Denial) parseResource(text string) (rest string, ok bool) {
	quoted, current := strings.CutPrefix(text, `resource "`)
	if !current {
		var word string
		word, rest, _ = strings.Cut(text, " ")
		resource, sub, nested := strings.Cut(word, "/")
		d.Resource, d.Group, _ = strings.Cut(resource, ".")
		if nested {
			d.Resource += "/" + sub
		}
		return " " + rest, isWord(d.Resource, "/-") && (d.Group == "" || isName(d.Group))
	}
	d.Resource, rest, _ = strings.Cut(quoted, `"`)
	rest, hasGroup := strings.CutPrefix(rest, ` in API group "`)
	if !hasGroup {
		return "", false
	}
	d.Group, rest, ok = strings.Cut(rest, `"`)
	return rest, ok && isWord(d.Resource, "/-.") && (d.Group == "" || isName(d.Group))
}

// objectName is the name in what is before the user: pods "a" is forbidden: . Other text there is not about the resource.
func objectName(before, resource string) string {
	before, ok := strings.CutSuffix(before, `" is forbidden: `)
	i := strings.LastIndexByte(before, '"')
	if !ok || i < 0 {
		return ""
	}
	name := before[i+1:]
	words := strings.Fields(before[:i])
	plain, _, _ := strings.Cut(resource, "/")
	if len(words) == 0 || !isPathName(name) {
		return ""
	}
	last, _, _ := strings.Cut(words[len(words)-1], ".")
	if strings.TrimLeft(last, `"'([{:=`) != plain {
		return ""
	}
	return name
}

func isNamespace(text string) bool { return len(validation.IsDNS1123Label(text)) == 0 }

func isName(text string) bool { return len(validation.IsDNS1123Subdomain(text)) == 0 }

// isPathName reports whether a text may be the name of any object: RBAC's own have colons.
func isPathName(text string) bool { return isWord(text, "-.:") }

// isWord reports whether a text is made of letters, digits and some other characters.
func isWord(text, others string) bool {
	return text != "" && len(text) <= maxValue && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(others, r)
	})
}
