package pipelinerun

import (
	"context"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/problem"
)

// place of a run among the others of its Pipeline.
type place struct {
	// replaced is a later run that takes the place of this one; empty if there is none.
	replaced string
}

// queue decides whether a run can start beside the others of its Pipeline. The error is a problem that names the run it waits for. The
// cache decides that a run waits; that it starts is confirmed without it.
func (l *logic) queue(ctx context.Context, run *v1alpha1.PipelineRun, policy v1alpha1.ConcurrencyPolicy) (place, error) {
	if policy == v1alpha1.ConcurrencyAllow {
		return place{}, nil
	}
	for _, reader := range []client.Reader{l.client, l.reader} {
		others, err := others(ctx, reader, run)
		if err != nil {
			return place{}, err
		}
		if policy != v1alpha1.ConcurrencyQueue && run.Status.StartTime == nil {
			if later := latest(run, others); later != "" {
				return place{replaced: later}, nil
			}
		}
		for i := range others {
			if other := &others[i]; !other.Status.Phase.Ended() && (inProgress(other) || before(other, run)) {
				return place{}, problem.Waiting(v1alpha1.ReasonQueued, recheck,
					"waits for PipelineRun %s, which is earlier in the queue of Pipeline %s",
					other.Name, run.Spec.PipelineRef.Name)
			}
		}
	}
	return place{}, nil
}

// superseded reports whether a later run exists, which cancels this one.
func (l *logic) superseded(ctx context.Context, run *v1alpha1.PipelineRun) (bool, error) {
	others, err := others(ctx, l.client, run)
	return latest(run, others) != "", err
}

// others are the other runs of the same Pipeline.
func others(ctx context.Context, reader client.Reader, run *v1alpha1.PipelineRun) ([]v1alpha1.PipelineRun, error) {
	list := &v1alpha1.PipelineRunList{}
	if err := reader.List(ctx, list, client.InNamespace(run.Namespace)); err != nil {
		return nil, problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot list the other runs (%s)", apierror.Describe(err))
	}
	var found []v1alpha1.PipelineRun
	for _, other := range list.Items {
		if other.Spec.PipelineRef == run.Spec.PipelineRef && other.UID != run.UID {
			found = append(found, other)
		}
	}
	return found, nil
}

// latest is the last run that was created later, and neither was canceled nor failed before it started.
func latest(run *v1alpha1.PipelineRun, others []v1alpha1.PipelineRun) string {
	var last *v1alpha1.PipelineRun
	for i := range others {
		other := &others[i]
		dropped := other.Spec.Cancel || other.Status.Phase.Ended() && other.Status.StartTime == nil
		if !dropped && before(run, other) && (last == nil || before(last, other)) {
			last = other
		}
	}
	if last == nil {
		return ""
	}
	return last.Name
}

// inProgress reports whether a run executes stages.
func inProgress(run *v1alpha1.PipelineRun) bool {
	return run.Status.Phase == v1alpha1.RunRunning || run.Status.Phase == v1alpha1.RunFinishing
}

// before is the order of runs: creation time, then name.
func before(a, b *v1alpha1.PipelineRun) bool {
	if order := a.CreationTimestamp.Compare(b.CreationTimestamp.Time); order != 0 {
		return order < 0
	}
	return strings.Compare(a.Name, b.Name) < 0
}
