package runner

import (
	"context"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/child"
	"kubeops.io/kubeops/internal/clusters"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/comparison"
	"kubeops.io/kubeops/internal/inspect/fleet"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
)

// asChild is the argument with which the test binary is a child.
const asChild = "run-inspection"

// engineByName does to a cluster what its name says.
func engineByName(ctx context.Context, in inspect.Input) (*inspect.Result, error) {
	name := in.Source.Cluster
	switch name := strings.TrimPrefix(name, "small-"); {
	case strings.HasPrefix(name, "hog"):
		var kept [][]byte
		for ctx.Err() == nil {
			kept = append(kept, make([]byte, 1<<20))
		}
		return nil, fmt.Errorf("%d MiB", len(kept))
	case strings.HasPrefix(name, "large"):
		kept := make([]byte, 90<<20)
		for i := range kept {
			kept[i] = 1
		}
		runtime.KeepAlive(kept)
	case strings.HasPrefix(name, "hang"):
		<-ctx.Done()
		return nil, ctx.Err()
	case strings.HasPrefix(name, "stuck"):
		select {} // it ignores its context
	case strings.HasPrefix(name, "panic"):
		panic("a bug in a check")
	}
	report := &v1alpha1.InspectionReport{Findings: []v1alpha1.Finding{{
		ID: "id-" + name, Check: "pod-crash-looping", Cluster: name, Severity: v1alpha1.SeverityHigh,
		Message: fmt.Sprintf("%d findings at most, in process %d", in.Bounds.Findings, os.Getpid()),
	}}}
	return &inspect.Result{Report: report, Comparison: &comparison.Cluster{Name: name, Version: "v1.37.2"}}, nil
}

// fleetOf clusters that are one server, which knows its version and no more.
func fleetOf(t *testing.T, names ...string) (*Child, *v1alpha1.Inspection) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/version" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write([]byte(`{"gitVersion":"v1.37.1"}`))
	}))
	t.Cleanup(server.Close)
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	const limit = 160 << 20
	c := &Child{
		Command:  child.Command{Path: os.Args[0], Args: []string{asChild}, Memory: limit, Processors: 1},
		Config:   &rest.Config{Host: "https://127.0.0.1:1"},
		Backends: &backends.Resolver{Egress: provider.Egress{AllowLoopback: true}}, Memory: NewMemory(2*limit, limit),
		Targets: func(_ context.Context, i *v1alpha1.Inspection) (targets []Target, err error) {
			for _, name := range i.Spec.Clusters.Names {
				target := Target{Name: name, Access: &clusters.Access{Server: address, Token: "t", TLS: provider.TLS{CA: ca}}}
				if strings.HasPrefix(name, "small-") {
					target.Objects = 300
				}
				if name == "away" {
					target = Target{Name: name, Problem: problem.Waiting(v1alpha1.ReasonNotConnected, 0, "ManagedCluster away is not connected")}
				}
				targets = append(targets, target)
			}
			return targets, nil
		},
	}
	return c, &v1alpha1.Inspection{
		ObjectMeta: metav1.ObjectMeta{Namespace: "fleet", Name: "all"},
		Spec: v1alpha1.InspectionSpec{Clusters: &v1alpha1.ClusterSelection{
			Names: names, Timeout: &metav1.Duration{Duration: 5 * time.Second},
		}},
	}
}

// What ends the process of one cluster is a gap of it, and no other cluster notices.
func TestEachClusterHasAProcessOfItsOwn(t *testing.T) {
	t.Parallel()
	c, inspection := fleetOf(t, "a", "away", "b", "hog", "panic", "stuck")
	began := 0
	result, err := c.Run(t.Context(), inspection, "run", func(context.Context) error { began++; return nil })
	if err != nil || began != 1 {
		t.Fatalf("%v, announced %d times", err, began)
	}
	var got []string
	for _, one := range result.Report.Clusters {
		got = append(got, strings.TrimSpace(fmt.Sprint(one.Name, " ", one.NotInspected)))
	}
	want := []string{"a", "away Unavailable", "b", "hog Unavailable", "panic Unavailable", "stuck TimedOut"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	gaps := map[string]string{}
	for _, gap := range result.Report.Gaps {
		gaps[gap.Cluster] = gap.Message
	}
	for cluster, text := range map[string]string{
		"away": "is not connected", "hog": "The inspection of ManagedCluster hog was stopped because it needed more than 160Mi of memory",
		"panic": "ended early", "stuck": "did not",
	} {
		if !strings.Contains(gaps[cluster], text) {
			t.Errorf("the gap of %s is %q, want %q", cluster, gaps[cluster], text)
		}
	}
	findings := map[string]string{}
	for _, f := range result.Report.Findings {
		findings[f.ID] = f.Cluster
	}
	if findings["id-a"] != "a" || findings["id-b"] != "b" {
		t.Errorf("findings %v", findings)
	}
	c.Memory.mutex.Lock()
	defer c.Memory.mutex.Unlock()
	key := processKey{inspection: client.ObjectKeyFromObject(inspection), cluster: "a"}
	if c.Memory.peaks[key] < 10<<20 || c.Memory.inUse != 0 || c.Memory.parts != 0 {
		t.Errorf("the peak of a is %d, and %d bytes are in use", c.Memory.peaks[key], c.Memory.inUse)
	}
}

// What a process was counted with is its limit: many that were small must not take the memory of all together.
func TestAProcessThatGrewIsRepeatedWithTheLimitOfAll(t *testing.T) {
	t.Parallel()
	c, inspection := fleetOf(t, "large")
	key := processKey{inspection: client.ObjectKeyFromObject(inspection), cluster: "large"}
	c.Memory.peaks[key] = 48 << 20
	given, release, err := c.Memory.acquire(t.Context(), key)
	if err != nil || given != 60<<20 {
		t.Fatalf("%d bytes, %v", given, err)
	}
	release(48 << 20)
	began := 0
	work := Work{Inspection: inspection, Run: "run", Part: &fleet.Part{Cluster: "large", Deadline: time.Minute, Clusters: 1}}
	done, err := c.Do(t.Context(), work, func(context.Context) error { began++; return nil })
	if err != nil || done.Result == nil || began != 1 {
		t.Errorf("%+v, %v, announced %d times", done.Result, err, began)
	}
	if peak := c.Memory.peaks[key]; peak < 90<<20 || c.Memory.inUse != 0 {
		t.Errorf("the peak is %d, and %d bytes are in use", peak, c.Memory.inUse)
	}
}

// recorder does parts and records them, or fails.
type recorder struct {
	mutex sync.Mutex
	parts []fleet.Part
	err   error
}

func (e *recorder) Do(_ context.Context, work Work, _ func(context.Context) error) (fleet.PartResult, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.parts = append(e.parts, *work.Part)
	report := &v1alpha1.InspectionReport{Findings: []v1alpha1.Finding{{ID: work.Run + "-" + work.Part.Cluster, Cluster: work.Part.Cluster}}}
	return fleet.PartResult{Result: &inspect.Result{Report: report}, Took: time.Minute}, e.err
}

func TestPartsAreDoneElsewhereAndMergedHere(t *testing.T) {
	t.Parallel()
	c, inspection := fleetOf(t, "a", "b")
	other := &recorder{}
	c.Parts = other
	result, err := c.Run(t.Context(), inspection, "run-1", nothingToAnnounce)
	if err != nil || len(result.Report.Findings) != 2 || len(other.parts) != 2 {
		t.Fatalf("%v: %+v, parts %+v", err, result, other.parts)
	}
	for _, part := range other.parts {
		if part.Clusters != 2 || part.Deadline <= 0 || part.Deadline > 5*time.Second {
			t.Errorf("part %+v", part)
		}
	}
	if took := result.Report.Clusters[0].Duration.Duration; took < time.Minute || took > 2*time.Minute {
		t.Errorf("the cluster took %s", took)
	}
}

func TestAProcessThatMergesHasNoPartsButThoseOfItsRun(t *testing.T) {
	t.Parallel()
	_, inspection := fleetOf(t, "a")
	other := &recorder{}
	merges := &service{&conversation{
		ctx: t.Context(), work: Work{Inspection: inspection}, parts: other, job: Job{Clusters: []RemoteCluster{{Name: "a"}}},
	}}
	if err := merges.Part(fleet.Part{Cluster: "b"}, &Outcome{}); err == nil || len(other.parts) != 0 {
		t.Errorf("got %v, parts %+v", err, other.parts)
	}
	if err := merges.Part(fleet.Part{Cluster: "a"}, &Outcome{}); err != nil || len(other.parts) != 1 {
		t.Errorf("got %v, parts %+v", err, other.parts)
	}
}

func TestAQueueThatFailsEndsTheRunWithoutAReport(t *testing.T) {
	t.Parallel()
	c, inspection := fleetOf(t, "a", "b")
	c.Parts = &recorder{err: problem.Waiting(v1alpha1.ReasonNoWorkers, time.Minute, "no worker")}
	result, err := c.Run(t.Context(), inspection, "run-1", nothingToAnnounce)
	if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonNoWorkers || result != nil {
		t.Errorf("got %+v, %v", result, err)
	}
}
