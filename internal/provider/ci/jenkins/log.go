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
	// contextBytes is how much text after a cut identifies its offset in the file, in bytes.
	contextBytes = 1 << 10
	// maxAttempts to find the offset of a cut.
	maxAttempts = 12
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

// Log implements ci.Provider. Offsets count bytes of the file, which are not those of the answer: Jenkins rewrites line ends and removes hidden
// annotations. The only offset that it reports is the size of the file. A chunk that ends earlier, because it is full or its last line is not
// complete, ends where a request for the rest proves to give the rest.
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

// chunk is the part of a window that ends at a line's end.
func (p *Provider) chunk(ctx context.Context, where located, offset int64, w window) (ci.LogChunk, error) {
	if w.whole && len(w.text) <= maxChunk && (!w.more || bytes.HasSuffix(w.text, []byte("\n"))) {
		return ci.LogChunk{Text: valid(w.text), Next: w.end, More: w.more}, nil
	}
	cut := cutOf(w.text)
	if cut == 0 && w.whole { // an incomplete line, and nothing before it
		return ci.LogChunk{Next: offset, More: true}, nil
	}
	rest := w.text[cut:]
	c := cutting{before: w.text[:cut], after: rest[:min(len(rest), contextBytes)]}
	next := w.end - int64(len(rest)) // right if the rest has no annotations
	if w.whole {
		proven, _, err := p.isCut(ctx, where, next, c)
		if err != nil || proven {
			return ci.LogChunk{Text: valid(c.before), Next: next, More: true}, err
		}
	}
	next, err := p.offsetOf(ctx, where, offset, c)
	if err != nil {
		return ci.LogChunk{}, err
	}
	return ci.LogChunk{Text: valid(c.before), Next: next, More: true}, nil
}

// cutOf a text is after the last line that is complete and fits a chunk, or within a line that is longer.
func cutOf(text []byte) int {
	head := text[:min(len(text), maxChunk)]
	if end := bytes.LastIndexByte(head, '\n'); end >= 0 {
		return end + 1
	}
	if len(text) < maxChunk {
		return 0
	}
	cut := len(head)
	for cut > len(head)-utf8.UTFMax && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return cut
}

// cutting is a cut of a log: the text before it, and the beginning of the text after it.
type cutting struct{ before, after []byte }

// offsetOf a cut of the text from an offset. What Jenkins removes and rewrites only makes the file longer than the text, so that the length of
// the text is a guess that is never behind the cut, and from there the answer shows how much text is left. Only a file in another
// charset than UTF-8 can be shorter. If the place cannot be proven, it is the last one that is before the cut: lines are repeated, never lost.
func (p *Provider) offsetOf(ctx context.Context, where located, offset int64, c cutting) (int64, error) {
	before := offset
	step := int64(len(c.before))
	for range maxAttempts {
		proven, left, err := p.isCut(ctx, where, before+step, c)
		if err != nil || proven {
			return before + step, err
		}
		if left > 0 {
			before += step
			step = left
			continue
		}
		if step /= 2; step == 0 {
			break
		}
	}
	if before == offset {
		return offset + int64(len(c.before)), nil // a log that changes: going on is better than reading the same forever
	}
	return before, nil
}

// isCut reports whether an offset is that of the cut. Otherwise left is how much text is between the two; 0 if the offset is not before it.
func (p *Provider) isCut(ctx context.Context, where located, at int64, c cutting) (proven bool, left int64, err error) {
	expected := c.after
	begin := at
	if bytes.HasSuffix(c.before, []byte("\n")) {
		// The line end before the cut proves that no annotation lies in between.
		expected = append([]byte("\n"), c.after...)
		begin--
	}
	w, err := p.window(ctx, where, begin, maxChunk+2*contextBytes)
	if err != nil || w.end < begin {
		return false, 0, err
	}
	if bytes.HasPrefix(w.text, expected) {
		return true, 0, nil
	}
	for _, length := range []int{contextBytes, 256, 64, 16, 4, 1} {
		anchor := c.before[max(0, len(c.before)-length):]
		if found := bytes.Index(w.text, append(bytes.Clone(anchor), c.after...)); found >= 0 {
			return false, int64(found+len(anchor)) - (at - begin), nil
		}
	}
	return false, 0, nil
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
