// Package crdschema compares the OpenAPI schemas of CustomResourceDefinitions without keeping them.
package crdschema

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

const (
	// maxSchemaDepth is the nesting of a schema that is read. Those of large operators have about 60 levels.
	maxSchemaDepth = 256
	// maxSchemaFields of one schema are compared.
	maxSchemaFields = 50_000
)

// Hash identifies what a schema of a CustomResourceDefinition accepts: equal for schemas that differ only in descriptions, titles,
// examples, and the order of keys and of lists that are sets. The schema is spec.versions[].schema as JSON.
func Hash(schema []byte) (string, error) {
	w := newSchemaWalker(schema)
	sum, err := w.wrapped()
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(sum[:8]), nil
}

// Differences returns the paths of the fields at which two schemas differ, sorted, such as .spec.replicas: those that only one of
// them has, without their children, and those with another type or rule. Both are spec.versions[].schema as JSON.
func Differences(one, other []byte) ([]string, error) {
	left, err := schemaFields(one)
	if err != nil {
		return nil, err
	}
	right, err := schemaFields(other)
	if err != nil {
		return nil, err
	}
	var paths []string
	compare := func(from, to map[string]schemaField, changed bool) {
		for path, field := range from {
			counterpart, both := to[path]
			_, parent := to[field.parent]
			if both && changed && counterpart.sum != field.sum || !both && parent {
				paths = append(paths, path)
			}
		}
	}
	compare(left, right, true)
	compare(right, left, false)
	slices.Sort(paths)
	return paths, nil
}

// schemaField is a field of a schema: the hash of what describes it, without its children, and the path of the field that contains it.
type schemaField struct{ sum, parent string }

// schemaFields are the fields of a schema by path.
func schemaFields(schema []byte) (map[string]schemaField, error) {
	w := newSchemaWalker(schema)
	w.fields = map[string]schemaField{}
	_, err := w.wrapped()
	return w.fields, err
}

type schemaSum = [sha256.Size]byte

// schemaWalker reads a schema token by token: a tree of it would take ten times its size.
type schemaWalker struct {
	decoder *json.Decoder
	depth   int
	// fields by path; nil if only the hash of the whole is wanted.
	fields map[string]schemaField
}

func newSchemaWalker(schema []byte) *schemaWalker {
	w := &schemaWalker{decoder: json.NewDecoder(bytes.NewReader(schema))}
	w.decoder.UseNumber()
	return w
}

// wrapped reads spec.versions[].schema, whose only key is openAPIV3Schema.
func (w *schemaWalker) wrapped() (schemaSum, error) {
	var entries []string
	err := w.object(func(key string) error {
		sum, err := w.schema("", ".", key == "openAPIV3Schema")
		entries = append(entries, key+string(sum[:]))
		return err
	})
	return sumOf(entries), err
}

// schema reads the schema of the field at a path. It and its children are recorded if that is wanted.
func (w *schemaWalker) schema(parent, path string, record bool) (schemaSum, error) {
	if w.depth++; w.depth > maxSchemaDepth {
		return schemaSum{}, errors.New("the schema is nested too deeply")
	}
	defer func() { w.depth-- }()
	token, err := w.decoder.Token()
	if err != nil {
		return schemaSum{}, err
	}
	if token != json.Delim('{') { // true, false, or a malformed schema
		sum, err := w.rest(token)
		w.record(parent, path, record, []string{string(sum[:])})
		return sum, err
	}
	var own, children []string
	err = w.members(func(key string) error {
		isOwn, entries, err := w.keyword(key, path, record)
		if isOwn {
			own = append(own, entries...)
		} else {
			children = append(children, entries...)
		}
		return err
	})
	w.record(parent, path, record, own)
	return sumOf(append(own, children...)), err
}

// keyword reads the value of a key of a schema. The result is whether it describes the field itself, and what identifies it.
func (w *schemaWalker) keyword(key, path string, record bool) (own bool, entries []string, err error) {
	switch key {
	case "description", "title", "example", "externalDocs":
		_, err := w.value()
		return true, nil, err
	case "properties", "patternProperties", "definitions":
		err := w.object(func(name string) error {
			sum, err := w.schema(path, strings.TrimSuffix(path, ".")+"."+name, record && key != "definitions")
			entries = append(entries, key+"\x00"+name+"\x00"+string(sum[:]))
			return err
		})
		return false, entries, err
	case "items":
		sum, err := w.schema(path, path+"[]", record)
		return false, []string{key + string(sum[:])}, err
	case "additionalProperties":
		sum, err := w.schema(path, path+"{}", record)
		return false, []string{key + string(sum[:])}, err
	case "not":
		sum, err := w.schema(path, path, false)
		return true, []string{key + string(sum[:])}, err
	case "required", "enum":
		sum, err := w.set(w.value)
		return true, []string{key + string(sum[:])}, err
	case "allOf", "anyOf", "oneOf":
		sum, err := w.set(func() (schemaSum, error) { return w.schema(path, path, false) })
		return true, []string{key + string(sum[:])}, err
	default:
		sum, err := w.value()
		return true, []string{key + string(sum[:])}, err
	}
}

func (w *schemaWalker) record(parent, path string, wanted bool, own []string) {
	if wanted && w.fields != nil && len(w.fields) < maxSchemaFields {
		sum := sumOf(own)
		w.fields[path] = schemaField{sum: string(sum[:8]), parent: parent}
	}
}

// set reads a list whose order has no meaning.
func (w *schemaWalker) set(item func() (schemaSum, error)) (schemaSum, error) {
	if err := w.open('['); err != nil {
		return schemaSum{}, err
	}
	var items []string
	for w.decoder.More() {
		sum, err := item()
		if err != nil {
			return schemaSum{}, err
		}
		items = append(items, string(sum[:]))
	}
	_, err := w.decoder.Token()
	return sumOf(items), err
}

// value reads any JSON value.
func (w *schemaWalker) value() (schemaSum, error) {
	token, err := w.decoder.Token()
	if err != nil {
		return schemaSum{}, err
	}
	return w.rest(token)
}

// rest reads the rest of a value whose first token was read.
func (w *schemaWalker) rest(first json.Token) (schemaSum, error) {
	if w.depth++; w.depth > maxSchemaDepth {
		return schemaSum{}, errors.New("the schema is nested too deeply")
	}
	defer func() { w.depth-- }()
	switch first {
	case json.Delim('{'):
		var entries []string
		err := w.members(func(key string) error {
			sum, err := w.value()
			entries = append(entries, key+"\x00"+string(sum[:]))
			return err
		})
		return sumOf(entries), err
	case json.Delim('['):
		hash := sha256.New()
		for w.decoder.More() {
			sum, err := w.value()
			if err != nil {
				return schemaSum{}, err
			}
			hash.Write(sum[:])
		}
		_, err := w.decoder.Token()
		return schemaSum(hash.Sum(nil)), err
	default:
		return sha256.Sum256(fmt.Appendf(nil, "%T %v", first, first)), nil
	}
}

// object calls read for each key of an object; it must read the value.
func (w *schemaWalker) object(read func(key string) error) error {
	token, err := w.decoder.Token()
	if err != nil || token == nil { // null has no keys
		return err
	}
	if token != json.Delim('{') {
		return fmt.Errorf("want an object, not %v", token)
	}
	return w.members(read)
}

// members is object for one whose first token was read.
func (w *schemaWalker) members(read func(key string) error) error {
	for w.decoder.More() {
		token, err := w.decoder.Token()
		if err != nil {
			return err
		}
		key, ok := token.(string)
		if !ok {
			return fmt.Errorf("want a key, not %v", token)
		}
		if err := read(key); err != nil {
			return err
		}
	}
	_, err := w.decoder.Token()
	return err
}

func (w *schemaWalker) open(delimiter json.Delim) error {
	token, err := w.decoder.Token()
	if err == nil && token != delimiter {
		err = fmt.Errorf("want %s, not %v", delimiter, token)
	}
	return err
}

// sumOf does not depend on the order of the entries.
func sumOf(entries []string) schemaSum {
	slices.Sort(entries)
	hash := sha256.New()
	for _, entry := range entries {
		fmt.Fprintf(hash, "%d:%s", len(entry), entry)
	}
	return schemaSum(hash.Sum(nil))
}
