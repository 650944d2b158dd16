package elasticsearch

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/stream"
)

// Bounds of reading.
const (
	// scanned is how many documents one search looks at, where texts are checked on this side, before it returns what it has
	// and a cursor.
	scanned = 50_000
	// batch of documents that are looked at at once. A server's index.max_result_window is 10,000 by default.
	batch = 2_000
)

// scanner reads the documents of a query batch after batch.
type scanner struct {
	p        *Provider
	m        *mapping
	plan     *plan
	query    logs.Query
	server   server
	position *position
	// most documents that fit into an answer; it shrinks when one was too large.
	most int
}

// scan prepares the reading of a query.
func (p *Provider) scan(ctx context.Context, q logs.Query) (*scanner, error) {
	position, err := startOf(q.Cursor, q.Backward)
	if err != nil {
		return nil, err
	}
	server, m, err := p.prepare(ctx, q)
	if err != nil {
		return nil, err
	}
	return &scanner{p: p, m: m, plan: newPlan(m, q, server, false), query: q, server: server, position: position, most: 5001}, nil
}

// prepare finds out what a query needs to know.
func (p *Provider) prepare(ctx context.Context, q logs.Query) (server, *mapping, error) {
	about, err := p.about(ctx, false)
	if err != nil {
		return server{}, nil, err
	}
	m, err := p.resolve(ctx, slices.Concat(slices.Collect(maps.Keys(q.Labels)), slices.Collect(maps.Keys(q.AnyOf)))...)
	return about, m, err
}

// Search returns one page of lines. Texts are found in any case and within words. A page may have fewer lines than asked for
// and a cursor nevertheless, where many lines had to be looked at.
func (p *Provider) Search(ctx context.Context, q logs.Query) (logs.Page, error) {
	s, err := p.scan(ctx, q)
	if err != nil || s.plan.never {
		return logs.Page{}, err
	}
	var page logs.Page
	want := q.PageSize()
	for looked := 0; looked < scanned; {
		size := want - len(page.Entries) + 1 // one more tells whether there is a next page
		if len(s.plan.texts) > 0 && looked > 0 {
			size = max(size, batch) // few lines fit
		}
		full := false
		n, last, err := s.next(ctx, size, func(h hit, line string, labels map[string]string) bool {
			if full = len(page.Entries) == want; full {
				return false
			}
			page.Entries = append(page.Entries, logs.Entry{Time: time.UnixMilli(h.at).UTC(), Line: cut(line), Labels: labels})
			return true
		})
		if err != nil {
			return logs.Page{}, err
		}
		if full {
			page.Next = s.position.cursor()
			return page, nil
		}
		if last {
			return page, nil
		}
		looked += n
	}
	page.Next = s.position.cursor()
	return page, nil
}

// next batch of documents. Each is called for those that fit, until it returns false; the position stands behind the last one
// that it took. Last reports that exist no more.
func (s *scanner) next(ctx context.Context, size int, each func(hit, string, map[string]string) bool) (n int, last bool, err error) {
	if s.position.full() {
		return 0, false, problem.UserError(v1alpha1.ReasonInvalidQuery, nil,
			"more than %d lines in index %s have the same timestamp; narrow the query by labels", maxSkipped, s.p.index)
	}
	for {
		asked := min(size, s.most)
		hits, err := s.ask(ctx, asked)
		switch {
		case err == nil:
			for _, found := range hits {
				if found.fits && !each(found.hit, found.line, found.labels) {
					return len(hits), false, nil
				}
				s.position.pass(found.hit)
			}
			return len(hits), len(hits) < asked, nil
		case reason(err) == v1alpha1.ReasonResponseTooLarge && asked > 1:
			s.most = max(1, asked/8)
		case reason(err) == v1alpha1.ReasonInvalidQuery && s.plan.costly:
			// search.allow_expensive_queries is off: what it refuses is checked on this side only.
			s.plan = newPlan(s.m, s.query, s.server, true)
		default:
			return 0, false, err
		}
	}
}

func (s *scanner) ask(ctx context.Context, size int) ([]document, error) {
	must, mustNot := s.position.filters(s.m.time)
	order := "asc"
	if s.query.Backward {
		order = "desc"
	}
	byTime := object{"order": order, "unmapped_type": "date"}
	if s.m.nanos {
		byTime["numeric_type"] = "date" // where some indices have milliseconds, or all have more
	}
	body := s.plan.body(must, mustNot, object{
		"size": size, "track_total_hits": false, "_source": s.m.wanted(),
		// Lines of one millisecond come in the order of the collector's nanoseconds, and then in the order in which they were stored.
		"sort": []any{
			object{s.m.time: byTime},
			object{nanosecondsField: object{"order": order, "unmapped_type": "long"}},
			object{"_seq_no": object{"order": order}},
		},
	})
	request := post("search", "/"+s.p.index+"/_search", body)
	request.Query = partial()
	answer, err := s.p.client.Do(ctx, request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.Status != 200 {
		return nil, s.p.client.Refused(answer)
	}
	reader := newDocumentReader(s.m)
	reader.keeps = s.plan.fits
	reader.whole = len(s.plan.texts) > 0
	var found []document
	err = decodeHits(answer.Decoder(), reader, func(d document) error {
		if len(found) == size {
			return stream.ErrShape // more than was asked for
		}
		found = append(found, d)
		return nil
	})
	if err != nil {
		return nil, s.p.client.DecodeProblem(err)
	}
	return found, nil
}

// partial answers are not taken: a shard that failed would be lines that are missing without a word.
func partial() url.Values {
	return url.Values{"ignore_unavailable": {"true"}, "allow_no_indices": {"true"}, "allow_partial_search_results": {"false"}}
}

// wanted fields of documents, those included that may have come since.
func (m *mapping) wanted() []string {
	list := labelObjects()
	for _, f := range m.message {
		list = append(list, f.path)
	}
	for _, fields := range m.labels {
		for _, f := range fields {
			list = append(list, f.path)
		}
	}
	for _, paths := range m.guesses {
		list = append(list, paths...)
	}
	list = append(list, m.disputing...)
	slices.Sort(list)
	return slices.Compact(list)
}
