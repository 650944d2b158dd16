package environment

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// answers has one key, and fails if it is told to.
type answers struct{ err error }

func (a *answers) Get(_ context.Context, keys []string) (map[string][]byte, error) {
	if a.err != nil {
		return nil, a.err
	}
	return map[string][]byte{keys[0]: []byte("x")}, nil
}

func (a *answers) Set(context.Context, string, []byte, time.Duration) error { return a.err }

func TestLookupsInTheAnswerCacheAreCounted(t *testing.T) {
	if got, err := countAnswers(nil, prometheus.NewRegistry()); got != nil || err != nil {
		t.Errorf("without a cache: %v, %v", got, err)
	}
	cache := &answers{}
	counted, err := countAnswers(cache, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := counted.Get(t.Context(), []string{"a", "b", "c"}); err != nil {
		t.Fatal(err)
	}
	cache.err = errors.New("away")
	if _, err := counted.Get(t.Context(), []string{"a", "b"}); !errors.Is(err, cache.err) {
		t.Fatal(err)
	}
	lookups := counted.(*countedAnswers).lookups
	for result, want := range map[string]float64{"hit": 1, "miss": 2, "error": 2} {
		if got := testutil.ToFloat64(lookups.WithLabelValues(result)); got != want {
			t.Errorf("%s: %v, want %v", result, got, want)
		}
	}
}
