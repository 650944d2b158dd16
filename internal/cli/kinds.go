package cli

import (
	"slices"

	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/inspect/facts"
)

func joinKinds(needs, uses []facts.Kind) string {
	var words []string
	for _, k := range slices.Concat(needs, uses) {
		if !slices.Contains(words, string(k)) {
			words = append(words, string(k))
		}
	}
	return terminal.JoinWords(words)
}
