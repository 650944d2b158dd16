package runner

import (
	"context"
	"errors"
	"sync"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/fleet"
	"kubeops.io/kubeops/internal/redact"
)

// SharedPart is a part for a process that several clusters share. Part is nil when there are no more.
type SharedPart struct {
	Part     *fleet.Part     `json:",omitempty"`
	Clusters []RemoteCluster `json:",omitempty"`
}

// SharedOutcome is the outcome of a part.
type SharedOutcome struct {
	Cluster string
	Outcome Outcome
}

// errNotShared is the answer to a process that is not shared.
var errNotShared = errors.New("this process does not share parts")

// NextPart returns the next part of a process that does several, and waits for it.
func (s *service) NextPart(_ None, next *SharedPart) error {
	if s.c.sharing == nil {
		return errNotShared
	}
	if part := s.c.sharing.next(s.c.ctx); part != nil {
		*next = SharedPart{Part: part.work.Part, Clusters: remoteClusters([]Target{part.target})}
	}
	return nil
}

// PartStarted begins the deadline of a part, once everything that it refers to is there.
func (s *service) PartStarted(cluster string, _ *None) error {
	if s.c.sharing == nil {
		return errNotShared
	}
	s.c.sharing.begin(cluster)
	return nil
}

// PartStalled records that the cluster of a part stalls, or goes on.
func (s *service) PartStalled(stall fleet.Stall, _ *None) error {
	if s.c.sharing == nil {
		return errNotShared
	}
	s.c.sharing.stall(stall)
	return nil
}

// PartDone takes the outcome of a part.
func (s *service) PartDone(done SharedOutcome, _ *None) error {
	if s.c.sharing == nil {
		return errNotShared
	}
	s.c.sharing.finish(done.Cluster, &done.Outcome)
	return nil
}

// share does the parts that the parent has for this process, until it has no more.
func (l *Local) share(ctx context.Context, inspection *v1alpha1.Inspection, parent *parent) error {
	previous := &keptReport{}
	redactor, err := redact.New(redact.Options{})
	if err != nil {
		return err
	}
	var group sync.WaitGroup
	defer group.Wait()
	for {
		var next SharedPart
		if err := parent.call(ctx, methodNextPart, None{}, &next); err != nil {
			return err
		}
		if next.Part == nil {
			return nil
		}
		one := *l
		one.Targets = (&Job{Clusters: next.Clusters}).targets
		one.previous = previous
		one.redactor = redactor
		one.stalled = func(stall fleet.Stall) {
			// A parent that is gone ends this process.
			_ = parent.call(ctx, methodPartStalled, stall, &None{})
		}
		group.Go(func() {
			done, err := one.runPart(ctx, inspection, *next.Part, func(ctx context.Context) error {
				return parent.call(ctx, methodPartStarted, next.Part.Cluster, &None{})
			})
			_ = parent.call(ctx, methodPartDone, SharedOutcome{Cluster: next.Part.Cluster, Outcome: NewOutcome(done, err)}, &None{})
		})
	}
}

// keptReport is the previous report, which parts in one process read once.
type keptReport struct {
	mutex  sync.Mutex
	read   bool
	report *v1alpha1.InspectionReport
}

// get the report, by a call unless it was read before.
func (k *keptReport) get(call func() (*v1alpha1.InspectionReport, error)) (*v1alpha1.InspectionReport, error) {
	if k == nil {
		return call()
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if k.read {
		return k.report, nil
	}
	report, err := call()
	k.report = report
	k.read = err == nil
	return report, err
}
