// Package loki reads and writes logs of Grafana Loki, 2.9 and later, by its HTTP API. Text filters, label filters and structured
// metadata are asked for in LogQL; nothing that comes from a query gets into it unquoted.
package loki

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/lines"
)

const (
	// maxEntries is Loki's own default of limits_config.max_entries_limit_per_query.
	maxEntries = 5000
	// minEntries is the lowest limit to page with; with less, a page of lines of one time has no end.
	minEntries = 16
)

// Provider speaks to one Loki, as one tenant. Entries of one stream that a search returns share their labels.
type Provider struct {
	client *provider.Client
	// tenantField of the spec, for messages.
	tenantField string
	names       *names
	// entries is the server's own limit of lines in one response if it is lower than maxEntries, as it said; zero otherwise.
	entries atomic.Int64
}

// mostEntries is the limit of lines to request.
func (p *Provider) mostEntries() int {
	if entries := p.entries.Load(); entries > 0 {
		return int(entries)
	}
	return maxEntries
}

// learnEntries stores the limit of lines that a server names: max entries limit per query exceeded, limit > max_entries_limit_per_query
// (5000 > 1000).
func (p *Provider) learnEntries(text string) {
	found := regexp.MustCompile(`\(\d{1,9} > (\d{1,9})\)`).FindStringSubmatch(text)
	if found == nil {
		return
	}
	entries, err := strconv.Atoi(found[1])
	if err == nil && entries >= minEntries && entries < p.mostEntries() {
		p.entries.Store(int64(entries))
	}
}

// Close closes idle connections.
func (p *Provider) Close() { p.client.Close() }

// Tail follows new lines by searching every second. Loki's own tail is a websocket that stays open forever, around which the
// client's deadline, size limit and rules of egress would not hold, and which it drops lines from when it is slow.
func (p *Provider) Tail(ctx context.Context, query logs.Query, each func(logs.Entry) error) error {
	return lines.Follower{Search: p.Search}.Follow(ctx, query, each)
}

// call sends a request and decodes its answer. What Loki refuses, it explains in plain text; the usual causes that its user can
// do something about are told apart.
func (p *Provider) call(ctx context.Context, r provider.Request, into any) error {
	answer, err := p.client.Do(ctx, r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.Status < 200 || answer.Status > 299 {
		return p.refused(answer)
	}
	if err := answer.Decoder().Decode(into); err != nil {
		return p.client.DecodeProblem(err)
	}
	return nil
}

// refused words a status other than 2xx. The answer is looked at for what it is, and never quoted.
func (p *Provider) refused(answer *provider.Answer) error {
	start, _ := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
	text := string(start)
	host := p.client.Host()
	switch {
	case answer.Status == http.StatusUnauthorized && strings.Contains(text, "no org id"):
		return problem.UserError(v1alpha1.ReasonUnauthorized, nil,
			"%s requires a tenant (401); set %s", host, p.tenantField)
	case answer.Status == http.StatusBadRequest && strings.Contains(text, "query time range exceeds the limit"):
		return problem.UserError(v1alpha1.ReasonBudgetExceeded, nil,
			"the query covers more time than %s allows (400); use a shorter range, or raise limits_config.max_query_length", host)
	case answer.Status == http.StatusBadRequest && strings.Contains(text, "max entries limit"):
		p.learnEntries(text)
		return problem.UserError(v1alpha1.ReasonBudgetExceeded, nil,
			"the query requests more lines than %s allows (400); request fewer, or raise limits_config.max_entries_limit_per_query", host)
	case answer.Status >= 400 && answer.Status < 600 && strings.Contains(text, "maximum number of series"):
		return problem.UserError(v1alpha1.ReasonBudgetExceeded, nil,
			"the query counts more streams than %s allows (%d); narrow it, or raise limits_config.max_query_series", host, answer.Status)
	}
	return p.client.RefusedStatus(answer.Status)
}

// get is a request with parameters, in a form when they are too long for a URL.
func get(operation, path string, parameters url.Values) provider.Request {
	r := provider.Request{Operation: operation, Path: path, Query: parameters}
	if len(parameters.Encode()) > 4<<10 {
		r.Method = http.MethodPost
		r.Query = nil
		r.Form = parameters
	}
	return r
}

// atMost limits the response to a request.
func atMost(bytes int64, r provider.Request) provider.Request {
	r.MaxBytes = bytes
	return r
}

// nanos is a time as Loki's API takes it: nanoseconds since 1970. Times that have none are brought to the nearest that has.
func nanos(t time.Time) int64 {
	switch {
	case t.Before(time.Unix(0, 0)):
		return 0
	case t.Year() > 2261:
		return time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()
	}
	return t.UnixNano()
}
