package manifests

import (
	"encoding/json"
	"fmt"
	"reflect"

	"go.yaml.in/yaml/v3"
)

// DecodeStrict decodes one YAML document. It rejects anything that does not fit the type; the error has the file and line.
func DecodeStrict(file string, text []byte, into any) error {
	root, err := parse(text)
	if err != nil {
		line, why := splitLine(err)
		return fmt.Errorf("%s:%d: %s", file, max(line, 1), why)
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) == 0 {
		return nil
	}
	t := newDecoder(newDocument(root.Content[0], 0, len(text)), "", fieldCache{})
	fits := t.value(root.Content[0], reflect.TypeOf(into).Elem(), "", 0)
	if len(t.problems) > 0 {
		p := t.problems[0]
		hint := ""
		if p.suggestion != "" {
			hint = fmt.Sprintf(" (did you mean %s?)", p.suggestion)
		}
		return fmt.Errorf("%s:%d: %s%s", file, p.line, p.text, hint)
	}
	if !fits {
		return fmt.Errorf("%s: %w", file, errTooLarge)
	}
	if err := json.Unmarshal(t.out.Bytes(), into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
