// Package meter reads from the collectors on the nodes how many lines of each route a server accepted and refused, and how many were
// lost before. A collector counts from its start, and Vector forgets counters that rest; the totals here only grow.
package meter

import (
	"context"
	"fmt"
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
	// Sent, Refused and Dropped lines, of all collectors since Since. Zero: none was counted.
	Sent, Refused, Dropped int64
	Since                  time.Time
	// Refusal is why the server refused lines within Quiet: a status of HTTP such as 400, or a word. Empty: it did not.
	Refusal string
	// Overflow reports that lines found the buffer full within Quiet.
	Overflow bool
	// Settled reports that collectors were read for as long as Quiet, or that the end of a refusal was read. Before, lines may have been
	// refused without being known here.
	Settled bool
}

// Earlier is what is known of a route before it is read.
type Earlier struct {
	// Sent, Refused and Dropped lines since Since, as they were read before this process started. Since is zero if none were.
	Sent, Refused, Dropped int64
	Since                  time.Time
	// Place is where the lines go. The counts of another place are not continued.
	Place string
	// UID and Created are those of the object that describes the route. One that was deleted and created again under the same name has the
	// same id, but counts of its own.
	UID     types.UID
	Created time.Time
}

// Reading of all collectors of one type.
type Reading struct {
	Routes map[string]Route
	// Read and Unread are numbers of collectors.
	Read, Unread int
	// Settled is that of a route without counts: no collector has had a line for it since its start.
	Settled bool
	// Next is when the collectors are read again.
	Next time.Time
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

// Read the collectors whose Pods have the label app.kubernetes.io/name with this value; at most once in Interval. Only these routes are
// counted, and others are forgotten. An error is of the list of Pods. A collector that cannot be read counts as unread.
func (m *Meter) Read(ctx context.Context, name string, routes map[string]Earlier) (Reading, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.Clock.Now()
	f := m.known[name]
	if f == nil {
		f = &fleet{began: now, pods: map[types.UID]*pod{}, totals: map[string]*total{}, troubles: map[string]*trouble{}}
		if m.known == nil {
			m.known = map[string]*fleet{}
		}
		m.known[name] = f
	}
	f.follow(routes)
	if !f.readAt.IsZero() && now.Sub(f.readAt) < Interval {
		return f.last, nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	running, err := m.list(ctx, name)
	if err != nil {
		return Reading{}, err
	}
	running = f.most(running)
	fresh := m.readAll(ctx, f.inTurn(running))
	f.update(now, running, fresh, routes)
	f.readAt = now
	f.last = f.reading(now)
	f.last.Next = now.Add(Interval)
	return f.last, nil
}

// Forget what is known of collectors that run no more.
func (m *Meter) Forget(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.known, name)
}

// list the collectors that run.
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
			if one := &list.Items[i]; one.Status.PodIP != "" && one.Status.Phase == corev1.PodRunning {
				all = append(all, &pod{uid: one.UID, address: one.Status.PodIP, started: startOf(one)})
			}
		}
		if next = list.Continue; next == "" {
			return all, nil
		}
	}
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
