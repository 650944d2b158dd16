package manifests

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// DecodeStrict reads one YAML document into a value and refuses what does not fit it, with file and line; what names it in
// errors.
func DecodeStrict(file string, text []byte, name string, into any) error {
	root, err := parse(text)
	if err != nil {
		line, why := located(err)
		return fmt.Errorf("%s:%d: %s", file, max(line, 1), why)
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) == 0 {
		return nil
	}
	t := newTyped(newDocument(root.Content[0], 0, len(text)), name, fieldCache{})
	fits := t.value(root.Content[0], reflect.TypeOf(into).Elem(), "", 0)
	if len(t.problems) > 0 {
		p := t.problems[0]
		advice := ""
		if strings.HasPrefix(p.advice, "Perhaps ") {
			advice, _, _ = strings.Cut(p.advice, "; else")
			advice = " (" + strings.TrimPrefix(advice, "Perhaps ") + "?)"
		}
		return fmt.Errorf("%s:%d: %s%s", file, p.line, p.text, advice)
	}
	if !fits {
		return fmt.Errorf("%s: %w", file, errTooLarge)
	}
	if err := json.Unmarshal(t.out.Bytes(), into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
