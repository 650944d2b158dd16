package backend

import (
	"math"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Steady is a duration for status, rounded, or the one that stands there already where the two differ little: by less than a
// quarter, or less than the slack. Latencies swing, and a status need not.
func Steady(stored *metav1.Duration, measured, round, slack time.Duration) *metav1.Duration {
	if stored != nil && (measured-stored.Duration).Abs() <= max(slack, stored.Duration/4) {
		return stored
	}
	return &metav1.Duration{Duration: max(measured, 0).Round(round)}
}

// Count is a number for status.
func Count(n int) int32 {
	return int32(min(max(n, 0), math.MaxInt32)) //nolint:gosec // bounded right here
}
