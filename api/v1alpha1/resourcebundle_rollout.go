package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// MaxRolloutClusters is the number of clusters that a bundle with spec.rollout can select.
const MaxRolloutClusters = 256

// ReasonWaitingForWave is the reason of a cluster that has an older revision, and its wave of spec.rollout has not begun.
const ReasonWaitingForWave = "WaitingForWave"

// BundleRollout applies a change of the manifests or overrides to groups of clusters, one after the other.
type BundleRollout struct {
	// waves in the order in which they begin. A cluster is in the first wave that selects it, and in a last one if none does.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +listType=atomic
	Waves []BundleWave `json:"waves"`
	// stableFor is how long the clusters of a wave must be ready before the next wave begins, at most 24h. Defaults to 0s.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('0s') && duration(self) <= duration('24h')",message="stableFor must be between 0s and 24h"
	// +optional
	StableFor *metav1.Duration `json:"stableFor,omitempty"`
}

// Stable returns stableFor or its default.
func (r *BundleRollout) Stable() time.Duration {
	if r.StableFor != nil {
		return r.StableFor.Duration
	}
	return 0
}

// BundleWave is a group of clusters.
// +kubebuilder:validation:XValidation:rule="has(self.clusters) != has(self.percentage)",message="set clusters or percentage"
type BundleWave struct {
	// clusters of the wave.
	// +optional
	Clusters *ClusterTargets `json:"clusters,omitempty"`
	// percentage of all clusters of the bundle, rounded up, of those that are in no earlier wave, in the order of their names. Less than
	// 100 never selects all clusters, unless there is only one.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	// +optional
	Percentage int32 `json:"percentage,omitempty"`
	// maxUnavailable is the number of clusters of the wave that may be unreachable or not ready yet when the next wave begins. Defaults to
	// 0. A cluster in which an object failed pauses the rollout in any case.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=256
	// +optional
	MaxUnavailable int32 `json:"maxUnavailable,omitempty"`
}

// BundleRolloutStatus is how far a change was applied.
type BundleRolloutStatus struct {
	// revision that is being applied: the digest of the manifests and overrides.
	Revision string `json:"revision"`
	// wave that was begun last, from 1.
	Wave int32 `json:"wave"`
	// waves with clusters.
	Waves int32 `json:"waves"`
	// updatedClusters have the revision, for example 2/5.
	UpdatedClusters string `json:"updatedClusters"`
	// paused is true while an object failed in a cluster of the wave. The rollout goes on once it is fixed, there or by another revision.
	// +optional
	Paused bool `json:"paused,omitempty"`
}
