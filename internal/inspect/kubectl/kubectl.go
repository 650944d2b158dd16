// Package kubectl builds the commands in remedies and evidence.
package kubectl

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// Command returns the command with the namespace of an object.
func Command(ref facts.Ref) string {
	if ref.Namespace == "" {
		return "kubectl"
	}
	return "kubectl -n " + ref.Namespace
}

// Describe returns the command that shows an object and its events.
func Describe(ref facts.Ref) string {
	if ref.Namespace == "" {
		return fmt.Sprintf("`kubectl describe %s %s`", strings.ToLower(string(ref.Kind)), ref.Name)
	}
	return fmt.Sprintf("`kubectl -n %s describe %s %s`", ref.Namespace, strings.ToLower(string(ref.Kind)), ref.Name)
}
