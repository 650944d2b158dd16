package yamledit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// MaxBytes is the size of a file.
const MaxBytes = 1 << 20

// maxDocuments of a file.
const maxDocuments = 1000

// decode the documents of a file.
func decode(content []byte) ([]*yaml.Node, error) {
	if len(content) > MaxBytes {
		return nil, fmt.Errorf("the file has %d bytes, at most %d are edited", len(content), MaxBytes)
	}
	var documents []*yaml.Node
	for decoder := yaml.NewDecoder(bytes.NewReader(content)); ; {
		document := &yaml.Node{}
		err := decoder.Decode(document)
		switch {
		case errors.Is(err, io.EOF):
			return documents, nil
		case err != nil:
			return nil, errors.New("the file is not valid YAML: " + strings.TrimPrefix(err.Error(), "yaml: "))
		case len(documents) == maxDocuments:
			return nil, fmt.Errorf("the file has more than %d documents", maxDocuments)
		}
		documents = append(documents, document)
	}
}

// locate the scalar that a path leads to. Of several documents, exactly one must have it.
func locate(documents []*yaml.Node, path Path) (*yaml.Node, error) {
	var found *yaml.Node
	missing := errors.New("the file is empty")
	for _, document := range documents {
		if document.Kind != yaml.DocumentNode || len(document.Content) == 0 {
			continue
		}
		node, err := walk(document.Content[0], path.steps)
		var absent *absentError
		switch {
		case errors.As(err, &absent):
			missing = err
		case err != nil:
			return nil, err
		case found != nil:
			return nil, errors.New("the path exists in several documents of the file; give each document a file of its own")
		default:
			found = node
		}
	}
	if found == nil {
		return nil, missing
	}
	return found, nil
}

// absentError is a step that does not exist.
type absentError struct{ what string }

func (e *absentError) Error() string { return e.what + " does not exist" }

// walk to the scalar below a node.
func walk(node *yaml.Node, steps []step) (*yaml.Node, error) {
	for _, s := range steps {
		next, err := follow(node, s)
		if err != nil {
			return nil, err
		}
		node = next
	}
	switch {
	case node.Kind == yaml.AliasNode:
		return nil, fmt.Errorf("the value is the alias *%s, which stands for a value elsewhere; edit that one", node.Value)
	case node.Kind != yaml.ScalarNode:
		return nil, fmt.Errorf("the value is a %s; only single values can be set", kindOf(node))
	case node.Anchor != "":
		return nil, fmt.Errorf("the value has the anchor &%s, so that a change would change other places, too", node.Anchor)
	}
	return node, nil
}

// follow one step. Anchors and merges on the way are refused: what they refer to may be used elsewhere.
func follow(node *yaml.Node, s step) (*yaml.Node, error) {
	switch {
	case node.Kind == yaml.AliasNode:
		return nil, fmt.Errorf("the alias *%s is on the way; edit the place that it refers to", node.Value)
	case node.Anchor != "":
		return nil, fmt.Errorf("the anchor &%s is on the way, so that a change would change other places, too", node.Anchor)
	case s.isIndex, s.isMatch:
		return item(node, s)
	case node.Kind != yaml.MappingNode:
		return nil, &absentError{fmt.Sprintf("key %s (its parent is a %s)", s.key, kindOf(node))}
	}
	return entry(node, s.key)
}

func entry(node *yaml.Node, key string) (*yaml.Node, error) {
	var found *yaml.Node
	merged := false
	for i := 0; i+1 < len(node.Content); i += 2 {
		switch name := node.Content[i]; {
		case name.Kind == yaml.ScalarNode && name.Tag == "!!merge":
			merged = true
		case name.Kind != yaml.ScalarNode || name.Value != key:
		case found != nil:
			return nil, fmt.Errorf("key %s exists twice", key)
		default:
			found = node.Content[i+1]
		}
	}
	switch {
	case found != nil:
		return found, nil
	case merged:
		return nil, fmt.Errorf("key %s may come from a merge (<<); write it where it is used", key)
	}
	return nil, &absentError{"key " + key}
}

func item(node *yaml.Node, s step) (*yaml.Node, error) {
	if node.Kind != yaml.SequenceNode {
		return nil, &absentError{"the list"}
	}
	if s.isIndex {
		if s.index >= len(node.Content) {
			return nil, &absentError{fmt.Sprintf("item %d of a list of %d", s.index, len(node.Content))}
		}
		return node.Content[s.index], nil
	}
	var found *yaml.Node
	for _, candidate := range node.Content {
		if !has(candidate, s.field, s.value) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("several items have %s=%s", s.field, s.value)
		}
		found = candidate
	}
	if found == nil {
		return nil, &absentError{fmt.Sprintf("an item with %s=%s", s.field, s.value)}
	}
	return found, nil
}

// has reports whether an item has a value.
func has(node *yaml.Node, field, value string) bool {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind != yaml.MappingNode {
		return false
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == field && node.Content[i+1].Kind == yaml.ScalarNode && node.Content[i+1].Value == value {
			return true
		}
	}
	return false
}

func kindOf(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "mapping"
	case yaml.SequenceNode:
		return "list"
	case yaml.AliasNode:
		return "alias"
	default:
		return "single value"
	}
}
