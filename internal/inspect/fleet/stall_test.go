package fleet

import (
	"context"
	"testing"
	"time"

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
