// Package kubectl builds commands about objects, for remedies. Package remedy quotes what is inserted into them.
package kubectl

import (
	"strings"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// Command returns kubectl with the namespace of an object.
func Command(ref facts.Ref) remedy.Words { return InNamespace(ref.Namespace) }

// InNamespace returns kubectl with a namespace; empty for objects without one.
func InNamespace(namespace string) remedy.Words {
	if namespace == "" {
		return "kubectl"
	}
	return remedy.Command("kubectl -n %s", namespace)
}

// Describe returns the command that shows an object and its events, in backquotes.
func Describe(ref facts.Ref) remedy.Text {
	return remedy.Command("%s describe %s %s", Command(ref), strings.ToLower(string(ref.Kind)), ref.Name).Code()
}
