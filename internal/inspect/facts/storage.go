package facts

import "time"

// PVCNode is a PersistentVolumeClaim.
type PVCNode struct {
	Meta
	Phase string
	// StorageClass; empty when it is not set. NoClass is true when it is set to the empty string, which requests a volume
	// without a class.
	StorageClass string
	NoClass      bool
	// Volume that it is bound to, or requests.
	Volume string
	// Request in bytes, and as written.
	Request     int64
	RequestText string
	// AccessModes, for example ReadWriteOnce.
	AccessModes []string
	// Capacity in bytes; 0 until it is bound.
	Capacity int64
}

// PVNode is a PersistentVolume.
type PVNode struct {
	Meta
	Phase, Reason, Message string
	// PhaseSince is the last change of the phase; zero when unknown.
	PhaseSince   time.Time
	StorageClass string
	Capacity     int64
	AccessModes  []string
	// ReclaimPolicy is Retain or Delete.
	ReclaimPolicy string
	// Claim that it is bound to; zero when none.
	Claim Ref
	// Places are the labels of the nodes that can reach the volume, for a node affinity of one term; empty otherwise.
	Places []Place
}

// Place is a label of nodes with the values that a volume requires.
type Place struct {
	Key    string
	Values []string
}

// StorageClassNode is a StorageClass.
type StorageClassNode struct {
	Meta
	Provisioner string
	Default     bool
	// ReclaimPolicy of its volumes; Expandable allows them to grow.
	ReclaimPolicy string
	Expandable    bool
	// WaitForConsumer delays binding until a Pod uses the claim.
	WaitForConsumer bool
}
