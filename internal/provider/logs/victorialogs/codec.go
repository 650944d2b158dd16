package victorialogs

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"time"

	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/lines"
)

var errNoTime = errors.New("a line has no time")

// decode JSON lines, each an object of texts.
func (f fields) decode(content io.Reader) ([]logs.Entry, error) {
	var entries []logs.Entry
	decoder := json.NewDecoder(content)
	for {
		var line map[string]string
		if err := decoder.Decode(&line); isEnd(err) {
			return entries, nil
		} else if err != nil {
			return nil, err
		}
		at, err := time.Parse(time.RFC3339Nano, line["_time"])
		if err != nil {
			return nil, errNoTime
		}
		entry := logs.Entry{Time: at.UTC(), Line: lines.Clean(line[f.message])}
		delete(line, "_time")
		delete(line, f.message)
		entry.Labels = f.contract(line)
		entries = append(entries, entry)
	}
}

// isEnd tells the end of an answer from one that broke off.
func isEnd(err error) bool {
	return errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)
}

// encode JSON lines.
func (f fields) encode(entries []logs.Entry) ([]byte, error) {
	var content bytes.Buffer
	encoder := json.NewEncoder(&content)
	// Longer than necessary is what a line may not become: there is a limit on it.
	encoder.SetEscapeHTML(false)
	for _, entry := range entries {
		line := make(map[string]string, len(entry.Labels)+2)
		for label, value := range entry.Labels {
			if value != "" {
				line[f.of(label)[0]] = clean(value)
			}
		}
		line["_time"] = stamp(entry.Time)
		line["_msg"] = lines.Clean(entry.Line)
		if err := encoder.Encode(line); err != nil {
			return nil, err
		}
	}
	return content.Bytes(), nil
}
