package pipeline

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
)

// deployed is when the first of some stages started that deploys something, or commits if none does; zero if none has started. first is
// when their first attempt started: stages that were repeated have changed something before.
func deployed(status *v1alpha1.PipelineRunStatus, before []string) (current, first time.Time) {
	for _, types := range [][]v1alpha1.StageType{{v1alpha1.StageDeploy, v1alpha1.StageBundle}, {v1alpha1.StageCommit}} {
		for _, name := range before {
			s := status.Stage(name)
			if s == nil || s.StartTime == nil || !slices.Contains(types, s.Type) {
				continue
			}
			current = earliest(current, s.StartTime)
			first = earliest(first, cmp.Or(s.FirstStartTime, s.StartTime))
		}
		if !current.IsZero() {
			break
		}
	}
	return current, first
}

// earliest of two times, of which the first may be zero.
func earliest(known time.Time, other *metav1.Time) time.Time {
	if known.IsZero() || other.Time.Before(known) {
		return other.Time
	}
	return known
}
