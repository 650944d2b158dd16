package collect

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// readItems reads a list in JSON item by item, so that no more than one of them is held at a time, and returns where the next
// page begins. An item that is not as T wants it is left out.
func readItems(from io.Reader, newItem func() any, each func(item any)) (next string, err error) {
	source := &watched{from: from}
	next, err = decodeItems(json.NewDecoder(source), newItem, each)
	switch {
	case err == nil:
		return next, nil
	case source.err != nil && !errors.Is(source.err, io.EOF):
		return "", source.err // the connection, not the text
	default:
		return "", undecodable("list", err)
	}
}

// watched remembers why a reader ended.
type watched struct {
	from io.Reader
	err  error
}

// Read reads on.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.from.Read(p)
	if err != nil {
		w.err = err
	}
	return n, err
}

func decodeItems(decoder *json.Decoder, newItem func() any, each func(item any)) (next string, err error) {
	if err := delimiter(decoder, '{'); err != nil {
		return "", err
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return "", err
		}
		switch key {
		case "metadata":
			var metadata struct {
				Continue string `json:"continue"`
			}
			if err := decoder.Decode(&metadata); err != nil {
				return "", err
			}
			next = metadata.Continue
		case "items":
			if err := eachItem(decoder, newItem, each); err != nil {
				return "", err
			}
		default:
			var other json.RawMessage
			if err := decoder.Decode(&other); err != nil {
				return "", err
			}
		}
	}
	return next, delimiter(decoder, '}')
}

func eachItem(decoder *json.Decoder, newItem func() any, each func(item any)) error {
	begins, err := decoder.Token()
	if err != nil || begins == nil { // null is an empty list
		return err
	}
	if begins != json.Delim('[') {
		return fmt.Errorf("items are no list")
	}
	for decoder.More() {
		item := newItem()
		err := decoder.Decode(item)
		var shape *json.UnmarshalTypeError
		switch {
		case err == nil:
			each(item)
		case !errors.As(err, &shape):
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
