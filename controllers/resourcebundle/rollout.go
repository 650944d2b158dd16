package resourcebundle

import (
	"fmt"
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/bundle"
	"kubeops.io/kubeops/internal/problem"
)

// advance decides which clusters may be updated, from the rows of the status. It is nil without spec.rollout, and for a plan.
func (w *work) advance(s selection, rows []v1alpha1.BundleCluster) (*bundle.Rollout, error) {
	spec := w.bundle.Spec.Rollout
	if spec == nil || w.bundle.Spec.Mode == v1alpha1.BundlePlan {
		return nil, nil
	}
	if len(s.selected) > v1alpha1.MaxRolloutClusters {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
			"%d clusters are selected, at most %d are possible with spec.rollout; "+
				"split the bundle", len(s.selected), v1alpha1.MaxRolloutClusters)
	}
	revision := w.revision()
	members := make([]bundle.Member, 0, len(s.selected))
	for _, name := range s.selected {
		m := bundle.Member{Name: name, Labels: s.labels[name]}
		if i := slices.IndexFunc(rows, func(row v1alpha1.BundleCluster) bool { return row.Name == name }); i >= 0 {
			row := rows[i]
			m.Updated = row.Revision == revision
			m.Ready = row.Ready
			m.Failed = isFailure(row.Reason)
			if row.ReadyTime != nil {
				m.ReadySince = row.ReadyTime.Time
			}
		}
		members = append(members, m)
	}
	rollout, err := bundle.Advance(spec, members, w.now)
	if err != nil {
		return nil, err
	}
	if w.sources.unread != nil {
		for _, m := range members {
			rollout.Begun[m.Name] = m.Updated
		}
	}
	return &rollout, nil
}

// revision of the bundle. While a source cannot be read, it is the last one that is known, and no cluster is updated to it.
func (w *work) revision() string {
	if known := w.bundle.Status.Rollout; w.sources.unread != nil && known != nil {
		return known.Revision
	}
	return bundle.RevisionOf(w.sources.Objects, w.bundle.Spec.Overrides)
}

// isFailure reports whether the reason of a cluster is one that pauses a rollout: one of an object, and not one of the connection.
func isFailure(reason string) bool {
	return reason != v1alpha1.ReasonProgressing && slices.ContainsFunc(states(), func(s stateOrder) bool { return s.reason == reason }) &&
		reason != ""
}

// recordRollout in the status, and why it is not complete; empty if it is.
func (w *work) recordRollout(status *v1alpha1.ResourceBundleStatus, s selection, rollout *bundle.Rollout) (message string) {
	revision := w.revision() // which reads the status
	status.Rollout = nil
	if rollout == nil {
		return ""
	}
	updated := 0
	for _, row := range status.Clusters {
		if row.Revision == revision && slices.Contains(s.selected, row.Name) {
			updated++
		}
	}
	status.Rollout = &v1alpha1.BundleRolloutStatus{
		Revision: revision, Wave: int32(rollout.Wave), Waves: int32(rollout.Waves), //nolint:gosec // at most 17 waves
		UpdatedClusters: fmt.Sprintf("%d/%d", updated, len(s.selected)), Paused: rollout.Paused != "",
	}
	wave := fmt.Sprintf("wave %d of %d", rollout.Wave, rollout.Waves)
	switch {
	case rollout.Paused != "":
		return "the rollout is paused in " + wave
	case rollout.Wait > 0:
		return wave + " is ready, and not stable for spec.rollout.stableFor yet"
	case rollout.Complete:
		return ""
	}
	return wave
}
