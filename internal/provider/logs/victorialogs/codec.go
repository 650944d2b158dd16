package victorialogs

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"

	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/lines"
	"kubeops.io/kubeops/internal/provider/stream"
)

var errNoTime = errors.New("a line has no time")

// maxValue is how much of the value of a field is kept as a label, in bytes, and entryBytes the memory of an entry besides its line and
// labels: the slice of entries keeps room for as many again. VictoriaLogs itself stores at most 2 MiB of a line, and 1,000 fields.
const (
	maxValue   = 64 << 10
	maxTime    = 64
	entryBytes = 128
)

// decode JSON lines, each an object of texts.
func (f fields) decode(d *stream.Decoder) ([]logs.Entry, error) {
	var entries []logs.Entry
	for {
		more, err := d.More()
		if err != nil {
			return nil, err
		}
		if !more {
			return entries, nil
		}
		entry, err := f.line(d)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
		if err := d.Keep(entryBytes); err != nil {
			return nil, err
		}
	}
}

// line reads one entry.
func (f fields) line(d *stream.Decoder) (entry logs.Entry, err error) {
	line := map[string]string{}
	timed := false
	err = d.Object(func(name []byte) error {
		switch string(name) {
		case "_time":
			text, err := d.Bytes(maxTime)
			if err != nil {
				return err
			}
			at, err := time.Parse(time.RFC3339Nano, string(text))
			if err != nil {
				return errNoTime
			}
			entry.Time = at.UTC()
			timed = true
			return nil
		case f.message:
			entry.Line, err = d.Text(logs.LineLimit)
			return err
		case "_stream", "_stream_id":
			_, err := d.Bytes(0)
			return err
		}
		return readLabel(d, name, line)
	})
	if err == nil && !timed {
		err = errNoTime
	}
	entry.Labels = f.contract(line)
	return entry, err
}

// readLabel reads the value of a field.
func readLabel(d *stream.Decoder, name []byte, into map[string]string) error {
	key, err := d.Intern(name)
	if err != nil {
		return err
	}
	text, err := d.Bytes(maxValue)
	if err != nil {
		return err
	}
	value, err := d.Intern(text)
	if err != nil {
		return err
	}
	if err := d.KeepEntry(len(into)); err != nil {
		return err
	}
	into[key] = value
	return nil
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
