package collect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// errorRecorder remembers the first error of a reader; later ones only say that there was one.
type errorRecorder struct {
	from io.Reader
	err  error
}

// Read reads from the underlying reader.
func (w *errorRecorder) Read(p []byte) (int, error) {
	n, err := w.from.Read(p)
	if err != nil && w.err == nil {
		w.err = err
	}
	return n, err
}

// broken reports whether reading ended with an error, not with the response.
func (w *errorRecorder) broken() bool { return w.err != nil && !errors.Is(w.err, io.EOF) }

// decodeItems reads a JSON list item by item. each gets nil for an item that does not fit. What is neither of a kind of list nor has
// items is an error: some proxies answer everything with 200, and what is no list must not count as an empty one.
func decodeItems(decoder *json.Decoder, newItem func() any, each func(item any) error) (meta listMeta, err error) {
	if err := delimiter(decoder, '{'); err != nil {
		return listMeta{}, err
	}
	var metadata struct {
		Continue        string `json:"continue"`
		ResourceVersion string `json:"resourceVersion"`
	}
	isList := false
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return listMeta{}, err
		}
		switch key {
		case "metadata":
			var encoded json.RawMessage
			if err := decoder.Decode(&encoded); err != nil {
				return listMeta{}, err
			}
			if err := utiljson.Unmarshal(encoded, &metadata); err != nil { // unlike encoding/json, keys have one case only
				return listMeta{}, err
			}
			meta = listMeta{next: metadata.Continue, version: metadata.ResourceVersion}
		case "items":
			isList = true
			if err := eachItem(decoder, newItem, each); err != nil {
				return listMeta{}, err
			}
		default:
			var other json.RawMessage
			if err := decoder.Decode(&other); err != nil {
				return listMeta{}, err
			}
			isList = isList || key == "kind" && bytes.HasSuffix(other, []byte(`List"`))
		}
	}
	if !isList {
		return listMeta{}, errors.New("no list")
	}
	return meta, delimiter(decoder, '}')
}

func eachItem(decoder *json.Decoder, newItem func() any, each func(item any) error) error {
	start, err := decoder.Token()
	if err != nil || start == nil { // null is an empty list
		return err
	}
	if start != json.Delim('[') {
		return errors.New("items is not a list")
	}
	for decoder.More() {
		item := newItem()
		err := decoder.Decode(item)
		var shape *json.UnmarshalTypeError
		switch {
		case errors.As(err, &shape):
			item = nil
		case err != nil:
			return err
		}
		if err := each(item); err != nil {
			return err
		}
	}
	return delimiter(decoder, ']')
}

func delimiter(decoder *json.Decoder, want json.Delim) error {
	got, err := decoder.Token()
	if err == nil && got != want {
		err = fmt.Errorf("want %s", want)
	}
	return err
}
