package elasticsearch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"kubeops.io/kubeops/internal/provider/logs"
)

// hit is a document that was found.
type hit struct {
	index, id string
	// at is its time in milliseconds.
	at     int64
	source map[string]any
}

var errShape = errors.New("the answer has another shape")

// decodeHits reads the answer to a search hit by hit, so that no more than one document is held besides what each keeps.
func decodeHits(from io.Reader, each func(hit)) error {
	decoder := json.NewDecoder(from)
	decoder.UseNumber()
	found := false
	err := members(decoder, func(key string) (bool, error) {
		if key != "hits" {
			return false, nil
		}
		return true, members(decoder, func(key string) (bool, error) {
			if key != "hits" {
				return false, nil
			}
			found = true
			return true, elements(decoder, each)
		})
	})
	if err == nil && !found {
		err = errShape
	}
	return err
}

// members of an object. The callback reads the value and says so; what it does not read is skipped.
func members(decoder *json.Decoder, value func(key string) (bool, error)) error {
	if err := delimiter(decoder, '{'); err != nil {
		return err
	}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return err
		}
		key, _ := token.(string)
		taken, err := value(key)
		if err != nil {
			return err
		}
		if !taken {
			var skipped json.RawMessage
			if err := decoder.Decode(&skipped); err != nil {
				return err
			}
		}
	}
	return delimiter(decoder, '}')
}

func delimiter(decoder *json.Decoder, want json.Delim) error {
	token, err := decoder.Token()
	if err != nil {
		return err
	}
	if token != want {
		return errShape
	}
	return nil
}

func elements(decoder *json.Decoder, each func(hit)) error {
	if err := delimiter(decoder, '['); err != nil {
		return err
	}
	for decoder.More() {
		var raw struct {
			Index  string            `json:"_index"`
			ID     string            `json:"_id"`
			Source map[string]any    `json:"_source"`
			Sort   []json.RawMessage `json:"sort"`
		}
		if err := decoder.Decode(&raw); err != nil {
			return err
		}
		if len(raw.Sort) == 0 || raw.ID == "" || raw.Index == "" {
			return errShape
		}
		at, err := strconv.ParseInt(string(raw.Sort[0]), 10, 64)
		if err != nil {
			return fmt.Errorf("%w: the time to sort by is not a whole number", errShape)
		}
		each(hit{index: raw.Index, id: raw.ID, at: at, source: raw.Source})
	}
	return delimiter(decoder, ']')
}

// lookup a field in a document, where objects may be nested, written with dots, or both.
func lookup(document map[string]any, path string) any {
	if value, there := document[path]; there {
		return value
	}
	for i := 0; i < len(path); i++ {
		if path[i] != '.' {
			continue
		}
		if inner, is := document[path[:i]].(map[string]any); is {
			if value := lookup(inner, path[i+1:]); value != nil {
				return value
			}
		}
	}
	return nil
}

// scalar is a value as text; of a list it is the first that is one. There is none for objects and null.
func scalar(value any) (text string, is bool) {
	switch value := value.(type) {
	case string:
		return value, true
	case json.Number:
		return value.String(), true
	case bool:
		return strconv.FormatBool(value), true
	case []any:
		for _, element := range value {
			if _, nested := element.([]any); nested {
				continue
			}
			if text, is := scalar(element); is {
				return text, true
			}
		}
	}
	return "", false
}

// Bounds of what is kept of a document besides its line.
const (
	maxLabels      = 64
	maxLabelLength = 1024
	maxDepth       = 8
)

// line of a document, whole.
func (m *mapping) line(document map[string]any) string {
	for _, f := range m.message {
		if text, is := scalar(lookup(document, f.path)); is && text != "" {
			return text
		}
	}
	for _, path := range m.guesses[roleMessage] {
		if text, is := scalar(lookup(document, path)); is && text != "" {
			return text
		}
	}
	return ""
}

// labelsOf a document: those of the contract and those that were asked for, and what stands in the objects of labels.
func (m *mapping) labelsOf(document map[string]any) map[string]string {
	labels := make(map[string]string, 8)
	take := func(label, path string) bool {
		text, is := scalar(lookup(document, path))
		if !is || text == "" {
			return false
		}
		if label == logs.LabelLevel {
			text = strings.ToLower(text)
		}
		labels[label] = firstBytes(text, maxLabelLength)
		return true
	}
	for label, fields := range m.labels {
		for _, f := range fields {
			if take(label, f.path) {
				break
			}
		}
	}
	for label, paths := range m.guesses {
		for _, path := range paths {
			if label == roleMessage || labels[label] != "" || take(label, path) {
				break
			}
		}
	}
	for _, path := range labelObjects() {
		prefix := path + "."
		if path == ownLabels {
			prefix = ""
		}
		if inner, is := lookup(document, path).(map[string]any); is {
			collect(inner, prefix, labels, 0)
		}
	}
	for _, path := range m.disputing {
		if text, is := scalar(lookup(document, path)); is && text != "" && text != labels[logs.LabelNamespace] {
			delete(labels, logs.LabelNamespace)
		}
	}
	return labels
}

// labelObjects are objects whose fields are labels: one's own, those of Pods as Filebeat, Fluentd and Fluent Bit have them, and
// as Vector does.
func labelObjects() []string {
	return []string{ownLabels, "kubernetes.labels", "kubernetes.pod_labels"}
}

func collect(document map[string]any, prefix string, labels map[string]string, depth int) {
	for key, value := range document {
		if len(labels) >= maxLabels || len(prefix)+len(key) > maxLabelLength {
			return
		}
		if inner, is := value.(map[string]any); is {
			if depth < maxDepth {
				collect(inner, prefix+key+".", labels, depth+1)
			}
			continue
		}
		if _, taken := labels[prefix+key]; taken {
			continue
		}
		if text, is := scalar(value); is {
			labels[prefix+key] = firstBytes(text, maxLabelLength)
		}
	}
}

// cut a line at the contract's limit.
func cut(line string) string {
	if !utf8.ValidString(line) {
		line = strings.ToValidUTF8(line, string(utf8.RuneError))
	}
	if len(line) <= logs.LineLimit {
		return line
	}
	return strings.Clone(firstBytes(line, logs.LineLimit)) // the rest is let go of
}
