// Package victorialogs reads and writes logs of VictoriaLogs by its HTTP API, single node or cluster (the URL of vlselect, or of a
// vmauth before vlselect and vlinsert). What is asked for is written in LogsQL, every name and value of it quoted.
package victorialogs

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/lines"
)

// maxAtOnce is how many lines may have one time; VictoriaLogs itself has no such limit.
const maxAtOnce = 20_000

// Provider speaks to one VictoriaLogs, as one tenant.
type Provider struct {
	client *provider.Client
	fields fields
}

// Close closes idle connections.
func (p *Provider) Close() { p.client.Close() }

// Tail follows new lines by searching every second. VictoriaLogs' own tail never ends, so no deadline or size limit
// of the client would hold, and gives lines five seconds late.
func (p *Provider) Tail(ctx context.Context, query logs.Query, each func(logs.Entry) error) error {
	return lines.Follower{Search: p.Search}.Follow(ctx, query, each)
}

// Search returns one page of lines. Where many lines have one time, at most 19,999 of them can be paged through.
func (p *Provider) Search(ctx context.Context, query logs.Query) (logs.Page, error) {
	order := "_time"
	if query.Backward {
		order = "_time desc"
	}
	pager := lines.Pager{Most: maxAtOnce, Fetch: func(ctx context.Context, start, end time.Time, limit int) ([]logs.Entry, error) {
		return p.fetch(ctx, p.fields.filter(query, start, end)+sortBy(order, limit))
	}}
	return pager.Page(ctx, query)
}

func (p *Provider) fetch(ctx context.Context, query string) ([]logs.Entry, error) {
	answer, err := p.client.Do(ctx, ask("search", "/select/logsql/query", url.Values{"query": {query}}))
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.Status != http.StatusOK {
		return nil, p.client.Refused(answer)
	}
	entries, err := p.fields.decode(answer.Decoder())
	switch {
	case err != nil:
		return nil, p.client.DecodeProblem(err)
	case len(entries) == 0 && !isLines(answer.Header.Get("Content-Type")):
		// No line at all looks like the answer of anything; VictoriaLogs reports that it answers lines.
		return nil, p.client.Invalid(nil)
	}
	return entries, nil
}

// isLines says whether a content type is that of JSON lines, in the old or the new name that VictoriaLogs gives it.
func isLines(contentType string) bool {
	return strings.HasPrefix(contentType, "application/x-ndjson") || strings.HasPrefix(contentType, "application/stream+json")
}

// ask is a request with its parameters in a form, for queries may be longer than a URL. Nothing in a form is logged by proxies.
func ask(operation, path string, parameters url.Values) provider.Request {
	return provider.Request{Operation: operation, Method: http.MethodPost, Path: path, Form: parameters}
}

// askList is ask for a response that lists names, values or counts.
func askList(operation, path string, parameters url.Values) provider.Request {
	r := ask(operation, path, parameters)
	r.MaxBytes = provider.ListBytes
	return r
}

// valuesAnswer lists names or values with the number of lines that have them.
type valuesAnswer struct {
	Values *[]struct {
		Value string `json:"value"`
	} `json:"values"`
}

func (p *Provider) values(ctx context.Context, r provider.Request) ([]string, error) {
	var answer valuesAnswer
	if err := p.client.JSON(ctx, r, &answer); err != nil {
		return nil, err
	}
	if answer.Values == nil {
		return nil, p.client.Invalid(nil)
	}
	list := make([]string, 0, len(*answer.Values))
	for _, one := range *answer.Values {
		if one.Value != "" {
			list = append(list, one.Value)
		}
	}
	return list, nil
}

// Write stores lines. The labels that name where a line is from make its stream; the others are fields.
func (p *Provider) Write(ctx context.Context, entries []logs.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	content, err := p.fields.encode(entries)
	if err != nil {
		return err
	}
	r := provider.Request{
		Operation: "write", Method: http.MethodPost, Path: "/insert/jsonline", Body: content, ContentType: "application/stream+json",
		MaxBytes: provider.ProbeBytes,
		Query:    url.Values{"_stream_fields": {strings.Join(p.fields.stream(), ",")}, "_time_field": {"_time"}, "_msg_field": {"_msg"}},
	}
	answer, err := p.client.Do(ctx, r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.Status < 200 || answer.Status > 299 {
		return p.client.Refused(answer)
	}
	return p.empty(answer)
}

// empty is what VictoriaLogs answers when it took lines.
func (p *Provider) empty(answer *provider.Answer) error {
	d := answer.Decoder()
	more, err := d.More()
	if more {
		err = d.Skip()
	}
	switch told := problem.As(err); {
	case told != nil:
		return told
	case !more && err == nil:
		return nil
	}
	return p.client.Invalid(nil)
}
