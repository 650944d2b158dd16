package managerconfig

import (
	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"kubeops.io/kubeops/internal/printable"
)

// lookup the first value of a key.
func lookup(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Kind == yaml.ScalarNode && mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

func isNull(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null"
}

// kindOf names the type of a node for an error. The value itself may be a secret in the wrong place.
func kindOf(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias, which is not supported"
	}
	switch node.ShortTag() {
	case "!!str":
		return "a string"
	case "!!int":
		return "an integer"
	case "!!float":
		return "a decimal number"
	case "!!bool":
		return "a boolean"
	case "!!null":
		return "nothing"
	case "!!timestamp":
		return "a timestamp"
	case "!!merge":
		return "a merge key, which is not supported"
	}
	return "a value with a tag"
}

// pathElement is a key as part of a path. A key may be any text.
func pathElement(key string) string {
	const maxRunes = 64
	if key == "" {
		return `""`
	}
	clean := printable.Line(key)
	if runes := []rune(clean); len(runes) > maxRunes {
		return string(runes[:maxRunes]) + "..."
	}
	return clean
}

func pathOf(path *field.Path) string {
	if path == nil {
		return ""
	}
	return path.String()
}
