package manifests

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// chunk is the text of one document, with the number of lines before it.
type chunk struct {
	text   []byte
	offset int
}

// split cuts a file at the lines that separate documents. It is done here and not by the parser, so that a document that
// cannot be read does not hide those behind it.
func split(text []byte) []chunk {
	var chunks []chunk
	start, offset, line := 0, 0, 0
	for at := 0; at < len(text); {
		end := bytes.IndexByte(text[at:], '\n')
		next := len(text)
		if end >= 0 {
			next = at + end + 1
		}
		if separates(text[at:next]) {
			chunks = append(chunks, chunk{text[start:at], offset})
			// What follows the dashes on their line (a comment, or the document itself) belongs to the next document.
			start, offset = at+3, line
		}
		at, line = next, line+1
	}
	return append(chunks, chunk{text[start:], offset})
}

func separates(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	return ok && (len(rest) == 0 || strings.ContainsRune(" \t\r\n", rune(rest[0])))
}

// documents reads all documents of a file.
func (r *reader) documents(ctx context.Context, file string, text []byte) error {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
		r.gap(file, 0, "is no text in UTF-8.", "Save it as UTF-8, or leave it out.")
		return nil
	}
	chunks := []chunk{{text, 0}}
	if json.Valid(text) {
		// JSON is YAML but for tabs between its parts; within texts it has none.
		chunks[0].text = bytes.ReplaceAll(text, []byte("\t"), []byte(" "))
	} else {
		chunks = split(text)
	}
	var broken []failure
	for _, c := range chunks {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("read manifests: %w", err)
		}
		if r.full || len(bytes.TrimSpace(c.text)) == 0 {
			continue
		}
		if failed := r.document(file, c); failed != nil {
			broken = append(broken, *failed)
		}
	}
	r.tellBroken(file, broken)
	return nil
}

// failure is a document that could not be read.
type failure struct {
	line     int
	why      string
	template bool
}

// tellBroken makes one gap of all documents of a file that could not be read.
func (r *reader) tellBroken(file string, broken []failure) {
	if len(broken) == 0 {
		return
	}
	first := broken[0]
	message, advice := "cannot be read as YAML: "+first.why+".", "Correct the YAML at that line, or leave the file out."
	if first.template {
		message = "is a template, and no object before it is rendered."
		advice = "Inspect what the template makes: `helm template <chart> | kubeops inspect -f -`."
	}
	if len(broken) > 1 {
		message += fmt.Sprintf(" So are, or cannot be read, %d more documents of the file.", len(broken)-1)
	}
	r.gap(file, first.line, message, advice)
}

// document reads one document.
func (r *reader) document(file string, c chunk) *failure {
	templated := bytes.Contains(c.text, []byte("{{"))
	first := c.offset + firstLine(c.text)
	root, err := parse(c.text)
	if err != nil {
		line, why := located(err)
		if templated {
			// Where the template's braces stand says more than where the parser gave up.
			return &failure{c.offset + 1 + bytes.Count(c.text[:bytes.Index(c.text, []byte("{{"))], []byte("\n")), why, true}
		}
		return &failure{max(c.offset+line, first), why, false}
	}
	if root == nil || root.Kind != yaml.DocumentNode || len(root.Content) == 0 {
		return nil // comments alone
	}
	doc := newDocument(root.Content[0], c.offset, len(c.text))
	if templated && (braces(doc.root, 0) || doc.nameless()) {
		return &failure{first, "", true}
	}
	if n := doc.root; n.Kind == yaml.ScalarNode {
		if scalar(n) != nil {
			return &failure{doc.line(n), "it is text, and no mapping with apiVersion and kind", false}
		}
		return nil
	}
	r.object(file, doc, doc.root, typeOf{}, 0)
	if doc.tooLarge {
		return &failure{first, errTooLarge.Error(), false}
	}
	return nil
}

// parse reads the text of a document. The parser must not end the program on what it does not understand.
func parse(text []byte) (root *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the parser gave up: %v", r)
		}
	}()
	root = &yaml.Node{}
	return root, yaml.Unmarshal(text, root)
}

// firstLine is the line of the first text that is no comment.
func firstLine(text []byte) int {
	n := 0
	for line := range bytes.Lines(text) {
		n++
		if trimmed := bytes.TrimSpace(line); len(trimmed) > 0 && trimmed[0] != '#' {
			return n
		}
	}
	return 1
}

// located takes the line out of a parser's error.
func located(err error) (line int, why string) {
	why = strings.TrimPrefix(err.Error(), "yaml: ")
	if match := regexp.MustCompile(`line (\d+): `).FindStringSubmatch(why); match != nil {
		line, _ = strconv.Atoi(match[1]) // digits, and 0 is as good as too many of them
		why = strings.Replace(why, match[0], "", 1)
	}
	return line, clip(strings.Join(strings.Fields(why), " "))
}

// braces says whether a document has template braces where YAML takes them for mappings: replicas: {{ .Values.replicas }}.
func braces(n *yaml.Node, depth int) bool {
	if depth > maxDepth {
		return false
	}
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && child.Kind == yaml.MappingNode {
			return true
		}
		if braces(child, depth+1) {
			return true
		}
	}
	return false
}

// nameless says whether what names the object is still to be filled in by a template.
func (d *document) nameless() bool {
	metadata := d.get(d.root, "metadata")
	return strings.Contains(d.text(d.root, "apiVersion")+d.text(d.root, "kind")+d.text(metadata, "name")+d.text(metadata, "namespace"), "{{")
}
