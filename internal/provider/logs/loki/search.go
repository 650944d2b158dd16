package loki

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/lines"
	"kubeops.io/kubeops/internal/provider/stream"
)

// Search returns one page of lines. Where many lines have one time, at most 4,999 of them can be paged through. If the server allows fewer
// lines in a response, the page is a shorter one.
func (p *Provider) Search(ctx context.Context, query logs.Query) (logs.Page, error) {
	if !query.Start.Before(query.End) {
		return logs.Page{}, ctx.Err()
	}
	e, err := p.expression(ctx, query)
	if err != nil {
		return logs.Page{}, err
	}
	fetch := func(ctx context.Context, start, end time.Time, limit int) ([]logs.Entry, error) {
		return p.fetch(ctx, e.String(), start, end, limit, query.Backward)
	}
	for {
		most := p.mostEntries()
		page, err := lines.Pager{Most: most, Fetch: fetch}.Page(ctx, query)
		if err == nil || p.mostEntries() >= most { // each attempt has a lower limit, which the server named
			return page, err
		}
	}
}

func (p *Provider) fetch(ctx context.Context, expression string, start, end time.Time, limit int, backward bool) ([]logs.Entry, error) {
	direction := "forward"
	if backward {
		direction = "backward"
	}
	answer := streamsAnswer{names: p.names}
	err := p.call(ctx, get("search", "/loki/api/v1/query_range", url.Values{
		"query": {expression}, "direction": {direction}, "limit": {strconv.Itoa(limit)},
		"start": {strconv.FormatInt(nanos(start), 10)}, "end": {strconv.FormatInt(nanos(end), 10)},
	}), &answer)
	if err != nil {
		return nil, err
	}
	entries, err := answer.checked()
	if err != nil {
		return nil, p.client.Invalid(err)
	}
	return entries, nil
}

// maxLabel is how much of a value of a label is kept, in bytes, and entryBytes the memory of an entry besides its line and labels: the
// slice of entries keeps room for as many again. Loki's own limit of a value is 2 KiB (max_label_value_length), structured metadata of a
// line has 64 KiB at most.
const (
	maxLabel   = 64 << 10
	entryBytes = 128
)

// streamsAnswer is what Loki answers to a query for lines: {"status":…,"data":{"resultType":…,"result":[…]}}, with elements
// {"stream":{…},"values":[[…],…]}. It is read line by line; lines of one stream share their labels.
type streamsAnswer struct {
	names              *names
	status, resultType string
	entries            []logs.Entry
}

// UnmarshalStream reads the answer.
func (a *streamsAnswer) UnmarshalStream(d *stream.Decoder) error {
	return d.Object(func(name []byte) (err error) {
		switch string(name) {
		case "status":
			a.status, err = d.Text(maxWord)
		case "data":
			err = d.Object(func(name []byte) (err error) {
				switch string(name) {
				case "resultType":
					a.resultType, err = d.Text(maxWord)
				case "result":
					err = d.Array(func() error { return a.stream(d) })
				}
				return err
			})
		}
		return err
	})
}

// maxWord is how much of a status or a type is read, in bytes.
const maxWord = 64

// stream is labels and lines, in any order.
func (a *streamsAnswer) stream(d *stream.Decoder) error {
	first := len(a.entries)
	var labels map[string]string
	err := d.Object(func(name []byte) (err error) {
		switch string(name) {
		case "stream":
			labels, err = readLabels(d)
		case "values":
			err = d.Array(func() error { return a.value(d) })
		}
		return err
	})
	if err != nil {
		return err
	}
	labels = a.names.contract(labels)
	for i := range a.entries[first:] {
		a.entries[first+i].Labels = labels
	}
	return nil
}

// readLabels reads an object of texts.
func readLabels(d *stream.Decoder) (map[string]string, error) {
	labels := map[string]string{}
	return labels, d.Object(func(name []byte) error {
		key, err := d.Intern(name)
		if err != nil {
			return err
		}
		text, err := d.Bytes(maxLabel)
		if err != nil {
			return err
		}
		value, err := d.Intern(text)
		if err != nil {
			return err
		}
		if err := d.KeepEntry(len(labels)); err != nil {
			return err
		}
		labels[key] = value
		return nil
	})
}

// value is one line: [time in nanoseconds, text], and structured metadata where that was asked for.
func (a *streamsAnswer) value(d *stream.Decoder) error {
	entry := logs.Entry{}
	elements := 0
	err := d.Array(func() error {
		switch elements++; elements {
		case 1:
			text, err := d.Bytes(maxWord)
			if err != nil {
				return err
			}
			ns, err := strconv.ParseInt(string(text), 10, 64)
			if err != nil {
				return errors.New("a line has no time")
			}
			entry.Time = time.Unix(0, ns).UTC()
		case 2:
			line, err := d.Text(logs.LineLimit)
			entry.Line = line
			return err
		}
		return nil
	})
	if err == nil && elements == 0 {
		err = errors.New("a line has no time")
	}
	if err != nil {
		return err
	}
	a.entries = append(a.entries, entry)
	return d.Keep(entryBytes)
}

// checked entries: those of an answer that has lines, whatever came first in it.
func (a *streamsAnswer) checked() ([]logs.Entry, error) {
	if a.status != "success" || a.resultType != "streams" {
		return nil, fmt.Errorf("a result of type %.20q", a.resultType)
	}
	return a.entries, nil
}
