package loki

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/lines"
)

// Search returns one page of lines. Where many lines have one time, at most 4,999 of them can be paged through.
func (p *Provider) Search(ctx context.Context, query logs.Query) (logs.Page, error) {
	if !query.Start.Before(query.End) {
		return logs.Page{}, ctx.Err()
	}
	e, err := p.expression(ctx, query)
	if err != nil {
		return logs.Page{}, err
	}
	pager := lines.Pager{Most: maxEntries, Fetch: func(ctx context.Context, start, end time.Time, limit int) ([]logs.Entry, error) {
		return p.fetch(ctx, e.String(), start, end, limit, query.Backward)
	}}
	return pager.Page(ctx, query)
}

func (p *Provider) fetch(ctx context.Context, expression string, start, end time.Time, limit int, backward bool) ([]logs.Entry, error) {
	direction := "forward"
	if backward {
		direction = "backward"
	}
	var answer streamsAnswer
	err := p.call(ctx, get("search", "/loki/api/v1/query_range", url.Values{
		"query": {expression}, "direction": {direction}, "limit": {strconv.Itoa(limit)},
		"start": {strconv.FormatInt(nanos(start), 10)}, "end": {strconv.FormatInt(nanos(end), 10)},
	}), &answer)
	if err != nil {
		return nil, err
	}
	entries, err := answer.entries(p.names)
	if err != nil {
		return nil, p.client.Invalid(err)
	}
	return entries, nil
}

// streamsAnswer is what Loki answers to a query for lines.
type streamsAnswer struct {
	Status string `json:"status"`
	Data   struct {
		ResultType string `json:"resultType"`
		Result     []struct {
			Stream map[string]string `json:"stream"`
			Values []value           `json:"values"`
		} `json:"result"`
	} `json:"data"`
}

// value is one line: [time in nanoseconds, text], and structured metadata where that was asked for.
type value struct {
	ns   int64
	line string
}

// UnmarshalJSON reads the first two elements.
func (v *value) UnmarshalJSON(data []byte) error {
	var pair [2]string
	if err := json.Unmarshal(data, &pair); err != nil {
		return err
	}
	ns, err := strconv.ParseInt(pair[0], 10, 64)
	if err != nil {
		return errors.New("a line has no time")
	}
	v.ns = ns
	v.line = lines.Clean(pair[1])
	return nil
}

// entries of the answer; lines of one stream share their labels.
func (a *streamsAnswer) entries(n *names) ([]logs.Entry, error) {
	if a.Status != "success" || a.Data.ResultType != "streams" {
		return nil, fmt.Errorf("a result of type %.20q", a.Data.ResultType)
	}
	count := 0
	for _, stream := range a.Data.Result {
		count += len(stream.Values)
	}
	entries := make([]logs.Entry, 0, count)
	for _, stream := range a.Data.Result {
		labels := n.contract(stream.Stream)
		for _, value := range stream.Values {
			entries = append(entries, logs.Entry{Time: time.Unix(0, value.ns).UTC(), Line: value.line, Labels: labels})
		}
	}
	return entries, nil
}
