package logroute

import (
	"bytes"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"kubeops.io/kubeops/internal/provider/logs"
)

// object is a mapping in the order that it was made in. Every text of it is quoted, so that none can become anything else.
type object struct{ node *yaml.Node }

func newObject() object { return object{&yaml.Node{Kind: yaml.MappingNode}} }

// set adds a pair: a string, bool, int, []string, object, logs.Options or program.
func (o object) set(key string, value any) object {
	name := &yaml.Node{Kind: yaml.ScalarNode, Value: key}
	if key == "" || strings.ContainsFunc(key, func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' }) {
		name.Style = yaml.DoubleQuotedStyle
	}
	o.node.Content = append(o.node.Content, name, node(value))
	return o
}

// note puts a comment above the pair that was added last.
func (o object) note(text string) object {
	o.node.Content[len(o.node.Content)-2].HeadComment = text
	return o
}

// program is a text of several lines, made of nothing but what this package prints.
type program string

func node(value any) *yaml.Node {
	switch v := value.(type) {
	case object:
		return v.node
	case logs.Options:
		o := newObject()
		for _, option := range v {
			o.set(option.Name, option.Value)
		}
		return o.node
	case program:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: string(v), Style: yaml.LiteralStyle}
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v)}
	case int:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.Itoa(v)}
	case []string:
		list := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, text := range v {
			list.Content = append(list.Content, node(text))
		}
		return list
	case string:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: v, Style: yaml.DoubleQuotedStyle}
	}
	panic("node: a value of a type that set does not document")
}

func (o object) String() (string, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(o.node); err != nil {
		return "", err
	}
	return out.String(), encoder.Close()
}
