package clusters

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/internal/names"
)

// Expand replaces $(cluster.name) and $(cluster.labels.KEY) in a text by the name and the labels of a ManagedCluster. Other texts of the
// form $(...) are kept, as in the arguments of containers, and $$( is a literal $(. Errors say what is wrong with the variable.
func Expand(value, name string, labels map[string]string) (string, error) {
	const begin = "$(cluster."
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(value, begin)
		if !found {
			b.WriteString(value)
			return b.String(), nil
		}
		if literal, ok := strings.CutSuffix(before, "$"); ok {
			b.WriteString(literal + begin)
			value = rest
			continue
		}
		variable, after, closed := strings.Cut(rest, ")")
		label, isLabel := strings.CutPrefix(variable, "labels.")
		b.WriteString(before)
		switch known, has := labels[label]; {
		case closed && variable == "name":
			b.WriteString(name)
		case closed && isLabel && has:
			b.WriteString(known)
		case closed && isLabel:
			return "", fmt.Errorf("uses label %s, which ManagedCluster %s does not have", names.Quote(label), name)
		default:
			return "", fmt.Errorf("uses %s, which is not one of $(cluster.name) and $(cluster.labels.KEY)", names.Quote(begin+variable+")"))
		}
		value = after
	}
}
