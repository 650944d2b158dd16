package inspect

import (
	"context"
	"slices"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/inspect/trend"
	"kubeops.io/kubeops/internal/inspect/usage"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/testkit"
)

// hanging is a metrics backend whose queries always time out.
type hanging struct {
	metrics.Provider
	queries int
}

func (s *hanging) Query(ctx context.Context, _ string, _ time.Time) (metrics.Vector, error) {
	s.queries++
	<-ctx.Done()
	return nil, problem.Retrying(v1alpha1.ReasonTimeout, ctx.Err(), "server:9090 did not answer in time")
}

func TestAHangingMetricsBackendUsesAShareOfTheDeadlineAndIsAGap(t *testing.T) {
	const run = 3 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), run)
	defer cancel()
	server := &hanging{}
	in := Input{Metrics: server, Checks: checks.Builtin(), Clock: clock.RealClock{}}
	began := time.Now()
	gaps := readMetrics(ctx, in, newTimer(in), scope.New(testkit.Graph(t, ""), nil))
	if took := time.Since(began); took > run*2/3 || ctx.Err() != nil {
		t.Errorf("took %s of %s", took, run)
	}
	var affected []string
	for _, gap := range gaps {
		if gap.Reason != v1alpha1.GapTimedOut {
			t.Errorf("%+v", gap)
		}
		affected = append(affected, gap.Checks...)
	}
	slices.Sort(affected)
	var want []string
	for _, source := range slices.Concat(usage.Sources(), trend.Sources()) {
		if source == facts.SourceRules { // rules are reported on a MetricsBackend, which the input lacks
			continue
		}
		want = append(want, check.Requiring(in.Checks, source)...)
	}
	slices.Sort(want)
	affected = slices.Compact(affected)
	want = slices.Compact(want)
	if !slices.Equal(affected, want) {
		t.Errorf("the gaps list %q, want %q", affected, want)
	}
	if server.queries > 3 {
		t.Errorf("%d queries to a server that hangs", server.queries)
	}
}

func TestWithoutChecksThatUseMetricsNothingIsQueried(t *testing.T) {
	selected, err := check.Select(checks.Builtin(), []string{"pod-*"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	server := &hanging{}
	in := Input{Metrics: server, Checks: selected, Clock: clock.RealClock{}}
	if gaps := readMetrics(t.Context(), in, newTimer(in), scope.New(testkit.Graph(t, ""), nil)); len(gaps) > 0 || server.queries > 0 {
		t.Errorf("%d queries, %+v", server.queries, gaps)
	}
}
