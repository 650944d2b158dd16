package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"

	"kubeops.io/kubeops/internal/provider/logs"
)

// histogram counts each line once, in the bucket of its time.
func (s *suite) histogram() {
	p, can := s.p.(logs.Histogrammer)
	if !can {
		return
	}
	var entries []logs.Entry
	for i := range 240 {
		// Several at once, some on the border of a bucket, in two streams.
		at := time.Duration(i/4) * 2500 * time.Millisecond
		entries = append(
			entries,
			s.entry(at, fmt.Sprintf("line %d", i), logs.LabelPod, fmt.Sprint("pod-", i%2), logs.LabelLevel, []string{"info", "error"}[i%2]),
		)
	}
	s.write(entries...)
	for _, test := range []struct {
		name            string
		from, to, width time.Duration
		query           func(*logs.Query)
		counts          func(i int) bool
	}{
		{name: "all", from: 0, to: 3 * time.Minute, width: 10 * time.Second},
		{name: "wide buckets", from: -5 * time.Minute, to: 5 * time.Minute, width: time.Minute},
		{name: "ends within buckets", from: 13 * time.Second, to: 98*time.Second + 7*time.Millisecond, width: 10 * time.Second},
		{
			name: "one stream", from: 0, to: 3 * time.Minute, width: 30 * time.Second,
			query: func(q *logs.Query) { q.Labels[logs.LabelPod] = "pod-1" }, counts: func(i int) bool { return i%2 == 1 },
		},
		{
			name: "one text", from: 0, to: 3 * time.Minute, width: 30 * time.Second,
			query:  func(q *logs.Query) { q.Contains = []string{"line 17"} },
			counts: func(i int) bool { return i == 17 || (!s.target.WholeWords && i >= 170 && i < 180) },
		},
		{name: "nothing", from: -9 * time.Minute, to: -5 * time.Minute, width: time.Minute},
		{name: "one bucket", from: 0, to: 150 * time.Second, width: time.Hour},
	} {
		q := s.query()
		q.Start, q.End = s.base.Add(test.from), s.base.Add(test.to)
		if test.query != nil {
			test.query(&q)
		}
		buckets, err := p.Histogram(s.ctx, q, test.width)
		if err != nil {
			s.Errorf("%s: %v", test.name, err)
			continue
		}
		s.counted(test.name, q, test.width, buckets, func(from, to time.Time) (n int64) {
			for i, entry := range entries {
				inside := !entry.Time.Before(from) && entry.Time.Before(to)
				if inside && (test.counts == nil || test.counts(i)) {
					n++
				}
			}
			return n
		})
	}
}

// counted checks the buckets: they follow each other without gaps, the first holds the start, the last ends at or after the
// end, and each counts what is in it and within the query's time.
func (s *suite) counted(name string, q logs.Query, width time.Duration, buckets []logs.Bucket, count func(from, to time.Time) int64) {
	s.Helper()
	if len(buckets) == 0 {
		s.Errorf("%s: there is no bucket", name)
		return
	}
	first := buckets[0].Start
	end := buckets[len(buckets)-1].Start.Add(width)
	if first.After(q.Start) || !first.Add(width).After(q.Start) || end.Before(q.End) || !end.Add(-width).Before(q.End) {
		s.Errorf("%s: buckets reach from %s to %s, for a query from %s to %s", name, first, end, q.Start, q.End)
	}
	var sum int64
	for i, bucket := range buckets {
		if !bucket.Start.Equal(first.Add(time.Duration(i) * width)) {
			s.Errorf("%s: bucket %d starts at %s, want %s", name, i, bucket.Start, first.Add(time.Duration(i)*width))
		}
		from := bucket.Start
		to := from.Add(width)
		if from.Before(q.Start) {
			from = q.Start
		}
		if to.After(q.End) {
			to = q.End
		}
		if want := count(from, to); bucket.Count != want {
			s.Errorf("%s: bucket %d at %s counts %d, want %d", name, i, bucket.Start, bucket.Count, want)
		}
		sum += bucket.Count
	}
	if want := count(q.Start, q.End); sum != want {
		s.Errorf("%s: the sum is %d, want %d", name, sum, want)
	}
}

func (s *suite) labelValues() {
	p, can := s.p.(logs.LabelLister)
	if !can {
		return
	}
	pods := []string{"alpha", "beta", `quo"ted\`, "日本"}
	var entries []logs.Entry
	for i, pod := range pods {
		entries = append(
			entries, s.entry(time.Duration(i)*time.Second, "x", logs.LabelPod, pod, logs.LabelLevel, []string{"info", "error"}[i%2]),
		)
	}
	s.write(entries...)
	slices.Sort(pods)
	for _, test := range []struct {
		label string
		want  []string
	}{
		{logs.LabelNamespace, []string{s.namespace}}, {logs.LabelPod, pods}, {logs.LabelLevel, []string{"error", "info"}},
		{"no_such_label", nil},
	} {
		s.eventually("the values of "+test.label+" are listed", func() error {
			got, err := p.LabelValues(s.ctx, test.label, s.query(), 100)
			if err != nil {
				s.Fatalf("values of %s: %v", test.label, err)
			}
			slices.Sort(got)
			if !slices.Equal(got, test.want) {
				return fmt.Errorf("got %q, want %q", got, test.want)
			}
			return nil
		})
	}
	got, err := p.LabelValues(s.ctx, logs.LabelPod, s.query(), 2)
	if err != nil || len(got) != 2 {
		s.Errorf("at most two values: got %q, %v", got, err)
	}
	q := s.query()
	q.Start, q.End = s.base.Add(-10*time.Hour), s.base.Add(-9*time.Hour)
	if got, err := p.LabelValues(s.ctx, logs.LabelPod, q, 100); err != nil || len(got) != 0 {
		s.Errorf("hours before: got %q, %v", got, err)
	}
}

// tail checks that lines written after its start are received once, and that it ends with its context and with the callback's error.
func (s *suite) tail() {
	p, can := s.p.(logs.Tailer)
	if !can {
		return
	}
	q := logs.Query{Start: time.Now(), End: time.Now().Add(time.Hour), Labels: map[string]string{logs.LabelNamespace: s.namespace}}
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	seen := make(chan logs.Entry, 1000)
	ended := make(chan error, 1)
	var calls atomic.Int32
	go func() {
		ended <- p.Tail(ctx, q, func(entry logs.Entry) error {
			calls.Add(1)
			seen <- entry
			return nil
		})
	}()
	const lines = 20
	for i := range lines {
		entry := s.entry(0, fmt.Sprintf("new %02d", i), logs.LabelPod, fmt.Sprint("pod-", i%2))
		entry.Time = time.Now()
		s.writeOnly(entry)
	}
	got := map[string]int{}
	deadline := time.After(s.target.Patience)
	for len(got) < lines {
		select {
		case entry := <-seen:
			got[entry.Line]++
		case err := <-ended:
			s.Fatalf("the tail ended early: %v", err)
		case <-deadline:
			s.Fatalf("after %s the tail saw %d of %d lines", s.target.Patience, len(got), lines)
		}
	}
	cancel()
	select {
	case err := <-ended:
		if err != nil && !errors.Is(err, context.Canceled) {
			s.Errorf("the tail ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		s.Fatal("the tail did not end with its context")
	}
	if calls.Load() != lines {
		s.Errorf("the tail called %d times for %d lines", calls.Load(), lines)
	}
	stop := errors.New("enough")
	q.Start = q.Start.Add(-time.Minute)
	if err := p.Tail(s.ctx, q, func(logs.Entry) error { return stop }); !errors.Is(err, stop) {
		s.Errorf("the tail ended with %v, want the callback's error", err)
	}
}

func (s *suite) prove() {
	trip, err := logs.Prove(s.ctx, s.p, logs.ProbeOptions{Patience: s.target.Patience, Clock: clock.RealClock{}})
	if err != nil {
		s.Fatal(err)
	}
	if trip.IngestLag == nil || *trip.IngestLag <= 0 || trip.QueryLatency <= 0 || trip.Health.Version == "" {
		s.Errorf("the round trip found %+v, want a lag, a latency and a version", trip)
	}
	trip, err = logs.Prove(s.ctx, s.p, logs.ProbeOptions{ReadOnly: true, Clock: clock.RealClock{}})
	if err != nil || trip.IngestLag != nil {
		s.Errorf("read-only: %+v, %v", trip, err)
	}
}
