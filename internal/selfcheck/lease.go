package selfcheck

import (
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/internal/serverclock"
)

// defaultLease is how long a Lease without a duration lasts.
const defaultLease = 15 * time.Second

// LastRenewed is when the holder of a Lease renewed it: when it was written, by the clock of the API server, or without that, by the clock
// of its holder. It is false for a Lease that no one holds.
func LastRenewed(lease *coordinationv1.Lease) (at time.Time, held bool) {
	spec := &lease.Spec
	if spec.HolderIdentity == nil || *spec.HolderIdentity == "" || spec.RenewTime == nil {
		return time.Time{}, false
	}
	if written := lastWritten(lease.ManagedFields); !written.IsZero() {
		return written, true
	}
	return spec.RenewTime.Time, true
}

// Leads reports whether the holder of a Lease leads at a time by the clock of the API server.
func Leads(lease *coordinationv1.Lease, now time.Time) bool {
	at, held := LastRenewed(lease)
	duration := defaultLease
	if seconds := lease.Spec.LeaseDurationSeconds; seconds != nil {
		duration = time.Duration(*seconds) * time.Second
	}
	return held && now.Sub(at) < duration+serverclock.MaxSkew
}

// lastWritten is when an object was changed last, by the clock of the API server. Zero if that is not known.
func lastWritten(fields []metav1.ManagedFieldsEntry) (last time.Time) {
	for i := range fields {
		if at := fields[i].Time; at != nil && at.After(last) {
			last = at.Time
		}
	}
	return last
}
