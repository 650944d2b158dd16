package jenkins

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"unicode/utf8"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ci"
)

const (
	// maxChunk is the limit of the contract, in bytes.
	maxChunk = 64 << 10
	// contextBytes is how much more than a chunk is read, to recognize its end.
	contextBytes = 1 << 10
	// lineBytes is how far the end of a line is looked for.
	lineBytes = 16 << 10
	// matchBytes of two texts are compared.
	matchBytes = 4 << 10
	// maxAttempts to find the offset of a line.
	maxAttempts = 16
)

// window is the beginning of what follows an offset of a log's file.
type window struct {
	// text with the line ends of the file's Unix form.
	text []byte
	// end is the size of the file, an offset; whole is true if the text reaches it.
	end   int64
	whole bool
	// more is true while the build writes.
	more bool
}

// Log implements ci.Provider. Offsets count bytes of the file, which are not those of the answer: Jenkins rewrites line ends and removes
// hidden annotations. The only offset that it reports is the size of the file. A chunk that ends earlier, because it is full or its last
// line is not complete, ends where a request for the rest proves to give the rest.
func (p *Provider) Log(ctx context.Context, from ci.Handle, offset int64) (ci.LogChunk, error) {
	if offset < 0 {
		return ci.LogChunk{}, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "the offset of a log must not be negative")
	}
	where, err := p.locate(ctx, from)
	if err != nil {
		return ci.LogChunk{}, err
	}
	switch where.place {
	case inQueue, isMissing:
		return ci.LogChunk{Next: offset, More: true}, nil
	case isCancelled, isLost:
		return ci.LogChunk{Next: offset}, nil
	}
	w, err := p.window(ctx, where, offset, maxChunk+contextBytes)
	if err != nil {
		return ci.LogChunk{}, err
	}
	if w.end < offset {
		// Jenkins starts again from the beginning of a file that is shorter than the offset.
		return ci.LogChunk{Next: w.end, More: w.more}, nil
	}
	return p.chunk(ctx, where, offset, w)
}

// chunk is the part of a window that ends at a line's end whose offset is proven.
func (p *Provider) chunk(ctx context.Context, where located, offset int64, w window) (ci.LogChunk, error) {
	if w.whole && len(w.text) <= maxChunk && (!w.more || bytes.HasSuffix(w.text, []byte("\n"))) {
		return ci.LogChunk{Text: valid(w.text), Next: w.end, More: w.more}, nil
	}
	head := w.text[:min(len(w.text), maxChunk)]
	cut := bytes.LastIndexByte(head, '\n') + 1
	if cut == 0 && len(head) < maxChunk { // an incomplete line, and nothing before it
		return ci.LogChunk{Next: offset, More: true}, nil
	}
	if cut == 0 {
		cut = runeStart(head) // within a line that is longer than a chunk
		return ci.LogChunk{Text: valid(w.text[:cut]), Next: offset + int64(cut), More: true}, nil
	}
	for attempt := range maxAttempts {
		from := cut - 1 - attempt*cut/maxAttempts
		next, after, err := p.lineAfter(ctx, where, offset+int64(from))
		if err != nil {
			return ci.LogChunk{}, err
		}
		if length := lineAt(w.text, cut, after, int(min(next-offset, int64(cut)))); length > 0 {
			return ci.LogChunk{Text: valid(w.text[:length]), Next: next, More: true}, nil
		}
	}
	if w.whole {
		return ci.LogChunk{Next: offset, More: true}, nil // read again when there is more
	}
	return ci.LogChunk{Text: valid(w.text[:cut]), Next: offset + int64(cut), More: true}, nil // repeats what is hidden before the cut
}

// runeStart is the length of a text without an incomplete character at its end.
func runeStart(text []byte) int {
	for cut := len(text) - 1; cut > len(text)-utf8.UTFMax; cut-- {
		if utf8.RuneStart(text[cut]) {
			if utf8.FullRune(text[cut:]) {
				return len(text)
			}
			return cut
		}
	}
	return len(text)
}

// lineAfter is the offset of the first line that begins after an offset, and what the log has from there; 0 if that cannot be proven. From
// an offset within an annotation the answer has its end as text, so that only an annotation between the two is not seen: then the answer
// from the new offset does not continue that from the old one.
func (p *Provider) lineAfter(ctx context.Context, where located, offset int64) (next int64, text []byte, err error) {
	before, err := p.window(ctx, where, offset, lineBytes)
	if err != nil || before.end < offset {
		return 0, nil, err
	}
	end := bytes.IndexByte(before.text, '\n')
	if end < 0 {
		return 0, nil, nil
	}
	expected := before.text[end+1:]
	next = offset + int64(end) + 1
	after, err := p.window(ctx, where, next, maxChunk+contextBytes)
	switch {
	case err != nil || after.end < next:
		return 0, nil, err
	case continues(after.text, expected):
		return next, after.text, nil
	case bytes.HasPrefix(after.text, []byte("\n")) && continues(after.text[1:], expected): // a carriage return before the line end
		return next + 1, after.text[1:], nil
	}
	return 0, nil, nil
}

// continues reports whether one text is the beginning of the other.
func continues(a, b []byte) bool { return bytes.HasPrefix(a, b) || bytes.HasPrefix(b, a) }

// lineAt is the length of the text before the line, not behind the cut, from which the log has what is after it; 0 if there is none. Of
// lines that repeat it is the last one that is not behind a likely length, which the right one never exceeds except in another charset
// than UTF-8.
func lineAt(text []byte, cut int, after []byte, likely int) (found int) {
	if len(after) == 0 {
		return 0
	}
	after = after[:min(len(after), matchBytes)]
	for length := 1; length <= cut; length++ {
		if text[length-1] == '\n' && continues(after, text[length:]) && (length <= likely || found == 0) {
			found = length
		}
	}
	return found
}

// window reads at most a number of bytes from an offset.
func (p *Provider) window(ctx context.Context, where located, offset int64, size int) (window, error) {
	answer, err := p.client.Do(ctx, provider.Request{
		Operation: "log", Path: where.buildPath() + "/logText/progressiveText",
		Query: url.Values{"start": {strconv.FormatInt(max(0, offset), 10)}}, MaxBytes: 4 * maxChunk, Prefix: true,
	})
	if err != nil {
		return window{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	got := replyOf(answer)
	if got.status != http.StatusOK {
		return window{}, p.refused(got, where.handle.Job, "Job/Read")
	}
	end, err := strconv.ParseInt(got.textSize, 10, 64)
	if err != nil || end < 0 {
		return window{}, p.client.Invalid(err)
	}
	w := window{end: end, more: got.hasMore == "true"}
	content := make([]byte, 2*size) // each line end of the file is two bytes in the answer
	n, err := io.ReadFull(answer.Body, content)
	if p := problem.As(err); p != nil {
		return window{}, p
	}
	w.whole = err != nil
	if w.text = bytes.ReplaceAll(content[:n], []byte("\r\n"), []byte("\n")); len(w.text) > size {
		w.text = w.text[:size]
		w.whole = false
	}
	return w, nil
}

// valid is the text of a chunk.
func valid(text []byte) string { return string(bytes.ToValidUTF8(text, []byte("�"))) }
