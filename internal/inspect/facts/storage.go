package facts

import "time"

// PVCNode is a PersistentVolumeClaim.
type PVCNode struct {
	Meta
	Phase string
	// StorageClass; empty when none is named. NoClass is true when it is set to the empty string on purpose, which
	// asks for a volume without a class.
	StorageClass string
	NoClass      bool
	// Volume that it is bound, or wants to be bound, to.
	Volume string
	// Request in bytes, and as written.
	Request     int64
	RequestText string
	// AccessModes, for example ReadWriteOnce.
	AccessModes []string
	// Capacity in bytes that it was given; 0 until it is bound.
	Capacity int64
}

// PVNode is a PersistentVolume.
type PVNode struct {
	Meta
	Phase, Reason, Message string
	// PhaseSince is when the phase last changed; zero when not told.
	PhaseSince   time.Time
	StorageClass string
	Capacity     int64
	AccessModes  []string
	// ReclaimPolicy is Retain or Delete.
	ReclaimPolicy string
	// Claim that it is bound to; zero when none.
	Claim Ref
}

// StorageClassNode is a StorageClass.
type StorageClassNode struct {
	Meta
	Provisioner string
	Default     bool
	// ReclaimPolicy of its volumes, and whether they can grow.
	ReclaimPolicy string
	Expandable    bool
	// WaitForConsumer delays binding until a Pod uses the claim.
	WaitForConsumer bool
}
