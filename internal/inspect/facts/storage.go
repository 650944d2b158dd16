package facts

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
}

// PVNode is a PersistentVolume.
type PVNode struct {
	Meta
	Phase, Reason, Message string
	StorageClass           string
	Capacity               int64
	AccessModes            []string
	// Claim that it is bound to; zero when none.
	Claim Ref
}

// StorageClassNode is a StorageClass.
type StorageClassNode struct {
	Meta
	Provisioner string
	Default     bool
	// WaitForConsumer delays binding until a Pod uses the claim.
	WaitForConsumer bool
}
