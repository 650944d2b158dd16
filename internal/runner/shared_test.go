package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/child"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/fleet"
	"kubeops.io/kubeops/internal/problem"
)

// processesOf the findings of a report, by cluster.
func processesOf(result *inspect.Result) map[string]string {
	processes := map[string]string{}
	for _, f := range result.Report.Findings {
		_, processes[f.Cluster], _ = strings.Cut(f.Message, "in process ")
	}
	return processes
}

func TestSmallClustersShareAProcess(t *testing.T) {
	t.Parallel()
	c, inspection := fleetOf(t, "large", "small-a", "small-b", "small-c", "small-d", "unknown")
	c.Memory = NewMemory(c.Command.Memory, c.Command.Memory) // one process at a time
	result, err := c.Run(t.Context(), inspection, "run", nothingToAnnounce)
	if err != nil {
		t.Fatal(err)
	}
	processes := processesOf(result)
	if len(processes) != 6 || len(result.Report.Gaps) != 0 {
		t.Fatalf("processes %v, gaps %+v", processes, result.Report.Gaps)
	}
	for _, name := range []string{"small-b", "small-c", "small-d"} {
		if processes[name] != processes["small-a"] {
			t.Errorf("%s has a process of its own: %v", name, processes)
		}
	}
	for _, name := range []string{"large", "unknown"} {
		if processes[name] == processes["small-a"] {
			t.Errorf("%s shares a process: %v", name, processes)
		}
	}
	c.Memory.mutex.Lock()
	defer c.Memory.mutex.Unlock()
	if c.Memory.inUse != 0 || c.Memory.parts != 0 {
		t.Errorf("%d bytes and %d processes are in use", c.Memory.inUse, c.Memory.parts)
	}
}

// Whatever ends a process that clusters share is told apart from those that were in its way.
func TestAClusterThatEndsTheProcessThatItSharesIsAGapAlone(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"small-hog": "needed more than 160Mi of memory", "small-panic": "ended early", "small-stuck": "did not",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, inspection := fleetOf(t, "small-a", "small-b", "small-c", name)
			result, err := c.Run(t.Context(), inspection, "run", nothingToAnnounce)
			if err != nil {
				t.Fatal(err)
			}
			if processes := processesOf(result); len(processes) != 3 {
				t.Errorf("processes %v, gaps %+v", processes, result.Report.Gaps)
			}
			if gaps := result.Report.Gaps; len(gaps) != 1 || gaps[0].Cluster != name || !strings.Contains(gaps[0].Message, text) {
				t.Errorf("gaps %+v, want one of %s with %q", gaps, name, text)
			}
			c.Memory.mutex.Lock()
			defer c.Memory.mutex.Unlock()
			if c.Memory.inUse != 0 || c.Memory.parts != 0 {
				t.Errorf("%d bytes and %d processes are in use", c.Memory.inUse, c.Memory.parts)
			}
		})
	}
}

// Clusters that answer no more keep no others from being read.
func TestAHealthyClusterDoesNotWaitForThoseThatHang(t *testing.T) {
	t.Parallel()
	const hanging = 8
	var names []string
	for i := range hanging {
		names = append(names, fmt.Sprint("small-hang-", i))
	}
	c, inspection := fleetOf(t, append(names, "small-a", "small-b")...)
	c.Memory = NewMemory(c.Command.Memory, c.Command.Memory) // one process
	s := newShared(c)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan string, 2*hanging)
	do := func(name string) {
		part := &fleet.Part{Cluster: name, Deadline: 20 * time.Second, Clusters: len(names), Objects: 300}
		_, err := s.Do(ctx, Work{Inspection: inspection, Run: "run", Part: part}, nothingToAnnounce)
		ended <- strings.TrimSpace(fmt.Sprint(name, " ", problem.As(err) != nil))
	}
	for _, name := range names {
		go do(name)
	}
	await(t, "the first ones are not taken", func() bool {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		return len(s.waiting) > 0 && len(s.waiting) < hanging && s.starting == 0
	})
	began := time.Now()
	for _, name := range []string{"small-a", "small-b"} {
		do(name)
		if got := <-ended; got != name+" false" {
			t.Errorf("%s came first, after %s", got, time.Since(began))
		}
		t.Log("after", time.Since(began))
	}
	cancel()
	s.close()
}

// Clusters that never answered have no known size: in the run after the first one they share a process.
func TestClustersThatWereLateTheLastTimeHangTogether(t *testing.T) {
	t.Parallel()
	c, inspection := fleetOf(t, "hang-a", "hang-b", "hang-c")
	c.Memory = NewMemory(c.Command.Memory, c.Command.Memory) // one process
	s := newShared(c)
	defer s.close()
	const deadline = 5 * time.Second
	began := time.Now()
	var group sync.WaitGroup
	var ended [3]time.Duration
	for i, name := range inspection.Spec.Clusters.Names {
		group.Go(func() {
			part := &fleet.Part{Cluster: name, Deadline: deadline, Clusters: 3, Late: true}
			_, err := s.Do(t.Context(), Work{Inspection: inspection, Run: "run", Part: part}, nothingToAnnounce)
			if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonDeadlineExceeded {
				t.Errorf("%s: %v", name, err)
			}
			ended[i] = time.Since(began)
		})
	}
	group.Wait()
	slices.Sort(ended[:])
	if ended[2]-ended[0] >= deadline {
		t.Errorf("they ended one after the other: %v", ended)
	}
}

// partOf a small cluster with a number of objects.
func partOf(name string, objects int64) *sharedPart {
	part := &fleet.Part{Cluster: name, Deadline: time.Hour, Clusters: 9, Objects: objects}
	return &sharedPart{work: Work{Inspection: &v1alpha1.Inspection{}, Part: part}, done: make(chan struct{})}
}

// sharingOf is a process for parts that wait, which is not started.
func sharingOf(t *testing.T, memory int64, parts ...*sharedPart) *sharing {
	t.Helper()
	c := &Child{Memory: NewMemory(memory, memory)}
	c.Command.Memory = memory
	s := newShared(c)
	s.waiting = parts
	s.processes = 1
	s.starting = 1
	idle := time.AfterFunc(time.Hour, func() {})
	t.Cleanup(func() { idle.Stop() })
	work := Work{Inspection: &v1alpha1.Inspection{ObjectMeta: metav1.ObjectMeta{Namespace: "fleet", Name: "all"}}}
	return &sharing{shared: s, run: t.Context(), work: work, began: time.Now(), held: map[string]*sharedPart{}, starting: true, resolving: idle, kill: func(error) {}}
}

func TestAProcessTakesAsManyPartsAsItsMemoryHolds(t *testing.T) {
	for name, tc := range map[string]struct {
		memory, objects int64
		want            int
	}{
		"small ones":            {160 << 20, 300, 4},
		"larger ones":           {160 << 20, 3000, 2},
		"no more than can read": {4 << 30, 300, fleet.MaxReading},
	} {
		t.Run(name, func(t *testing.T) {
			var parts []*sharedPart
			for i := range 20 {
				parts = append(parts, partOf(fmt.Sprint("c", i), tc.objects))
			}
			p := sharingOf(t, tc.memory, parts...)
			for range tc.want {
				p.next(t.Context())
			}
			next := p.shared.waiting[0]
			if p.fits(next) {
				t.Fatalf("one more part would be taken than %d", tc.want)
			}
			p.finish("unknown", &Outcome{})
			if p.finish("c1", &Outcome{Report: &v1alpha1.InspectionReport{}}); p.next(t.Context()) != next || len(p.held) != tc.want {
				t.Errorf("%d parts are held after one ended", len(p.held))
			}
		})
	}
}

// A cluster that gives no answer may go on at any time.
func TestAPartThatStallsLeavesItsPlaceToAnother(t *testing.T) {
	for name, memory := range map[string]int64{"by memory": 160 << 20, "by number": 4 << 30} {
		t.Run(name, func(t *testing.T) {
			var parts []*sharedPart
			for i := range 20 {
				parts = append(parts, partOf(fmt.Sprint("c", i), 300))
			}
			p := sharingOf(t, memory, parts...)
			for p.fits(p.shared.waiting[0]) {
				p.next(t.Context())
			}
			full := len(p.held)
			next := make(chan *sharedPart)
			go func() { next <- p.next(t.Context()) }() // it waits
			p.stall(fleet.Stall{Cluster: "unknown", Stalled: true})
			for i := range 2 { // the memory of one is not that of a whole part
				p.stall(fleet.Stall{Cluster: fmt.Sprint("c", i), Stalled: true})
			}
			if part := <-next; part != parts[full] {
				t.Errorf("got %+v", part)
			}
			for i := range 2 {
				p.stall(fleet.Stall{Cluster: fmt.Sprint("c", i), Objects: 300})
			}
			if p.fits(parts[full+1]) {
				t.Error("one more part would be taken, though all are read")
			}
		})
	}
}

func TestPartsThatWereLateTheLastTimeAreBehindAllOthers(t *testing.T) {
	c := &Child{Memory: NewMemory(1, 1)}
	s := newShared(c)
	s.closed = true // no process takes what waits
	for _, name := range []string{"late-a", "b", "late-c", "d"} {
		part := partOf(name, 1)
		part.work.Part.Late = strings.HasPrefix(name, "late")
		s.add(t.Context(), part)
	}
	var order []string
	for _, part := range s.waiting {
		order = append(order, part.work.Part.Cluster)
	}
	if want := []string{"b", "d", "late-a", "late-c"}; !slices.Equal(order, want) {
		t.Errorf("the order is %v", order)
	}
}

// withProcesses lets a process start others, up to a number of all, once release has freed their memory. They end at once, and leave a file.
func withProcesses(t *testing.T, p *sharing, count int64) (release func(), ran string) {
	t.Helper()
	c := p.shared.child
	ran = filepath.Join(t.TempDir(), "ran")
	c.Command.Path = "/bin/sh"
	c.Command.Args = []string{"-c", "echo >> " + ran}
	c.Config = &rest.Config{Host: "https://127.0.0.1:1"}
	c.Backends = &backends.Resolver{}
	c.Memory = NewMemory(count*c.Command.Memory, c.Command.Memory)
	others := make([]func(int64), 0, count)
	for range count {
		_, one, err := c.Memory.acquire(t.Context(), processOf("other", "all", "a"))
		if err != nil {
			t.Fatal(err)
		}
		others = append(others, one)
	}
	return func() {
		for _, one := range others {
			one(0)
		}
	}, ran
}

func TestAProcessThatAnotherOneAskedForOutlivesIt(t *testing.T) {
	parts := []*sharedPart{partOf("a", 1), partOf("b", 1)}
	p := sharingOf(t, 160<<20, parts...)
	release, ran := withProcesses(t, p, 2)
	talking, end := context.WithCancel(t.Context())
	p.next(talking) // it takes one part, and asks for a process for the other one
	end()
	release()
	await(t, "no process was started", func() bool { _, err := os.Stat(ran); return err == nil })
	p.shared.close()
}

// A process that waits for parts may have no memory for the one that comes.
func TestAPartThatDoesNotFitHasAnotherProcess(t *testing.T) {
	p := sharingOf(t, 160<<20, partOf("a", 3000))
	release, ran := withProcesses(t, p, 2)
	release()
	p.next(t.Context())
	talking, end := context.WithCancel(t.Context())
	next := make(chan *sharedPart)
	go func() { next <- p.next(talking) }()
	await(t, "it does not wait for a part that may follow", func() bool {
		p.shared.mutex.Lock()
		defer p.shared.mutex.Unlock()
		return p.shared.idle == 1
	})
	p.shared.add(t.Context(), partOf("b", 9000))
	await(t, "no process was started", func() bool { _, err := os.Stat(ran); return err == nil })
	end()
	<-next
	p.shared.close()
}

// A run over many clusters does not keep its memory from other namespaces until its end.
func TestAProcessEndsAfterItsTurnIfAnotherNamespaceWaits(t *testing.T) {
	for name, tc := range map[string]struct {
		waits  string
		had    time.Duration
		yields bool
	}{
		"its turn is not over":    {"other", turn / 2, false},
		"its own namespace waits": {"fleet", turn, false},
		"another one waits":       {"other", turn, true},
	} {
		t.Run(name, func(t *testing.T) {
			waiting := partOf("a", 1)
			p := sharingOf(t, 160<<20, waiting)
			m := p.shared.child.Memory
			_, release, err := m.acquire(t.Context(), processOf("fleet", "all", ""))
			if err != nil {
				t.Fatal(err)
			}
			other := ask(t, m, processOf(tc.waits, "all", "a"))
			p.began = time.Now().Add(-tc.had)
			if part := p.next(t.Context()); (part == nil) != tc.yields {
				t.Errorf("got %+v", part)
			}
			if tc.yields && !slices.Equal(p.shared.waiting, []*sharedPart{waiting}) {
				t.Errorf("waiting %+v", p.shared.waiting)
			}
			release(0)
			other.release(0)
		})
	}
}

func TestAProcessEndsOnceItHasNoPart(t *testing.T) {
	p := sharingOf(t, 160<<20, partOf("a", 1))
	if part := p.next(t.Context()); part == nil || part.work.Part.Cluster != "a" {
		t.Fatalf("got %+v", part)
	}
	next := make(chan *sharedPart)
	go func() { next <- p.next(t.Context()) }()
	await(t, "it does not wait for a part that may follow", func() bool {
		p.shared.mutex.Lock()
		defer p.shared.mutex.Unlock()
		return p.shared.idle == 1
	})
	p.finish("a", &Outcome{Report: &v1alpha1.InspectionReport{}})
	if part := <-next; part != nil {
		t.Errorf("got %+v", part)
	}
}

func TestAProcessThatDoesNotStartIsReported(t *testing.T) {
	t.Parallel()
	c, inspection := fleetOf(t, "small-a")
	c.Command.Path = "/nonexistent"
	s := newShared(c)
	defer s.close()
	work := Work{Inspection: inspection, Run: "run", Part: &fleet.Part{Cluster: "small-a", Deadline: time.Minute, Clusters: 1, Objects: 300}}
	_, err := s.Do(t.Context(), work, nothingToAnnounce)
	if p := problem.As(err); p == nil || !strings.Contains(p.Message, "cannot run the inspection in a process of its own") {
		t.Errorf("got %v", err)
	}
}

// The process that merges is repeated if it needs more memory, and asks for the same parts again.
func TestPartsThatNoOneWaitsForAreNotDone(t *testing.T) {
	t.Parallel()
	c, inspection := fleetOf(t, "small-a")
	s := newShared(c)
	s.processes = c.Memory.processes() // as many as there may be, which have enough to do
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	work := Work{Inspection: inspection, Run: "run", Part: &fleet.Part{Cluster: "small-a", Deadline: time.Minute, Clusters: 1, Objects: 300}}
	go func() {
		_, err := s.Do(ctx, work, nothingToAnnounce)
		ended <- err
	}()
	await(t, "the part does not wait", s.hasWaiting)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) || s.hasWaiting() {
		t.Errorf("%v, and the part waits: %t", err, s.hasWaiting())
	}
}

// A part whose work ignores its deadline has had its time.
func TestAPartThatIsLateEndsItsProcessAndIsNotRepeated(t *testing.T) {
	late, other := partOf("late", 1), partOf("other", 1)
	late.work.Part.Deadline = time.Millisecond - abandonDelay
	p := sharingOf(t, 160<<20, other, late)
	p.shared.closed = true
	killed := make(chan error, 1)
	p.kill = func(cause error) { killed <- cause }
	p.next(t.Context())
	p.next(t.Context())
	p.begin("unknown")
	p.begin("late") // until then it may take resolveTimeout
	select {
	case cause := <-killed:
		if !errors.Is(cause, child.ErrDeadline) {
			t.Errorf("the process ends by %v", cause)
		}
	case <-time.After(resolveTimeout / 2):
		t.Error("the process does not end")
	}
	p.end(t.Context())
	<-late.done
	<-other.done
	if found := problem.As(late.err); found == nil || found.Reason != v1alpha1.ReasonDeadlineExceeded || !errors.Is(other.err, errAlone) {
		t.Errorf("late: %v, the other: %v", late.err, other.err)
	}
}

func TestPartsOfAProcessThatEndsAreDoneAlone(t *testing.T) {
	held, waiting := partOf("a", 1), partOf("b", 1)
	p := sharingOf(t, 160<<20, held, waiting)
	p.shared.closed = true // no other process takes what waits
	p.next(t.Context())
	p.end(t.Context())
	<-held.done
	if !errors.Is(held.err, errAlone) || p.shared.processes != 0 || p.shared.starting != 0 {
		t.Errorf("%v, %d processes, %d of them starting", held.err, p.shared.processes, p.shared.starting)
	}
	if !slices.Equal(p.shared.waiting, []*sharedPart{waiting}) {
		t.Errorf("waiting %+v", p.shared.waiting)
	}
}
