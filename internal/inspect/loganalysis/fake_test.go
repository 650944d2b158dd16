package loganalysis

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/testkit"
)

// store is a strict log backend in memory.
type store struct {
	t        testing.TB
	entries  []logs.Entry
	searches int
	// pages limits the lines per page.
	pages int
	// fail may return an error for each search.
	fail func(searches int) error
	// namespaces of the last query.
	namespaces []string
}

func (s *store) Health(context.Context) (logs.Health, error) { return logs.Health{}, nil }
func (s *store) Close()                                      {}

func (s *store) Search(ctx context.Context, q logs.Query) (logs.Page, error) {
	s.searches++
	if _, bounded := ctx.Deadline(); !bounded || q.Limit <= 0 || q.Limit > 5000 || q.Backward || len(q.Labels) > 0 ||
		len(q.Contains) > 0 ||
		!q.Start.Before(q.End) {
		s.t.Errorf("an unbounded search, or one that the analysis has no use for: %+v", q)
	}
	s.namespaces = q.AnyOf[logs.LabelNamespace]
	if s.fail != nil {
		if err := s.fail(s.searches); err != nil {
			return logs.Page{}, err
		}
	}
	skip := 0
	if q.Cursor != "" {
		var err error
		if skip, err = strconv.Atoi(q.Cursor); err != nil {
			s.t.Errorf("cursor %q", q.Cursor)
		}
	}
	limit := q.Limit
	if s.pages > 0 {
		limit = min(limit, s.pages)
	}
	var page logs.Page
	matched := 0
	for _, e := range s.entries { // in the order of time
		if e.Time.Before(q.Start) || !e.Time.Before(q.End) ||
			len(s.namespaces) > 0 && !slices.Contains(s.namespaces, e.Labels[logs.LabelNamespace]) {
			continue
		}
		if matched++; matched <= skip {
			continue
		}
		if len(page.Entries) == limit {
			page.Next = strconv.Itoa(skip + limit)
			break
		}
		page.Entries = append(page.Entries, e)
	}
	return page, nil
}

// add adds lines of a Pod at equal intervals.
func (s *store) add(ago, step time.Duration, namespace, pod string, lines ...string) {
	labels := map[string]string{logs.LabelNamespace: namespace, logs.LabelPod: pod, logs.LabelContainer: "app"}
	for i, line := range lines {
		s.entries = append(s.entries, logs.Entry{Time: testkit.Now().Add(-ago + time.Duration(i)*step), Line: line, Labels: labels})
	}
}

// hourly adds lines to each hour of the baseline.
func (s *store) hourly(namespace, pod string, lines ...string) {
	for hour := 2; hour <= 25; hour++ {
		s.add(time.Duration(hour)*time.Hour-10*time.Minute, time.Second, namespace, pod, lines...)
	}
}

func (s *store) sorted() *store {
	slices.SortStableFunc(s.entries, func(a, b logs.Entry) int { return a.Time.Compare(b.Time) })
	return s
}

const shop = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: cart, namespace: shop, uid: c}
spec: {serviceName: cart, replicas: 2, selector: {matchLabels: {app: cart}}, template: {metadata: {labels: {app: cart}}, spec: {containers: [{name: app, image: cart:1}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: cart-0, namespace: shop, labels: {app: cart}, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: cart, uid: c, controller: true}]}
spec: {containers: [{name: app, image: cart:1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: bare, namespace: tools}
spec: {containers: [{name: app, image: tool:1}]}
`

// collect runs the stage over a store.
func collect(t *testing.T, s *store, change func(*Input)) (*facts.Logs, []facts.Gap) {
	t.Helper()
	s.t = t
	g := testkit.Graph(t, shop)
	in := Input{Provider: s.sorted(), Graph: g, Wanting: []string{"log-new-error", "log-error-surge"}, Redact: func(text string) string {
		return strings.ReplaceAll(text, "hunter", "[redacted:3fa9]")
	}}
	if change != nil {
		change(&in)
	}
	gaps := Collect(t.Context(), in)
	if most := in.Options.MaxQueries(); s.searches > most {
		t.Errorf("%d searches, want at most %d", s.searches, most)
	}
	if provided := g.Provided(facts.SourceLogTemplates); provided != (g.Logs() != nil) {
		t.Errorf("provided: %v, and logs are %v", provided, g.Logs())
	}
	return g.Logs(), gaps
}
