package fleet

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/internal/inspect"
)

func TestAClusterThatStallsAndGoesOnIsNoticed(t *testing.T) {
	t.Parallel()
	heard := make(chan Stall, 2)
	engine := func(ctx context.Context, in inspect.Input) (*inspect.Result, error) {
		for _, want := range []Stall{{Cluster: "slow", Stalled: true}, {Cluster: "slow", Objects: 7}} {
			select {
			case got := <-heard:
				if got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			in.Progress(inspect.Progress{Stage: inspect.StageCollect, Done: 1, Total: 2, Objects: 7})
		}
		return complete(in.Source.Cluster), nil
	}
	steps := 0
	done, err := RunPart(t.Context(), Input{
		Clusters: []Cluster{cluster("slow", versionServer(t), patience)}, Engine: engine, Clock: clock.RealClock{},
		Progress: func(string, inspect.Progress) { steps++ },
		Stalled:  func(s Stall) { heard <- s },
	}, Part{Cluster: "slow", Deadline: patience, Clusters: 1})
	if err != nil || done.Result == nil || steps != 2 {
		t.Errorf("%+v after %d steps, %v", done, steps, err)
	}
}

func TestAClusterThatHasEndedDoesNotStall(t *testing.T) {
	s := watchStall("gone", func(got Stall) { t.Errorf("got %+v", got) })
	s.end()
	s.expire()
	s.advance(inspect.Progress{})
}

func TestOnlyALatePartHasAnEstimateWithoutObjects(t *testing.T) {
	for _, tc := range []struct {
		part Part
		want int64
	}{
		{Part{}, 0}, {Part{Late: true}, memoryOf(lateObjects)}, {Part{Objects: 5}, memoryOf(5)}, {Part{Objects: 5, Late: true}, memoryOf(5)},
	} {
		if got := tc.part.Memory(); got != tc.want {
			t.Errorf("%+v: %d bytes, want %d", tc.part, got, tc.want)
		}
	}
}

func TestAClusterThatUsedItsDeadlineUpIsALatePart(t *testing.T) {
	t.Parallel()
	late := map[string]bool{}
	parts := make(chan Part, 3)
	in := Input{Clock: clock.RealClock{}, Parts: func(_ context.Context, part Part) (PartResult, error) {
		parts <- part
		return PartResult{Result: complete(part.Cluster)}, nil
	}}
	for name, took := range map[string]time.Duration{"unknown": 0, "fast": patience / 2, "late": patience} {
		c := cluster(name, versionServer(t), patience)
		c.LastDuration = took
		in.Clusters = append(in.Clusters, c)
	}
	if _, err := Run(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	close(parts)
	for part := range parts {
		late[part.Cluster] = part.Late
	}
	if len(late) != 3 || !late["late"] || late["fast"] || late["unknown"] {
		t.Errorf("late: %v", late)
	}
}

// Clusters whose size is unknown are two at a time, and those that hang keep no other from being read.
func TestClustersThatHangLeaveTheirMemoryToOthers(t *testing.T) {
	t.Parallel()
	read, filled := make(chan struct{}), make(chan struct{})
	var hanging atomic.Int32
	engine := func(ctx context.Context, in inspect.Input) (*inspect.Result, error) {
		if in.Source.Cluster == "healthy" {
			close(read)
		} else if hanging.Add(1) == 2 {
			close(filled)
		}
		select {
		case <-read:
		case <-ctx.Done():
			t.Errorf("%s waits for ever", in.Source.Cluster)
		}
		return complete(in.Source.Cluster), nil
	}
	in := Input{Engine: engine, Clock: clock.RealClock{}}
	for _, name := range []string{"a", "b", "c", "d"} {
		in.Clusters = append(in.Clusters, cluster(name, versionServer(t), patience))
	}
	last := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-filled:
		case <-r.Context().Done():
		}
		fmt.Fprint(w, `{"major":"1","minor":"37","gitVersion":"v1.37.2"}`)
	}))
	t.Cleanup(last.Close)
	in.Clusters = append(in.Clusters, cluster("healthy", last.URL, patience))
	result, err := Run(t.Context(), in)
	if err != nil || len(result.Report.Gaps) != 0 {
		t.Errorf("%v, gaps %v", err, result.Report.Gaps)
	}
}

func TestAPlaceReturnsWhatItHolds(t *testing.T) {
	const memory, weight = 100 << 20, 60 << 20
	going, stalled := Stall{}, Stall{Stalled: true, Objects: 10}
	for name, tc := range map[string]struct {
		stalls []Stall
		others int64
		held   int64
	}{
		"never stalled":         {nil, 0, weight},
		"stalled":               {[]Stall{stalled}, 0, stalled.Memory()},
		"stalled twice":         {[]Stall{stalled, stalled}, 0, stalled.Memory()},
		"went on":               {[]Stall{stalled, going}, 0, weight},
		"went on beside others": {[]Stall{stalled, going}, 90 << 20, stalled.Memory()},
		"larger than its place": {[]Stall{{Stalled: true, Objects: 1_000_000}}, 0, weight},
	} {
		reading := semaphore.NewWeighted(memory)
		p := &place{reading: reading, weight: weight}
		if err := p.take(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i, stall := range tc.stalls {
			if i > 0 && !reading.TryAcquire(tc.others) {
				t.Fatalf("%s: others have no memory", name)
			}
			p.stalled(stall)
		}
		if p.held != tc.held {
			t.Errorf("%s: holds %d, want %d", name, p.held, tc.held)
		}
		p.leave()
		p.stalled(stalled) // the engine was abandoned
		if !reading.TryAcquire(memory - tc.others) {
			t.Errorf("%s: not all was returned", name)
		}
	}
}
