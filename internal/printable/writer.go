package printable

import (
	"bytes"
	"io"
	"strings"
)

// Writer passes on whole lines of text for a terminal or the log of a CI job. In each line, what a terminal would act on becomes an
// escape, and no CI system finds a command. Call Flush after the last line.
type Writer struct {
	w       io.Writer
	pending []byte
}

// maxPending bytes of a line are held back; a longer line is passed on in parts.
const maxPending = 64 << 10

// NewWriter writes to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write passes on the lines that end in p.
func (w *Writer) Write(p []byte) (int, error) {
	w.pending = append(w.pending, p...)
	for {
		end := bytes.IndexByte(w.pending, '\n')
		if end < 0 {
			break
		}
		if err := w.line(w.pending[:end], "\n"); err != nil {
			return 0, err
		}
		w.pending = w.pending[end+1:]
	}
	if len(w.pending) > maxPending {
		return len(p), w.Flush()
	}
	return len(p), nil
}

// Flush passes on a line without its end.
func (w *Writer) Flush() error {
	if len(w.pending) == 0 {
		return nil
	}
	rest := w.pending
	w.pending = nil
	return w.line(rest, "")
}

func (w *Writer) line(text []byte, end string) error {
	_, err := io.WriteString(w.w, NoCommand(Block(strings.TrimSuffix(string(text), "\r")))+end)
	return err
}

// NewJSONWriter passes on what JSON returns for each write, which has to be whole documents or lines, such as entries of a log.
func NewJSONWriter(w io.Writer) io.Writer { return jsonWriter{w} }

type jsonWriter struct{ w io.Writer }

// Write implements io.Writer.
func (j jsonWriter) Write(p []byte) (int, error) {
	if _, err := j.w.Write(JSON(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}
