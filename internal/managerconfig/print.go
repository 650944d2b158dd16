package managerconfig

import (
	"bytes"
	"net/url"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"kubeops.io/kubeops/api/config/v1alpha1"
)

const redacted = "[redacted]"

// YAML has all fields in the order of the types. Comments state the origin of values that are not defaults. Credentials are redacted.
func (e *Effective) YAML() ([]byte, error) {
	root := &yaml.Node{Kind: yaml.MappingNode}
	root.HeadComment = "Effective configuration of the manager. A comment after a value is its origin; values without one are defaults."
	appendPair(root, "apiVersion", stringNode(wantAPIVersion))
	appendPair(root, "kind", stringNode(wantKind))
	e.appendSection(root, nil, reflect.ValueOf(e.Redacted()))
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(root); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Sources are the origins of values that are not defaults, by field path, for a log entry.
func (e *Effective) Sources() map[string]string {
	sources := make(map[string]string, len(e.Origins))
	for path, origin := range e.Origins {
		sources[path] = origin.String()
	}
	return sources
}

// Redacted is a copy without credentials.
func (e *Effective) Redacted() v1alpha1.ManagerConfig {
	config := e.Config
	redact(reflect.ValueOf(&config).Elem())
	return config
}

// redact every string, so that a new field cannot be forgotten.
func redact(value reflect.Value) {
	switch {
	case value.Kind() == reflect.String:
		value.SetString(redactURL(value.String()))
	case value.Kind() == reflect.Slice:
		items := reflect.MakeSlice(value.Type(), value.Len(), value.Len())
		reflect.Copy(items, value)
		for i := range items.Len() {
			redact(items.Index(i))
		}
		value.Set(items)
	case isSection(value.Type()):
		for i := range value.NumField() {
			redact(value.Field(i))
		}
	}
}

// redactURL hides userinfo, query and fragment of a URL, and leaves other texts as they are.
func redactURL(text string) string {
	scheme, rest, isURL := strings.Cut(text, "://")
	if !isURL {
		return text
	}
	parsed, err := url.Parse(text)
	if err != nil {
		return redacted
	}
	if parsed.RawQuery != "" || parsed.ForceQuery || parsed.Fragment != "" {
		rest, _, _ = strings.Cut(rest, "#")
		rest, _, _ = strings.Cut(rest, "?")
		rest += "?" + redacted
	}
	if parsed.User != nil {
		authority, path, hasPath := strings.Cut(rest, "/")
		rest = redacted + authority[strings.LastIndex(authority, "@"):]
		if hasPath {
			rest += "/" + path
		}
	}
	return scheme + "://" + rest
}

func (e *Effective) appendSection(mapping *yaml.Node, path *field.Path, value reflect.Value) {
	for _, one := range members(value.Type()) {
		child := path.Child(one.name)
		node := e.node(child, value.Field(one.index))
		appendPair(mapping, one.name, node)
	}
}

func (e *Effective) node(path *field.Path, value reflect.Value) *yaml.Node {
	node := &yaml.Node{}
	switch {
	case isSection(value.Type()):
		node.Kind = yaml.MappingNode
		e.appendSection(node, path, value)
		return node
	case value.Kind() == reflect.Slice:
		node.Kind = yaml.SequenceNode
		if value.Len() == 0 {
			node.Style = yaml.FlowStyle
		}
		for i := range value.Len() {
			node.Content = append(node.Content, e.node(path.Index(i), value.Index(i)))
		}
		if value.Len() > 0 {
			return node // the items have origins
		}
	case value.Type() == reflect.TypeFor[metav1.Duration]():
		node = stringNode(value.Interface().(metav1.Duration).Duration.String())
	case value.Kind() == reflect.String:
		node = stringNode(value.String())
	default:
		if err := node.Encode(value.Interface()); err != nil {
			node = stringNode(redacted) // booleans and integers have no errors
		}
	}
	if origin, exists := e.Origins[path.String()]; exists {
		node.LineComment = origin.String()
	}
	return node
}

func appendPair(mapping *yaml.Node, key string, value *yaml.Node) {
	mapping.Content = append(mapping.Content, stringNode(key), value)
}

// stringNode quotes a text where YAML would read it as another type.
func stringNode(text string) *yaml.Node {
	node := &yaml.Node{}
	node.SetString(text)
	return node
}

func lowerFirst(text string) string { return strings.ToLower(text[:1]) + text[1:] }
