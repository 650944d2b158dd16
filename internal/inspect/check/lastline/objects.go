package lastline

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

// objectMissing explains what the API server says to a program that reads an object which does not exist: configmaps "settings" not
// found. The namespace is not said: that of the Pod is judged, unless another one has such an object, which is probably meant.
func objectMissing(l line) (Saying, bool) {
	before, _, found := strings.Cut(strings.ReplaceAll(l.text, `\"`, `"`), `" not found`)
	i := strings.LastIndexByte(before, '"')
	if !found || i < 0 {
		return Saying{}, false
	}
	words := strings.Fields(before[:i])
	if len(words) == 0 {
		return Saying{}, false
	}
	resource := words[len(words)-1]
	resource = resource[strings.LastIndexAny(resource, `"'([{:=`)+1:]
	kind, known := kindOfResource(resource)
	ref := facts.Ref{Kind: kind, Namespace: l.pod.Namespace, Name: firstWord(before[i+1:])}
	if !known || ref.Name == "" || ref.Name != before[i+1:] || l.existsAnywhere(ref) || !l.g.Complete(kind, ref.Namespace) {
		return Saying{}, false
	}
	s := Saying{
		Why: fmt.Sprintf("%s %s does not exist in namespace %s", kind, ref.Name, ref.Namespace),
		Fix: remedy.Sprintf("Create %s %s in namespace %s, or correct the name or namespace in the configuration of the program.", kind,
			ref.Name, ref.Namespace),
		Culprits: []facts.Ref{ref},
	}
	var names []string
	for _, node := range l.g.Configs {
		if node.Kind == kind && node.Namespace == ref.Namespace {
			names = append(names, node.Name)
		}
	}
	if similar := text.Similar(names, ref.Name); similar != "" {
		s.Evidence = append(s.Evidence, check.FromSpec("similar name: %s %s exists", kind, similar))
	}
	return s, true
}

// existsAnywhere reports whether a namespace has an object of a kind and name.
func (l line) existsAnywhere(ref facts.Ref) bool {
	if ref.Kind == facts.Service {
		return slices.ContainsFunc(l.g.Services, func(s *facts.ServiceNode) bool { return s.Name == ref.Name })
	}
	return slices.ContainsFunc(l.g.Configs, func(c *facts.ConfigNode) bool { return c.Kind == ref.Kind && c.Name == ref.Name })
}

// kindOfResource is the kind of a resource that programs read by name.
func kindOfResource(resource string) (facts.Kind, bool) {
	for _, kind := range []facts.Kind{facts.ConfigMap, facts.Secret, facts.ServiceAccount, facts.Service} {
		if resource == kind.Resource() {
			return kind, true
		}
	}
	return "", false
}
