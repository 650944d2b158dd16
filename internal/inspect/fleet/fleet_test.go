package fleet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks/skew"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/comparison"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/redact"
)

const patience = 30 * time.Second

// versionServer answers /version.
func versionServer(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer expired" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `{"major":"1","minor":"37","gitVersion":"v1.37.2"}`)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// hungServer accepts connections and never answers.
func hungServer(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return "http://" + listener.Addr().String()
}

func closedServer(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	return server.URL
}

func cluster(name, host string, deadline time.Duration) Cluster {
	return Cluster{Deadline: deadline, Input: inspect.Input{
		Source: collect.Source{Cluster: name, Config: &rest.Config{Host: host}}, Clock: clock.RealClock{},
	}}
}

// complete is the result of a cluster with one problem.
func complete(name string) *inspect.Result {
	score := int32(80)
	r := &v1alpha1.InspectionReport{Findings: []v1alpha1.Finding{{
		ID: "id-" + name, Check: "pod-crash-looping", Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityHigh, Cluster: name,
	}}}
	r.Summary.Score = &score
	r.Summary.Problems.Add(v1alpha1.SeverityHigh)
	r.Summary.Counts.Add(v1alpha1.SeverityHigh)
	return &inspect.Result{Report: r, Comparison: &comparison.Cluster{Name: name, Version: "v1.37.2"}}
}

func returnsComplete(_ context.Context, in inspect.Input) (*inspect.Result, error) {
	return complete(in.Source.Cluster), nil
}

func runFleet(ctx context.Context, t *testing.T, engine Engine, clusters ...Cluster) *Result {
	t.Helper()
	result, err := Run(ctx, Input{Clusters: clusters, Checks: skew.Checks(), Engine: engine, Clock: clock.RealClock{}})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestAClusterThatCannotBeInspectedIsAGapAndTheOthersAreReported(t *testing.T) {
	t.Parallel()
	expired := cluster("expired", versionServer(t), patience)
	expired.Input.Source.Config.BearerToken = "expired"
	invalid := cluster("invalid", "", patience)
	invalid.Err = problem.UserError(v1alpha1.ReasonClusterUnreachable, nil, "context invalid cannot be used (no such file); correct the kubeconfig")
	engine := func(ctx context.Context, in inspect.Input) (*inspect.Result, error) {
		if in.Source.Cluster == "forbidden" {
			return nil, problem.Waiting(v1alpha1.ReasonForbidden, time.Minute, "User x cannot list pods (RBAC), so nothing was inspected.")
		}
		return returnsComplete(ctx, in)
	}
	result := runFleet(t.Context(), t, engine, cluster("dead", closedServer(t), patience), cluster("good", versionServer(t), patience),
		cluster("hung", hungServer(t), time.Second), expired, invalid, cluster("forbidden", versionServer(t), patience))
	want := map[string]string{
		"dead":      "Unavailable: Cluster dead at 127.0.0.1 is unreachable: nothing of it was inspected.",
		"hung":      "TimedOut: Cluster hung at 127.0.0.1 timed out: nothing of it was inspected.",
		"expired":   "Unavailable: Cluster expired at 127.0.0.1 rejected the credentials (401): nothing of it was inspected.",
		"invalid":   "Unavailable: Context invalid cannot be used (no such file): nothing of it was inspected.",
		"forbidden": "Forbidden: User x cannot list pods (RBAC), so nothing was inspected.",
	}
	report := result.Report
	for _, gap := range report.Gaps {
		text := string(gap.Reason) + ": " + port(gap.Message)
		if want[gap.Cluster] != text || gap.Optional {
			t.Errorf("gap of %s: %q, want %q", gap.Cluster, text, want[gap.Cluster])
		}
		delete(want, gap.Cluster)
	}
	if len(want) > 0 || report.Summary.Score != nil || report.Summary.RequiredGaps != 5 || result.Interrupted {
		t.Errorf("no gap of %v, summary %+v", want, report.Summary)
	}
	if len(report.Findings) != 1 || report.Findings[0].ID != "id-good" || len(report.Clusters) != 6 {
		t.Errorf("findings %+v, clusters %+v", report.Findings, report.Clusters)
	}
}

// port removes the port of the address.
func port(message string) string {
	before, after, found := strings.Cut(message, "127.0.0.1:")
	if !found {
		return message
	}
	return before + "127.0.0.1" + strings.TrimLeft(after, "0123456789")
}

func TestFactsOfOnlyAFewClustersAreInMemory(t *testing.T) {
	t.Parallel()
	server := versionServer(t)
	hung := hungServer(t)
	var clusters []Cluster
	for i := range 5 {
		clusters = append(clusters, cluster(fmt.Sprintf("hung-%d", i), hung, 2*time.Second))
	}
	for i := range 12 {
		clusters = append(clusters, cluster(fmt.Sprintf("good-%02d", i), server, patience))
	}
	var reading, most, ended atomic.Int64
	engine := func(ctx context.Context, in inspect.Input) (*inspect.Result, error) {
		defer reading.Add(-1)
		n := reading.Add(1)
		for known := most.Load(); n > known && !most.CompareAndSwap(known, n); known = most.Load() {
		}
		if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) < patience/2 {
			t.Errorf("%s has %s left", in.Source.Cluster, time.Until(deadline))
		}
		ended.Add(1)
		return returnsComplete(ctx, in)
	}
	result := runFleet(t.Context(), t, engine, clusters...)
	if most.Load() > 2 || ended.Load() != 12 || len(result.Report.Gaps) != 5 {
		t.Errorf("%d clusters at the same time, %d in all, %d gaps", most.Load(), ended.Load(), len(result.Report.Gaps))
	}
}

func TestDeadClustersDoNotKeepOthersFromConnecting(t *testing.T) {
	t.Parallel()
	hung := hungServer(t)
	var clusters []Cluster
	for i := range MaxConnecting {
		clusters = append(clusters, cluster(fmt.Sprintf("hung-%d", i), hung, patience))
	}
	clusters = append(clusters, cluster("last", versionServer(t), patience))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	began := time.Now()
	engine := func(_ context.Context, in inspect.Input) (*inspect.Result, error) {
		defer cancel() // without a wait for the others
		return returnsComplete(context.WithoutCancel(ctx), in)
	}
	result := runFleet(ctx, t, engine, clusters...)
	if waited := time.Since(began); waited >= patience || len(result.Report.Findings) != 1 {
		t.Errorf("the last cluster was inspected after %s: %+v", waited, result.Report.Findings)
	}
}

func TestClustersOfAKnownSizeShareTheMemory(t *testing.T) {
	t.Parallel()
	const objects = 20_000 // about 133 MiB
	for name, test := range map[string]struct {
		objects, memory, want int64
	}{
		"small ones are read together":         {100, 512 << 20, MaxReading},
		"large ones are fewer":                 {objects, 512 << 20, 3},
		"one that exceeds the memory is alone": {objects, 64 << 20, 1},
		"those of an unknown size are two":     {0, 512 << 20, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &run{memory: test.memory, reading: semaphore.NewWeighted(test.memory)}
			var together int64
			for r.reading.TryAcquire(r.weight(&Cluster{LastObjects: test.objects})) {
				together++
			}
			if together != test.want {
				t.Errorf("%d clusters at the same time, want %d", together, test.want)
			}
		})
	}
}

func TestWaitingForASlotDoesNotUseUpTheDeadline(t *testing.T) {
	t.Parallel()
	server := versionServer(t)
	const deadline = 2 * time.Second
	var first sync.Once
	engine := func(ctx context.Context, in inspect.Input) (*inspect.Result, error) {
		slow := false
		first.Do(func() { slow = true })
		if slow {
			<-ctx.Done() // uses all of its own deadline, and holds the only slot
			return nil, ctx.Err()
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return returnsComplete(ctx, in)
	}
	result, err := Run(t.Context(), Input{
		Clusters: []Cluster{cluster("a", server, deadline), cluster("b", server, deadline), cluster("c", server, deadline)},
		Memory:   1, Engine: engine, Clock: clock.RealClock{},
	})
	if err != nil || len(result.Report.Findings) != 2 || len(result.Report.Gaps) != 1 || result.Report.Gaps[0].Reason != v1alpha1.GapTimedOut {
		t.Errorf("%+v (%v)", result, err)
	}
}

func TestAnInterruptedInspectionReportsWhatIsFinished(t *testing.T) {
	t.Parallel()
	server := versionServer(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	engine := func(ctx context.Context, in inspect.Input) (*inspect.Result, error) {
		if in.Source.Cluster == "finished" {
			defer interrupt()
			return returnsComplete(ctx, in)
		}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	result := runFleet(ctx, t, engine, cluster("slow", server, patience), cluster("finished", server, patience))
	if !result.Interrupted || len(result.Report.Findings) != 1 || len(result.Report.Gaps) != 1 {
		t.Fatalf("%+v", result.Report)
	}
	if gap := result.Report.Gaps[0]; gap.Message != "Cluster slow was not inspected: interrupted." || gap.Reason != v1alpha1.GapIncomplete {
		t.Errorf("%+v", gap)
	}
	interrupted, err := Run(ctx, Input{Clusters: []Cluster{cluster("a", server, patience)}, Engine: engine, Clock: clock.RealClock{}})
	if interrupted != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("nothing finished: %+v, %v", interrupted, err)
	}
}

// A credential plugin that hangs ignores the context.
func TestAClusterThatIgnoresItsDeadlineIsAbandoned(t *testing.T) {
	t.Parallel()
	server := versionServer(t)
	released := make(chan struct{})
	t.Cleanup(func() { close(released) })
	engine := func(ctx context.Context, in inspect.Input) (*inspect.Result, error) {
		if in.Source.Cluster == "stuck" {
			<-released
		}
		return returnsComplete(ctx, in)
	}
	result := runFleet(t.Context(), t, engine, cluster("stuck", server, time.Second), cluster("good", server, patience))
	if len(result.Report.Findings) != 1 || len(result.Report.Gaps) != 1 || result.Report.Gaps[0].Reason != v1alpha1.GapTimedOut {
		t.Errorf("%+v", result.Report)
	}
}

func TestClustersStartInTheOrderOfTheirLastDuration(t *testing.T) {
	t.Parallel()
	clusters := []Cluster{{LastDuration: time.Second}, {LastDuration: time.Minute}, {}, {LastDuration: time.Hour}}
	slices.SortStableFunc(clusters, func(a, b Cluster) int { return startsBefore(&a, &b) })
	for i, want := range []time.Duration{0, time.Hour, time.Minute, time.Second} {
		if clusters[i].LastDuration != want {
			t.Errorf("%d: %s, want %s", i, clusters[i].LastDuration, want)
		}
	}
}

func TestInvalidListsOfClustersAreRejected(t *testing.T) {
	t.Parallel()
	for name, clusters := range map[string][]Cluster{
		"none": nil, "the same name twice": {cluster("a", "", time.Second), cluster("a", "", time.Second)}, "no name": {{}},
		"too many": make([]Cluster, v1alpha1.MaxInspectedClusters+1),
	} {
		if _, err := Run(t.Context(), Input{Clusters: clusters, Engine: returnsComplete, Clock: clock.RealClock{}}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestDifferencesAreFindingsWithTheirCluster(t *testing.T) {
	t.Parallel()
	server := versionServer(t)
	engine := func(_ context.Context, in inspect.Input) (*inspect.Result, error) {
		result := complete(in.Source.Cluster)
		if in.Source.Cluster == "old" {
			result.Comparison.Version = "v1.30.1"
		}
		if !in.Compare || in.Bounds.Findings == 0 {
			t.Errorf("input of %s: %+v", in.Source.Cluster, in)
		}
		return result, nil
	}
	result := runFleet(t.Context(), t, engine, cluster("new", server, patience), cluster("old", server, patience))
	last := result.Report.Findings[len(result.Report.Findings)-1]
	if len(result.Report.Findings) != 3 || last.Check != "cluster-version-skew" || last.Cluster != "old" || last.IsProblem() {
		t.Errorf("%+v", result.Report.Findings)
	}
	if result.Report.Summary.Recommendations.Total != 1 || result.Report.Summary.Problems.Total != 2 || *result.Report.Summary.Score != 80 {
		t.Errorf("%+v", result.Report.Summary)
	}
	if c := result.Report.Clusters; c[1].Version != "v1.30.1" || *c[1].Score != 80 {
		t.Errorf("%+v", c)
	}
}

// Nothing of a cluster that is away is fixed or new when it returns, and a difference that cannot be seen is not fixed.
func TestThePreviousReportIsDividedByCluster(t *testing.T) {
	t.Parallel()
	at := metav1.NewTime(time.Now().Add(-time.Minute))
	previous := &v1alpha1.InspectionReport{
		Findings: []v1alpha1.Finding{
			{ID: "a1", Check: "pod-crash-looping", Cluster: "a"},
			{ID: "b1", Check: "pod-crash-looping", Cluster: "b", Severity: v1alpha1.SeverityCritical, FirstSeen: &at},
			{ID: "b2", Check: "not-selected-any-more", Cluster: "b"}, {ID: "x", Check: "cluster-version-skew", Cluster: "b"}, {ID: "y", Check: "crd-schema-skew"},
		},
		Fixed: []v1alpha1.FixedFinding{
			{EarlierFinding: v1alpha1.EarlierFinding{ID: "f", Cluster: "a"}, FixedAt: at},
			{EarlierFinding: v1alpha1.EarlierFinding{ID: "g", Check: "pod-crash-looping", Cluster: "b"}, FixedAt: at},
		},
	}
	var got []string
	engine := func(ctx context.Context, in inspect.Input) (*inspect.Result, error) {
		for _, f := range in.Previous.Findings {
			got = append(got, f.ID)
		}
		for _, f := range in.Previous.Fixed {
			got = append(got, f.ID)
		}
		return returnsComplete(ctx, in)
	}
	b := cluster("b", closedServer(t), patience)
	b.Input.Checks = []check.Check{{ID: "pod-crash-looping"}}
	result, err := Run(t.Context(), Input{
		Clusters: []Cluster{cluster("a", versionServer(t), patience), b},
		Checks:   skew.Checks(), Previous: previous, Engine: engine, Clock: clock.RealClock{},
	})
	if err != nil || !slices.Equal(got, []string{"a1", "f"}) || result.Report.Summary.Changes.Fixed != 0 {
		t.Fatalf("previous of a: %q, changes %+v (%v)", got, result.Report.Summary.Changes, err)
	}
	var unverified []string
	for _, f := range result.Report.Unverified {
		unverified = append(unverified, f.ID)
	}
	if slices.Sort(unverified); !slices.Equal(unverified, []string{"b1", "x", "y"}) || result.Report.Unverified[0].FirstSeen == nil {
		t.Errorf("unverified %+v", result.Report.Unverified)
	}
	if fixed := result.Report.Fixed; len(fixed) != 1 || fixed[0].ID != "g" {
		t.Errorf("fixed shortly before: %+v", fixed)
	}
}

func TestADifferenceThatIsGoneIsFixed(t *testing.T) {
	t.Parallel()
	server := versionServer(t)
	previous := &v1alpha1.InspectionReport{Findings: []v1alpha1.Finding{
		{ID: "x", Check: "cluster-version-skew", Cluster: "b"}, {ID: "y", Check: "crd-schema-skew"},
	}}
	result, err := Run(t.Context(), Input{
		Clusters: []Cluster{cluster("a", server, patience), cluster("b", server, patience)},
		Checks:   skew.Checks(), Previous: previous, Engine: returnsComplete, Clock: clock.RealClock{},
	})
	if err != nil || result.Report.Summary.Changes.Fixed != 2 {
		t.Errorf("changes %+v (%v)", result.Report.Summary.Changes, err)
	}
}

func TestACheckThatPanicsIsAGap(t *testing.T) {
	t.Parallel()
	panics := check.Check{ID: "panics", Category: v1alpha1.CategoryConfiguration, Compare: func(*comparison.Clusters) []check.ClusterFinding {
		panic("no")
	}}
	server := versionServer(t)
	result, err := Run(t.Context(), Input{
		Clusters: []Cluster{cluster("a", server, patience), cluster("b", server, patience)}, Checks: []check.Check{panics},
		Engine: returnsComplete, Clock: clock.RealClock{},
	})
	if err != nil || len(result.Report.Gaps) != 1 || result.Report.Gaps[0].Reason != v1alpha1.GapCheckFailed || result.Report.Summary.Score != nil {
		t.Errorf("%+v (%v)", result, err)
	}
}

func TestExpiredIgnoreRulesAreReportedOnce(t *testing.T) {
	t.Parallel()
	past := metav1.NewTime(time.Now().Add(-time.Hour))
	rule := v1alpha1.IgnoreRule{Check: "pod-*", Reason: "accepted", Expires: &past}
	server := versionServer(t)
	engine := func(ctx context.Context, in inspect.Input) (*inspect.Result, error) {
		if len(in.Ignore) > 0 {
			t.Errorf("%s has rules %v", in.Source.Cluster, in.Ignore)
		}
		return returnsComplete(ctx, in)
	}
	clusters := []Cluster{cluster("a", server, patience), cluster("b", server, patience)}
	for i := range clusters {
		clusters[i].Input.Ignore = []v1alpha1.IgnoreRule{rule}
	}
	result, err := Run(t.Context(), Input{
		Clusters: clusters, Checks: skew.Checks(), Ignore: []v1alpha1.IgnoreRule{rule}, Engine: engine, Clock: clock.RealClock{},
	})
	if err != nil || len(result.Report.Gaps) != 1 || result.Report.Gaps[0].Reason != v1alpha1.GapIgnoreRuleExpired {
		t.Errorf("%+v (%v)", result.Report.Gaps, err)
	}
}

// Its rules take more memory than a small cluster.
func TestClustersShareOneRedactor(t *testing.T) {
	t.Parallel()
	used := make(chan *redact.Redactor, 3)
	in := Input{Checks: skew.Checks(), Clock: clock.RealClock{}, Engine: func(ctx context.Context, in inspect.Input) (*inspect.Result, error) {
		used <- in.Redactor
		return returnsComplete(ctx, in)
	}}
	in.Clusters = []Cluster{cluster("a", versionServer(t), patience), cluster("b", versionServer(t), patience)}
	if _, err := Run(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	one := <-used
	if one == nil || <-used != one {
		t.Error("the clusters of a run have a redactor each")
	}
	in.Redactor = one
	in.Clusters = in.Clusters[:1]
	if _, err := RunPart(t.Context(), in, Part{Cluster: "a", Deadline: patience, Clusters: 2}); err != nil || <-used != one {
		t.Errorf("the part has a redactor of its own, %v", err)
	}
}
