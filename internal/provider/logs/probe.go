package logs

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// RoundTrip is what a proof found.
type RoundTrip struct {
	Health Health
	// QueryLatency of the last search.
	QueryLatency time.Duration
	// IngestLag from the write until the line was found; nil when nothing was written.
	IngestLag *time.Duration
}

// ProbeOptions of a proof.
type ProbeOptions struct {
	// ReadOnly searches and writes nothing.
	ReadOnly bool
	// Patience is how long a line may take from its write until it is found. Default 30s.
	Patience time.Duration
	// Every is how long to wait between two searches for it. Default 250ms.
	Every time.Duration
	Clock clock.PassiveClock
}

// Prove makes a real round trip: it asks the server how it is, writes one marker line, and searches until the line comes back
// with the same text. Read-only, it makes one search.
func Prove(ctx context.Context, p Provider, options ProbeOptions) (RoundTrip, error) {
	health, err := p.Health(ctx)
	if err != nil {
		return RoundTrip{}, err
	}
	trip := RoundTrip{Health: health}
	if health.Failed != "" {
		return trip, problem.Retrying(v1alpha1.ReasonUnhealthy, nil, "%s", health.Failed)
	}
	now := options.Clock.Now()
	writer, can := p.(Writer)
	if options.ReadOnly || !can {
		began := options.Clock.Now()
		_, err := p.Search(ctx, Query{Start: now.Add(-15 * time.Minute), End: now.Add(time.Minute), Limit: 1, Backward: true})
		trip.QueryLatency = options.Clock.Since(began)
		return trip, err
	}
	marker, err := token()
	if err != nil {
		return trip, err
	}
	line := "KubeOps proves that this backend takes lines and gives them back: " + marker
	written := options.Clock.Now()
	if err := writer.Write(ctx, []Entry{{Time: now, Line: line, Labels: map[string]string{LabelProbe: "true"}}}); err != nil {
		return trip, err
	}
	return trip, trip.read(ctx, p, options, marker, line, written)
}

// read searches until the marker is found.
func (t *RoundTrip) read(ctx context.Context, p Provider, options ProbeOptions, marker, line string, written time.Time) error {
	every, patience := options.Every, options.Patience
	if every <= 0 {
		every = 250 * time.Millisecond
	}
	if patience <= 0 {
		patience = 30 * time.Second
	}
	query := Query{
		Start: written.Add(-time.Minute), End: written.Add(patience + time.Minute), Contains: []string{marker},
		Labels: map[string]string{LabelProbe: "true"}, Limit: 10, Backward: true,
	}
	var failed error
	err := wait.PollUntilContextTimeout(ctx, every, patience, true, func(ctx context.Context) (bool, error) {
		began := options.Clock.Now()
		page, err := p.Search(ctx, query)
		if err != nil && hopeless(err) {
			return false, err
		}
		if err != nil {
			failed = err
			return false, nil //nolint:nilerr // retried until the time is over, and reported then
		}
		failed = nil
		t.QueryLatency = options.Clock.Since(began)
		for _, entry := range page.Entries {
			if strings.TrimSpace(entry.Line) == line {
				lag := options.Clock.Since(written)
				t.IngestLag = &lag
				return true, nil
			}
		}
		return false, nil
	})
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case problem.As(err) != nil:
		return err
	case failed != nil:
		return failed
	}
	return problem.Retrying(v1alpha1.ReasonNotIngesting, err,
		"the probe line could not be read back within %s; check the ingest path (queue, disk) and spec.fields", patience)
}

// hopeless reports that the next search will fail in the same way: repeating it would only be noise in a server's log of
// refused logins.
func hopeless(err error) bool {
	p := problem.As(err)
	return p != nil && (p.Action == problem.UserMustAct || p.Reason == v1alpha1.ReasonUnauthorized || p.Reason == v1alpha1.ReasonForbidden)
}

// token is a random text for a marker.
func token() (string, error) {
	random := make([]byte, 12)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	return hex.EncodeToString(random), nil
}
