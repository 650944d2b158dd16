package yamledit

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxValue of a value in bytes.
const maxValue = 1024

// Get returns the scalar that a path leads to, as text.
func Get(content []byte, path Path) (string, error) {
	documents, err := decode(content)
	if err != nil {
		return "", err
	}
	node, err := locate(documents, path)
	if err != nil {
		return "", err
	}
	return node.Value, nil
}

// Set replaces the scalar that a path leads to, and returns the file. Without a change, it returns the content itself. A text stays a text:
// one that looks like another type gets quotes.
func Set(content []byte, path Path, value string) ([]byte, error) {
	if err := checkValue(value); err != nil {
		return nil, err
	}
	documents, err := decode(content)
	if err != nil {
		return nil, err
	}
	node, err := locate(documents, path)
	if err != nil {
		return nil, err
	}
	if node.Value == value && (node.Style != 0 || node.Tag != "!!null") {
		return content, nil
	}
	return replace(content, documents, node, value)
}

// Restore replaces the scalar that a path leads to by that of another version of the file, with its spelling and its type.
func Restore(content, from []byte, path Path) ([]byte, error) {
	earlier, err := decode(from)
	if err != nil {
		return nil, err
	}
	old, err := locate(earlier, path)
	if err != nil {
		return nil, err
	}
	oldStart, oldEnd, err := extent(from, old)
	if err != nil {
		return nil, err
	}
	documents, err := decode(content)
	if err != nil {
		return nil, err
	}
	node, err := locate(documents, path)
	if err != nil {
		return nil, err
	}
	start, end, err := extent(content, node)
	if err != nil {
		return nil, err
	}
	edited := bytes.Join([][]byte{content[:start], from[oldStart:oldEnd], content[end:]}, nil)
	if !verified(documents, edited, node, old.Value, old.Tag) {
		return nil, errors.New("the value cannot be restored without changing something else; set it by hand")
	}
	return edited, nil
}

func checkValue(value string) error {
	switch {
	case len(value) > maxValue:
		return fmt.Errorf("the value has %d bytes, at most %d are allowed", len(value), maxValue)
	case !utf8.ValidString(value), strings.ContainsFunc(value, func(r rune) bool { return r != ' ' && !unicode.IsPrint(r) }):
		return errors.New("the value has line breaks or other characters that cannot be printed")
	}
	return nil
}

// replace the text of a scalar.
func replace(content []byte, documents []*yaml.Node, node *yaml.Node, value string) ([]byte, error) {
	start, end, err := extent(content, node)
	if err != nil {
		return nil, err
	}
	for _, text := range spellings(node, value) {
		edited := bytes.Join([][]byte{content[:start], []byte(text), content[end:]}, nil)
		if verified(documents, edited, node, value, "!!str") || node.Tag != "!!null" && verified(documents, edited, node, value, node.Tag) {
			return edited, nil
		}
	}
	return nil, errors.New("the value cannot be replaced without changing something else; write it on one line of its own")
}

// extent is where the text of a scalar begins and ends.
func extent(content []byte, node *yaml.Node) (start, end int, err error) {
	refused := func(what string) (int, int, error) {
		return 0, 0, fmt.Errorf("the value in line %d %s; write it on one line, without a tag", node.Line, what)
	}
	start, ok := offset(content, node.Line, node.Column)
	switch {
	case !ok:
		return refused("cannot be found again")
	case node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return refused("is a block of several lines")
	case node.Style&yaml.TaggedStyle != 0:
		return refused("has a tag")
	case node.Style&yaml.DoubleQuotedStyle != 0:
		end = closing(content, start, '"')
	case node.Style&yaml.SingleQuotedStyle != 0:
		end = closing(content, start, '\'')
	case node.Value == "":
		return refused("is empty")
	case bytes.HasPrefix(content[start:], []byte(node.Value)):
		end = start + len(node.Value)
	}
	if end == 0 || bytes.ContainsAny(content[start:end], "\r\n") {
		return refused("has several lines")
	}
	return start, end, nil
}

// offset of a line and a column, which counts characters; both begin with 1.
func offset(content []byte, line, column int) (int, bool) {
	at := 0
	for ; line > 1; line-- {
		next := bytes.IndexByte(content[at:], '\n')
		if next < 0 {
			return 0, false
		}
		at += next + 1
	}
	if at == 0 && bytes.HasPrefix(content, []byte("\ufeff")) {
		at += len("\ufeff")
	}
	for ; column > 1; column-- {
		if at >= len(content) {
			return 0, false
		}
		_, size := utf8.DecodeRune(content[at:])
		at += size
	}
	return at, at < len(content)
}

// closing is what follows the closing quote of a scalar; 0 if there is none.
func closing(content []byte, start int, quote byte) int {
	if content[start] != quote {
		return 0
	}
	for i := start + 1; i < len(content); i++ {
		switch {
		case quote == '"' && content[i] == '\\':
			i++
		case content[i] != quote:
		case quote == '\'' && i+1 < len(content) && content[i+1] == quote:
			i++
		default:
			return i + 1
		}
	}
	return 0
}

// spellings of a value in place of a scalar, the best first.
func spellings(node *yaml.Node, value string) []string {
	double := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
	switch {
	case node.Style&yaml.DoubleQuotedStyle != 0:
		return []string{double}
	case node.Style&yaml.SingleQuotedStyle != 0:
		return []string{"'" + strings.ReplaceAll(value, "'", "''") + "'"}
	case value == "" || isWord11(value):
		return []string{double}
	}
	return []string{value, double}
}

// isWord11 reports whether YAML 1.1, which Kubernetes reads, takes a text for a boolean.
func isWord11(value string) bool {
	switch strings.ToLower(value) {
	case "y", "n", "yes", "no", "on", "off":
		return true
	}
	return false
}

// verified reports whether an edited file differs from the documents in one scalar, which has the value and the tag.
func verified(documents []*yaml.Node, edited []byte, node *yaml.Node, value, tag string) bool {
	changed, err := decode(edited)
	if err != nil || len(changed) != len(documents) {
		return false
	}
	for i := range documents {
		if !same(documents[i], changed[i], node, value, tag) {
			return false
		}
	}
	return true
}

// same compares two trees. The scalar at target must have the value and the tag in the second.
func same(a, b, target *yaml.Node, value, tag string) bool {
	if a.Kind != b.Kind || a.Anchor != b.Anchor || a.HeadComment != b.HeadComment || a.LineComment != b.LineComment ||
		a.FootComment != b.FootComment || len(a.Content) != len(b.Content) {
		return false
	}
	if a == target {
		return b.Value == value && b.Tag == tag
	}
	if a.Tag != b.Tag || a.Value != b.Value || a.Style != b.Style {
		return false
	}
	for i := range a.Content {
		if !same(a.Content[i], b.Content[i], target, value, tag) {
			return false
		}
	}
	return true
}
