package lastline

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

// objectMissing explains what the API server says to a program that reads an object which does not exist: configmaps "settings" not
// found. The namespace is not said; only that of the Pod is judged, where such an object may be elsewhere.
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
	if !known || ref.Name == "" || ref.Name != before[i+1:] || l.g.Has(ref) || !l.g.Complete(kind, ref.Namespace) {
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

// kindOfResource is the kind of a resource that programs read by name.
func kindOfResource(resource string) (facts.Kind, bool) {
	for _, kind := range []facts.Kind{facts.ConfigMap, facts.Secret, facts.ServiceAccount, facts.Service} {
		if resource == kind.Resource() {
			return kind, true
		}
	}
	return "", false
}
