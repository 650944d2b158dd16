package manifests

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	// maxDepth of nesting in a document.
	maxDepth = 100
	// minVisits and visitsPerByte bound the visits of nodes in a document, including repeated visits through aliases: a few lines of
	// nested aliases can expand to billions of nodes.
	minVisits     = 500_000
	visitsPerByte = 4
)

var errTooLarge = errors.New("aliases expand beyond the limit, or nesting exceeds 100 levels")

// document is one YAML document while it is read.
type document struct {
	root *yaml.Node
	// offset is the number of lines of the file before the document.
	offset int
	// visits of nodes so far, and their limit.
	visits, limit int
	// tooLarge is set when the limit is exceeded; the result is then incomplete.
	tooLarge bool
}

func newDocument(root *yaml.Node, offset, size int) *document {
	return &document{root: root, offset: offset, limit: minVisits + visitsPerByte*size}
}

func (d *document) line(n *yaml.Node) int { return d.offset + n.Line }

// follow resolves aliases. It returns nil when the document is too large.
func (d *document) follow(n *yaml.Node, depth int) *yaml.Node {
	if d.visits++; d.visits > d.limit || depth > maxDepth {
		d.tooLarge = true
		return nil
	}
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// entry is a key of a map with its value.
type entry struct {
	key        string
	name, node *yaml.Node
}

// entries returns the entries of a map in order, with merge keys (<<) resolved. The first of two equal keys wins; onDuplicate, which
// may be nil, is called with the second.
func (d *document) entries(mapping *yaml.Node, depth int, onDuplicate func(*yaml.Node)) []entry {
	var list []entry
	seen := map[string]bool{}
	var merges []*yaml.Node
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		name, node := mapping.Content[i], mapping.Content[i+1]
		for name.Kind == yaml.AliasNode {
			name = name.Alias
		}
		if name.Kind == yaml.ScalarNode && name.Tag == "!!merge" {
			merges = append(merges, node)
			continue
		}
		if name.Kind != yaml.ScalarNode {
			continue // a template such as {{ .Values.x }}, which is reported elsewhere
		}
		if seen[name.Value] {
			if onDuplicate != nil {
				onDuplicate(name)
			}
			continue
		}
		seen[name.Value] = true
		list = append(list, entry{name.Value, name, node})
	}
	for _, m := range merges {
		list = append(list, d.merged(m, seen, depth+1)...)
	}
	return list
}

// merged returns the entries that a merge key adds.
func (d *document) merged(source *yaml.Node, seen map[string]bool, depth int) []entry {
	source = d.follow(source, depth)
	if source == nil {
		return nil
	}
	var list []entry
	switch source.Kind {
	case yaml.SequenceNode:
		for _, item := range source.Content {
			list = append(list, d.merged(item, seen, depth+1)...)
		}
	case yaml.MappingNode:
		for _, e := range d.entries(source, depth, nil) {
			if d.visits++; !seen[e.key] && d.visits <= d.limit {
				seen[e.key] = true
				list = append(list, e)
			}
		}
	}
	return list
}

// get returns the value of a key; nil if there is none, or if the node is not a map.
func (d *document) get(n *yaml.Node, key string) *yaml.Node {
	n = d.follow(n, 0)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	merges := false
	for i := 0; i+1 < len(n.Content); i += 2 {
		if name := n.Content[i]; name.Kind == yaml.ScalarNode && name.Value == key && name.Tag != "!!merge" {
			return d.follow(n.Content[i+1], 0)
		}
		merges = merges || n.Content[i].Tag == "!!merge"
	}
	if !merges {
		return nil
	}
	for _, e := range d.entries(n, 0, nil) {
		if e.key == key {
			return d.follow(e.node, 0)
		}
	}
	return nil
}

// text returns the value of a key if it is a string, else "".
func (d *document) text(n *yaml.Node, key string) string {
	value := d.get(n, key)
	if value == nil || value.Kind != yaml.ScalarNode {
		return ""
	}
	text, _ := scalar(value).(string)
	return text
}

// scalar returns the value of a scalar node as kubectl reads it, according to YAML 1.1: nil, a bool, an int64, a uint64, a float64 or
// a string.
func scalar(n *yaml.Node) any {
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int":
		return number(n.Value)
	case "!!float":
		if f, err := strconv.ParseFloat(strings.ReplaceAll(n.Value, "_", ""), 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
			if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
				return int64(f)
			}
			return f
		}
		return n.Value
	default:
		if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle|yaml.TaggedStyle) == 0 {
			switch n.Value {
			case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON":
				return true
			case "n", "N", "no", "No", "NO", "off", "Off", "OFF":
				return false
			}
		}
		return n.Value
	}
}

func number(text string) any {
	text = strings.ReplaceAll(text, "_", "")
	if i, err := strconv.ParseInt(text, 0, 64); err == nil {
		return i
	}
	if u, err := strconv.ParseUint(text, 0, 64); err == nil {
		return u
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		return f
	}
	return text
}

// describeNode names the type of a node.
func describeNode(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a map"
	case yaml.SequenceNode:
		return "a list"
	}
	switch v := scalar(n).(type) {
	case nil:
		return "null"
	case bool:
		return fmt.Sprintf("the boolean %t", v)
	case string:
		return "a string"
	default:
		return "a number"
	}
}
