// Package canary searches values for words that must not be in them, such as the names of another tenant.
package canary

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Find returns where a value contains one of the words, in any case: the path of each field, element or key and its text, sorted. It
// visits every field, unexported ones included, and the JSON that the value is written as.
func Find(value any, words ...string) []string {
	w := walker{words: words, seen: map[pointer]bool{}}
	w.walk("", reflect.ValueOf(value))
	if text, err := json.Marshal(value); err == nil {
		w.text("(JSON)", string(text))
	}
	slices.Sort(w.found)
	return slices.Compact(w.found)
}

type walker struct {
	words []string
	found []string
	// seen are pointers that were followed, which may form a cycle.
	seen map[pointer]bool
}

// pointer to a value of a type: a struct and its first field have one address.
type pointer struct {
	at uintptr
	of reflect.Type
}

func (w *walker) text(path, text string) {
	lower := strings.ToLower(text)
	for _, word := range w.words {
		if i := strings.Index(lower, strings.ToLower(word)); i >= 0 {
			w.found = append(w.found, fmt.Sprintf("%s: %.160q", path, lower[max(0, i-60):]))
		}
	}
}

func (w *walker) walk(path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		w.text(path, v.String())
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return
		}
		if v.Kind() == reflect.Pointer {
			p := pointer{v.Pointer(), v.Type()}
			if w.seen[p] {
				return
			}
			w.seen[p] = true
		}
		w.walk(path, v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			w.walk(path+"."+v.Type().Field(i).Name, v.Field(i))
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 && v.Kind() == reflect.Slice {
			w.text(path, string(v.Bytes()))
			return
		}
		for i := range v.Len() {
			w.walk(fmt.Sprintf("%s[%d]", path, i), v.Index(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			at := fmt.Sprintf("%s[%v]", path, key)
			w.walk(at+"(key)", key)
			w.walk(at, v.MapIndex(key))
		}
	default: // numbers, booleans, functions and channels hold no words
	}
}
