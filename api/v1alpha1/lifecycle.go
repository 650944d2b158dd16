package v1alpha1

import (
	"crypto/sha256"
	"encoding/hex"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxRequest is the longest value of AnnotationRequestedAt that a status records unchanged, in bytes.
const maxRequest = 128

// RequestOf is the value of AnnotationRequestedAt as status.lastHandledRequest records it; empty without the annotation. An annotation
// can have 256 KiB; a value over 128 bytes is recorded as sha256: and its hash in hexadecimal.
func RequestOf(object metav1.Object) string {
	value := object.GetAnnotations()[AnnotationRequestedAt]
	if len(value) <= maxRequest {
		return value
	}
	sum := sha256.Sum256([]byte(value))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Lifecycle gives access to the fields that every reconciled kind has. Status fields are pointers into the object, so that
// code written once for all kinds can set them.
//
// +kubebuilder:object:generate=false
type Lifecycle struct {
	// Suspend is spec.suspend.
	Suspend bool
	// Conditions is status.conditions.
	Conditions *[]metav1.Condition
	// ObservedGeneration is status.observedGeneration.
	ObservedGeneration *int64
	// LastHandledRequest is status.lastHandledRequest: the last value of AnnotationRequestedAt that was handled.
	LastHandledRequest *string
}

// Lifecycle of an Inspection.
func (i *Inspection) Lifecycle() Lifecycle {
	s := &i.Status
	return Lifecycle{i.Spec.Suspend, &s.Conditions, &s.ObservedGeneration, &s.LastHandledRequest}
}

// Lifecycle of a MetricsBackend.
func (b *MetricsBackend) Lifecycle() Lifecycle {
	s := &b.Status
	return Lifecycle{b.Spec.Suspend, &s.Conditions, &s.ObservedGeneration, &s.LastHandledRequest}
}

// Lifecycle of a LogBackend.
func (b *LogBackend) Lifecycle() Lifecycle {
	s := &b.Status
	return Lifecycle{b.Spec.Suspend, &s.Conditions, &s.ObservedGeneration, &s.LastHandledRequest}
}

// Lifecycle of an AIProvider.
func (p *AIProvider) Lifecycle() Lifecycle {
	s := &p.Status
	return Lifecycle{p.Spec.Suspend, &s.Conditions, &s.ObservedGeneration, &s.LastHandledRequest}
}

// Lifecycle of a NotificationChannel.
func (c *NotificationChannel) Lifecycle() Lifecycle {
	s := &c.Status
	return Lifecycle{c.Spec.Suspend, &s.Conditions, &s.ObservedGeneration, &s.LastHandledRequest}
}

// Probing gives access to the fields that every probed kind has: a backend that is proven by a round trip on a cadence.
//
// +kubebuilder:object:generate=false
type Probing struct {
	// ServiceAccountName whose permissions Secrets are read with; never empty.
	ServiceAccountName string
	// Interval between two probes and Timeout of one request, with their defaults.
	Interval, Timeout metav1.Duration
	// LastProbeTime is status.lastProbeTime.
	LastProbeTime **metav1.Time
}

// Probing of a MetricsBackend.
func (b *MetricsBackend) Probing() Probing { return b.Spec.probing(&b.Status.LastProbeTime) }

// Probing of a LogBackend.
func (b *LogBackend) Probing() Probing { return b.Spec.probing(&b.Status.LastProbeTime) }

func (a *BackendAccess) probing(last **metav1.Time) Probing {
	return probing(a.ServiceAccountName, metav1.Duration{Duration: a.ProbeInterval()}, metav1.Duration{Duration: a.RequestTimeout()}, last)
}

// Probing of an AIProvider.
func (p *AIProvider) Probing() Probing {
	interval, timeout := metav1.Duration{Duration: p.Spec.ProbeInterval()}, metav1.Duration{Duration: p.Spec.RequestTimeout()}
	return probing(p.Spec.ServiceAccountName, interval, timeout, &p.Status.LastProbeTime)
}

// Probing of a NotificationChannel.
func (c *NotificationChannel) Probing() Probing {
	interval, timeout := metav1.Duration{Duration: c.Spec.ProbeInterval()}, metav1.Duration{Duration: c.Spec.MessageTimeout()}
	return probing(c.Spec.ServiceAccountName, interval, timeout, &c.Status.LastProbeTime)
}

func probing(account string, interval, timeout metav1.Duration, last **metav1.Time) Probing {
	if account == "" {
		account = DefaultServiceAccountName
	}
	return Probing{ServiceAccountName: account, Interval: interval, Timeout: timeout, LastProbeTime: last}
}

// Lifecycle of a ManagedCluster.
func (c *ManagedCluster) Lifecycle() Lifecycle {
	s := &c.Status
	return Lifecycle{c.Spec.Suspend, &s.Conditions, &s.ObservedGeneration, &s.LastHandledRequest}
}

// Probing of a ManagedCluster.
func (c *ManagedCluster) Probing() Probing {
	interval, timeout := metav1.Duration{Duration: c.Spec.ProbeInterval()}, metav1.Duration{Duration: c.Spec.RequestTimeout()}
	return probing(c.Spec.ServiceAccountName, interval, timeout, &c.Status.LastProbeTime)
}

// Lifecycle of a CIProvider.
func (p *CIProvider) Lifecycle() Lifecycle {
	s := &p.Status
	return Lifecycle{p.Spec.Suspend, &s.Conditions, &s.ObservedGeneration, &s.LastHandledRequest}
}

// Probing of a CIProvider.
func (p *CIProvider) Probing() Probing {
	interval, timeout := metav1.Duration{Duration: p.Spec.ProbeInterval()}, metav1.Duration{Duration: p.Spec.RequestTimeout()}
	return probing(p.Spec.ServiceAccountName, interval, timeout, &p.Status.LastProbeTime)
}

// Lifecycle of a CDProvider.
func (p *CDProvider) Lifecycle() Lifecycle {
	s := &p.Status
	return Lifecycle{p.Spec.Suspend, &s.Conditions, &s.ObservedGeneration, &s.LastHandledRequest}
}

// Probing of a CDProvider.
func (p *CDProvider) Probing() Probing {
	interval, timeout := metav1.Duration{Duration: p.Spec.ProbeInterval()}, metav1.Duration{Duration: p.Spec.RequestTimeout()}
	return probing(p.Spec.ServiceAccountName, interval, timeout, &p.Status.LastProbeTime)
}

// Lifecycle of a Pipeline. It is reconciled while spec.suspend is set, which is about its runs.
func (p *Pipeline) Lifecycle() Lifecycle {
	s := &p.Status
	return Lifecycle{false, &s.Conditions, &s.ObservedGeneration, &s.LastHandledRequest}
}

// Lifecycle of a PipelineRun.
func (r *PipelineRun) Lifecycle() Lifecycle {
	s := &r.Status
	return Lifecycle{false, &s.Conditions, &s.ObservedGeneration, &s.LastHandledRequest}
}
