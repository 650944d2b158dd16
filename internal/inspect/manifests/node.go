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
	// minVisits and visitsPerByte bound the nodes of a document that are visited, those behind aliases counted anew each time:
	// a few lines of aliases to aliases would else be billions of nodes.
	minVisits, visitsPerByte = 500_000, 4
)

// errTooLarge says that a document unfolds to more than is read.
var errTooLarge = errors.New("its aliases unfold to far more than stands there, or it is nested deeper than 100 levels")

// document is one YAML document while it is read.
type document struct {
	root *yaml.Node
	// offset is the number of lines of the file before the document.
	offset int
	// visits so far, and how many there may be.
	visits, limit int
	// tooLarge is set when a bound was met; what was read by then is not the document.
	tooLarge bool
}

func newDocument(root *yaml.Node, offset, size int) *document {
	return &document{root: root, offset: offset, limit: minVisits + visitsPerByte*size}
}

func (d *document) line(n *yaml.Node) int { return d.offset + n.Line }

// follow is the node itself, or what an alias stands for. It returns nil when the document is too large.
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

// entry is one key of a mapping with its value.
type entry struct {
	key        string
	name, node *yaml.Node
}

// entries are the keys of a mapping in their order, merge keys (<<) unfolded. Of a key that stands there twice the first
// counts, and twice, which may be nil, is told the second.
func (d *document) entries(mapping *yaml.Node, depth int, twice func(*yaml.Node)) []entry {
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
			continue // the like of {{ .Values.x }}, which is told as a template
		}
		if seen[name.Value] {
			if twice != nil {
				twice(name)
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

// merged are the entries that a merge key brings in, without those that are there already.
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

// get is the value of a key of a mapping; nil when there is none, or the node is no mapping.
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

// text is the value of a key where that is a plain string; else "".
func (d *document) text(n *yaml.Node, key string) string {
	value := d.get(n, key)
	if value == nil || value.Kind != yaml.ScalarNode {
		return ""
	}
	text, _ := scalar(value).(string)
	return text
}

// scalar is the value of a scalar node as kubectl reads it, which follows YAML 1.1: nil, a bool, an int64, a uint64, a
// float64 or a string.
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

// what names the type of a node for a person.
func what(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch v := scalar(n).(type) {
	case nil:
		return "nothing"
	case bool:
		return fmt.Sprintf("the boolean %t", v)
	case string:
		return "text"
	default:
		return "a number"
	}
}
