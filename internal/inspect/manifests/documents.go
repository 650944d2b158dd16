package manifests

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// chunk is the text of one document. Its offset is the number of lines before it.
type chunk struct {
	text   []byte
	offset int
}

// split splits a file into documents. The parser is not used for this: it would stop at the first invalid document.
func split(text []byte) []chunk {
	var chunks []chunk
	start := 0  // of the current document
	offset := 0 // lines before it
	position := 0
	line := 0
	for current := range bytes.Lines(text) {
		if isSeparator(current) {
			chunks = append(chunks, chunk{text[start:position], offset})
			// Text after the dashes (a comment, or the document itself) belongs to the next document.
			start = position + len("---")
			offset = line
		}
		position += len(current)
		line++
	}
	return append(chunks, chunk{text[start:], offset})
}

func isSeparator(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	return ok && (len(rest) == 0 || strings.ContainsRune(" \t\r\n", rune(rest[0])))
}

// documents reads all documents in a file.
func (r *reader) documents(ctx context.Context, file string, text []byte) error {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
		r.gap(file, 0, "not valid UTF-8.", "Save it as UTF-8, or exclude it.")
		return nil
	}
	chunks := []chunk{{text, 0}}
	if json.Valid(text) {
		// Apart from tabs between tokens, JSON is valid YAML. JSON strings cannot contain tabs.
		chunks[0].text = bytes.ReplaceAll(text, []byte("\t"), []byte(" "))
	} else {
		chunks = split(text)
	}
	var failures []failure
	for _, c := range chunks {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("read manifests: %w", err)
		}
		if r.full || len(bytes.TrimSpace(c.text)) == 0 {
			continue
		}
		if failed := r.document(file, c); failed != nil {
			failures = append(failures, *failed)
			r.unread = append(r.unread, kindsIn(c.text)...)
		}
	}
	r.reportFailures(file, failures)
	return nil
}

// kindsIn returns the kinds that a document names which does not parse. Without a literal one, any kind may be in it.
func kindsIn(text []byte) []facts.Kind {
	var kinds []facts.Kind
	for _, found := range regexp.MustCompile(`(?m)^[ \t-]*["']?kind["']?:[ \t]*["']?([A-Za-z]+)["']?[ \t\r,]*$`).FindAllSubmatch(text, -1) {
		kinds = append(kinds, facts.Kind(found[1]))
	}
	if len(kinds) == 0 || slices.Contains(kinds, "List") {
		return facts.Kinds()
	}
	return kinds
}

// failure is a document that could not be read.
type failure struct {
	line     int
	reason   string
	template bool
}

// reportFailures reports all documents of a file that could not be read as one gap.
func (r *reader) reportFailures(file string, failures []failure) {
	if len(failures) == 0 {
		return
	}
	first := failures[0]
	message := "invalid YAML: " + first.reason + "."
	advice := remedy.Text("Fix the YAML at that line, or exclude the file.")
	if first.template {
		message = "unrendered template."
		advice = "Inspect the rendered output: `helm template <chart> | kubeops inspect -f -`."
	}
	if len(failures) > 1 {
		message += fmt.Sprintf(" Documents in the same file that could not be read either: %d.", len(failures)-1)
	}
	r.gap(file, first.line, message, advice)
}

// document reads one document and returns why it could not be read, or nil.
func (r *reader) document(file string, c chunk) *failure {
	templated := bytes.Contains(c.text, []byte("{{"))
	first := c.offset + firstLine(c.text)
	root, err := parse(c.text)
	if err != nil {
		line, reason := splitLine(err)
		if templated {
			// The line of the first braces is more useful than the line at which the parser failed.
			return &failure{c.offset + 1 + bytes.Count(c.text[:bytes.Index(c.text, []byte("{{"))], []byte("\n")), reason, true}
		}
		return &failure{max(c.offset+line, first), reason, false}
	}
	if root == nil || root.Kind != yaml.DocumentNode || len(root.Content) == 0 {
		return nil // only comments
	}
	doc := newDocument(root.Content[0], c.offset, len(c.text))
	if templated && (hasTemplateBraces(doc.root, 0) || doc.hasTemplatedName()) {
		return &failure{first, "", true}
	}
	if n := doc.root; n.Kind == yaml.ScalarNode {
		if scalar(n) != nil {
			return &failure{doc.line(n), "expected a map with apiVersion and kind, not a scalar", false}
		}
		return nil
	}
	r.object(file, doc, doc.root, typeOf{}, 0)
	if doc.tooLarge {
		return &failure{first, errTooLarge.Error(), false}
	}
	return nil
}

// parse parses the text of a document. It turns a panic of the parser into an error.
func parse(text []byte) (root *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("parser error: %v", r)
		}
	}()
	root = &yaml.Node{}
	return root, yaml.Unmarshal(text, root)
}

// firstLine is the first line that is neither blank nor a comment.
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

// splitLine separates the line number from the message of a parser error.
func splitLine(err error) (line int, message string) {
	message = strings.TrimPrefix(err.Error(), "yaml: ")
	if match := regexp.MustCompile(`line (\d+): `).FindStringSubmatch(message); match != nil {
		line, _ = strconv.Atoi(match[1]) // 0 if it overflows
		message = strings.Replace(message, match[0], "", 1)
	}
	return line, clip(strings.Join(strings.Fields(message), " "))
}

// hasTemplateBraces reports whether template braces were parsed as YAML maps, as in replicas: {{ .Values.replicas }}.
func hasTemplateBraces(n *yaml.Node, depth int) bool {
	if depth > maxDepth {
		return false
	}
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && child.Kind == yaml.MappingNode {
			return true
		}
		if hasTemplateBraces(child, depth+1) {
			return true
		}
	}
	return false
}

// hasTemplatedName reports whether the type or name of the object contains template braces.
func (d *document) hasTemplatedName() bool {
	metadata := d.get(d.root, "metadata")
	return strings.Contains(d.text(d.root, "apiVersion")+d.text(d.root, "kind")+d.text(metadata, "name")+d.text(metadata, "namespace"),
		"{{")
}
