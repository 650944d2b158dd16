// Package meter reads from the collectors on the nodes how many lines of each route a server accepted and refused, and how many were
// lost before. A collector counts from its start; the sums are of those that run now.
package meter

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// Port of the metrics of a collector.
	Port = 9598
	// Path of the metrics of a collector.
	Path = "/metrics"
	// Interval between two readings.
	Interval = time.Minute
	// Quiet is how long no line may have been refused or lost until a route counts as collecting again. A server that refuses some
	// lines in every minute, or one in several, does not alternate.
	Quiet = 5 * time.Minute

	// maxPods are read; those of more nodes are not counted.
	maxPods = 1000
	// concurrent requests to collectors, each with the timeout.
	concurrent = 16
	timeout    = 3 * time.Second
	// patience bounds a whole reading: where no request is answered, the collectors of a large cluster would hold up their configuration.
	patience = 10 * time.Second
	pageSize = 250
)

// Route is what the collectors report of one route.
type Route struct {
	// Sent, Refused and Dropped lines, of all collectors that run, since Since. Zero: those with counts are gone, but not what they said.
	Sent, Refused, Dropped int64
	Since                  time.Time
	// Refusal is why the server refused lines within Quiet: a status of HTTP such as 400, or a word. Empty: it did not.
	Refusal string
	// Overflow reports that lines found the buffer full within Quiet.
	Overflow bool
	// Settled reports that collectors were read for as long as Quiet. Before, lines may have been refused without being known here.
	Settled bool
}

// Reading of all collectors of one type.
type Reading struct {
	Routes map[string]Route
	// Read and Unread are numbers of collectors.
	Read, Unread int
	// Settled is that of a route without counts: no collector has had a line for it since its start.
	Settled bool
}

// Meter reads collectors. All exported fields are required. It is safe for concurrent use.
type Meter struct {
	// Pods lists the collectors, uncached.
	Pods client.Reader
	// Client for the requests: without a proxy, and without redirects.
	Client    *http.Client
	Namespace string
	Clock     clock.PassiveClock

	mu    sync.Mutex
	known map[string]*fleet
}

// fleet is what is known of the collectors with one label.
type fleet struct {
	began, readAt time.Time
	last          Reading
	pods          map[types.UID]*pod
	troubles      map[string]*trouble
}

// pod is a collector that runs.
type pod struct {
	uid     types.UID
	address string
	started time.Time
	routes  map[string]*lines
	// asked is when it was requested last, and read whether it answered in this reading.
	asked time.Time
	read  bool
}

// trouble of a route: when lines were refused and lost last, and why they were first.
type trouble struct {
	refusedAt, overflowAt time.Time
	refusal               string
}

// NewClient returns a client for the requests of a Meter.
func NewClient() *http.Client {
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			Proxy: nil, DisableKeepAlives: true, ResponseHeaderTimeout: timeout, MaxResponseHeaderBytes: 16 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Read the collectors whose Pods have the label app.kubernetes.io/name with this value; at most once in Interval. An error is of the
// list of Pods. A collector that cannot be read counts as unread, and its last counts are used.
func (m *Meter) Read(ctx context.Context, name string) (Reading, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.Clock.Now()
	f := m.known[name]
	if f == nil {
		f = &fleet{began: now, pods: map[types.UID]*pod{}, troubles: map[string]*trouble{}}
		if m.known == nil {
			m.known = map[string]*fleet{}
		}
		m.known[name] = f
	}
	if !f.readAt.IsZero() && now.Sub(f.readAt) < Interval {
		return f.last, nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	running, err := m.list(ctx, name)
	if err != nil {
		return Reading{}, err
	}
	fresh := m.readAll(ctx, f.inTurn(running))
	f.update(now, running, fresh)
	f.readAt = now
	f.last = f.reading(now)
	return f.last, nil
}

// list the collectors that run, at most maxPods by name.
func (m *Meter) list(ctx context.Context, name string) ([]*pod, error) {
	var all []*pod
	options := []client.ListOption{
		client.InNamespace(m.Namespace), client.MatchingLabels{"app.kubernetes.io/name": name}, client.Limit(pageSize),
	}
	for next := ""; ; {
		list := &corev1.PodList{}
		if err := m.Pods.List(ctx, list, append(slices.Clone(options), client.Continue(next))...); err != nil {
			return nil, fmt.Errorf("list the collectors in namespace %s: %w", m.Namespace, err)
		}
		for i := range list.Items {
			if one := &list.Items[i]; one.Status.PodIP != "" && one.Status.Phase == corev1.PodRunning && len(all) < maxPods {
				all = append(all, &pod{uid: one.UID, address: one.Status.PodIP, started: startOf(one)})
			}
		}
		if next = list.Continue; next == "" || len(all) >= maxPods {
			return all, nil
		}
	}
}

// inTurn sorts the collectors in place: first those that answered the last time, then those that were asked least recently. Where many do
// not answer, they must not take the time of the others.
func (f *fleet) inTurn(running []*pod) []*pod {
	waits := func(one *pod) time.Time {
		last := f.pods[one.uid]
		if last == nil {
			return time.Time{}
		}
		one.asked = last.asked
		if last.read {
			return time.Time{}
		}
		return one.asked
	}
	slices.SortStableFunc(running, func(x, y *pod) int { return waits(x).Compare(waits(y)) })
	return running
}

// startOf is when the counters of a collector began.
func startOf(one *corev1.Pod) time.Time {
	start := one.CreationTimestamp.Time
	for _, status := range one.Status.ContainerStatuses {
		if status.State.Running != nil {
			start = status.State.Running.StartedAt.Time
		}
	}
	return start
}

// readAll reads the counters of the collectors; nil for one that cannot be read.
func (m *Meter) readAll(ctx context.Context, pods []*pod) []map[string]*lines {
	out := make([]map[string]*lines, len(pods))
	var group errgroup.Group
	group.SetLimit(concurrent)
	for i, one := range pods {
		group.Go(func() error {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // those that were not asked are next in the following reading
			}
			one.asked = m.Clock.Now()
			if counts, err := m.readOne(ctx, one.address); err == nil {
				out[i] = counts
			}
			return nil
		})
	}
	_ = group.Wait() // no function returns an error
	return out
}

func (m *Meter) readOne(ctx context.Context, address string) (map[string]*lines, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(address, strconv.Itoa(Port))+Path, nil)
	if err != nil {
		return nil, err
	}
	response, err := m.Client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the collector at %s responded with status %d", address, response.StatusCode)
	}
	return parse(response.Body)
}

// update the fleet with a new reading. A counter that is not there is 0: Vector forgets those that did not change for minutes.
func (f *fleet) update(now time.Time, running []*pod, fresh []map[string]*lines) {
	before := f.pods
	f.pods = make(map[types.UID]*pod, len(running))
	grown := map[string]*lines{}
	read := 0
	for i, one := range running {
		f.pods[one.uid] = one
		last := before[one.uid]
		if fresh[i] == nil {
			if last != nil {
				one.routes = last.routes
			}
			continue
		}
		read++
		one.read = true
		one.routes = fresh[i]
		baseline := map[string]*lines{}
		switch {
		case last != nil && last.routes != nil:
			baseline = last.routes
		case one.started.Before(f.began):
			continue // what it counted before is not news
		}
		for id, counts := range one.routes {
			grown[id] = sum(grown[id], growth(counts, baseline[id]))
		}
	}
	f.judge(now, grown, read == 0 && len(running) > 0)
}

// judge what has grown. While no collector can be read, nothing is known, and no route recovers.
func (f *fleet) judge(now time.Time, grown map[string]*lines, blind bool) {
	for id, t := range f.troubles {
		if blind && t.refusal != "" {
			t.refusedAt = now
		}
		if blind && !t.overflowAt.IsZero() {
			t.overflowAt = now
		}
		if now.Sub(t.refusedAt) > Quiet {
			t.refusal = ""
		}
		if now.Sub(t.overflowAt) > Quiet {
			t.overflowAt = time.Time{}
		}
		if t.refusal == "" && t.overflowAt.IsZero() && grown[id] == nil {
			delete(f.troubles, id)
		}
	}
	for id, counts := range grown {
		if counts.refused == 0 && counts.overflow == 0 {
			continue
		}
		t := f.troubles[id]
		if t == nil {
			t = &trouble{}
			f.troubles[id] = t
		}
		if counts.refused > 0 {
			// The first reason stays, so that the message of the condition does.
			t.refusedAt = now
			t.refusal = cmp.Or(t.refusal, counts.mainReason())
		}
		if counts.overflow > 0 {
			t.overflowAt = now
		}
	}
}

// reading sums the collectors that run.
func (f *fleet) reading(now time.Time) Reading {
	out := Reading{Routes: map[string]Route{}}
	for _, one := range f.pods {
		if one.read {
			out.Read++
		} else {
			out.Unread++
		}
		for id, counts := range one.routes {
			route := out.Routes[id]
			route.Sent += counts.sent
			route.Refused += counts.refused
			route.Dropped += counts.overflow + counts.lost
			if route.Since.IsZero() || one.started.Before(route.Since) {
				route.Since = one.started
			}
			out.Routes[id] = route
		}
	}
	out.Settled = out.Read > 0 && now.Sub(f.began) > Quiet
	for id, t := range f.troubles {
		route := out.Routes[id]
		route.Refusal = t.refusal
		route.Overflow = !t.overflowAt.IsZero()
		out.Routes[id] = route
	}
	for id, route := range out.Routes {
		route.Settled = now.Sub(f.began) > Quiet
		out.Routes[id] = route
	}
	return out
}

// growth of counters. One that is smaller than before began again.
func growth(now, before *lines) *lines {
	if before == nil {
		return now
	}
	grown := func(now, before int64) int64 {
		if now < before {
			return now
		}
		return now - before
	}
	out := &lines{
		sent: grown(now.sent, before.sent), refused: grown(now.refused, before.refused),
		overflow: grown(now.overflow, before.overflow), lost: grown(now.lost, before.lost), reasons: map[string]int64{},
	}
	for reason, count := range now.reasons {
		out.reasons[reason] = grown(count, before.reasons[reason])
	}
	return out
}

func sum(all, one *lines) *lines {
	if all == nil {
		all = &lines{reasons: map[string]int64{}}
	}
	all.sent += one.sent
	all.refused += one.refused
	all.overflow += one.overflow
	all.lost += one.lost
	for reason, count := range one.reasons {
		all.reasons[reason] += count
	}
	return all
}

// mainReason is the most frequent reason of what was refused. A server that says so in a response of 200 has none.
func (l *lines) mainReason() string {
	most := "response"
	var count int64
	for _, reason := range slices.Sorted(maps.Keys(l.reasons)) {
		if l.reasons[reason] > count {
			most = reason
			count = l.reasons[reason]
		}
	}
	return most
}
