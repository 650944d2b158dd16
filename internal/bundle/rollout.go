package bundle

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"kubeops.io/kubeops/api/v1alpha1"
)

// Member is the state of a cluster in a rollout.
type Member struct {
	Name   string
	Labels labels.Set
	// Updated says that the cluster has the revision, Ready that all its objects are healthy, and Failed that one of them failed.
	Updated, Ready, Failed bool
	// ReadySince is when the cluster became ready with the revision.
	ReadySince time.Time
}

// Rollout is how far a revision may be applied.
type Rollout struct {
	// Begun clusters may be updated.
	Begun map[string]bool
	// Wave that was begun last, from 1, and the number of waves.
	Wave, Waves int
	// Paused is the cluster whose failure keeps the next wave from beginning; empty if there is none.
	Paused string
	// Wait is when the next wave can begin, as far as it only waits for spec.rollout.stableFor; zero if it waits for something else.
	Wait time.Duration
	// Complete says that all clusters are ready and stable with the revision.
	Complete bool
}

// RevisionOf is the digest of what a rollout applies.
func RevisionOf(objects []*Object, overrides []v1alpha1.ClusterOverride) string {
	return digest(DigestOf(objects), overrides)
}

// waves are the clusters of each wave; waves without clusters are left out.
func waves(spec *v1alpha1.BundleRollout, members []Member) (groups [][]Member, allowed []int, err error) {
	left := slices.Clone(members)
	slices.SortFunc(left, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	for _, wave := range spec.Waves {
		taken := map[string]bool{}
		if wave.Percentage > 0 {
			for _, m := range left[:min(share(int(wave.Percentage), len(members)), len(left))] {
				taken[m.Name] = true
			}
		} else {
			selects, err := Selects("spec.rollout.waves[].clusters", wave.Clusters)
			if err != nil {
				return nil, nil, err
			}
			for _, m := range left {
				taken[m.Name] = selects(m.Name, m.Labels)
			}
		}
		var group, rest []Member
		for _, m := range left {
			if taken[m.Name] {
				group = append(group, m)
			} else {
				rest = append(rest, m)
			}
		}
		left = rest
		if len(group) > 0 {
			groups = append(groups, group)
			allowed = append(allowed, int(wave.MaxUnavailable))
		}
	}
	if len(left) > 0 {
		groups = append(groups, left)
		allowed = append(allowed, 0)
	}
	return groups, allowed, nil
}

// share of a number of clusters, neither none nor, for less than 100 percent, all.
func share(percentage, of int) int {
	n := (percentage*of + 99) / 100
	if percentage < 100 {
		n = min(n, of-1)
	}
	return max(n, 1)
}

// Advance decides which clusters may be updated. A wave begins when the one before has no failed cluster, and is ready and stable but for
// maxUnavailable clusters. The error is one of a selector.
func Advance(spec *v1alpha1.BundleRollout, members []Member, now time.Time) (Rollout, error) {
	groups, allowed, err := waves(spec, members)
	if err != nil {
		return Rollout{}, err
	}
	r := Rollout{Begun: map[string]bool{}, Waves: len(groups)}
	for _, m := range members {
		r.Begun[m.Name] = m.Updated
	}
	all := 0
	for i, group := range groups {
		r.Wave = i + 1
		unavailable := 0
		for _, m := range group {
			r.Begun[m.Name] = true
			switch {
			case m.Updated && m.Failed:
				r.Paused = m.Name
			case !m.Updated || !m.Ready:
				unavailable++
			default:
				r.Wait = max(r.Wait, m.ReadySince.Add(spec.Stable()).Sub(now))
			}
		}
		all += unavailable
		if r.Paused != "" || unavailable > allowed[i] {
			r.Wait = 0
			return r, nil
		}
		if r.Wait > 0 {
			return r, nil
		}
	}
	r.Complete = all == 0
	return r, nil
}
