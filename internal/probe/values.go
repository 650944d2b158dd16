package probe

import (
	"math"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Steady is a duration for a status, rounded; it is the stored one where the two differ by less than a quarter, or less than
// the slack. Latencies fluctuate, and a write for each fluctuation helps no one.
func Steady(stored *metav1.Duration, measured, round, slack time.Duration) *metav1.Duration {
	if stored != nil && (measured-stored.Duration).Abs() <= max(slack, stored.Duration/4) {
		return stored
	}
	return &metav1.Duration{Duration: max(measured, 0).Round(round)}
}

// SteadyCount is a large count for a status; it is the stored one where the two differ by less than a tenth.
func SteadyCount(stored *int64, counted int64) *int64 {
	counted = max(counted, 0)
	if stored != nil && max(counted-*stored, *stored-counted) <= *stored/10 {
		return stored
	}
	return &counted
}

// Count is a number for a status.
func Count(n int) int32 {
	return int32(min(max(n, 0), math.MaxInt32)) //nolint:gosec // bounded right here
}
