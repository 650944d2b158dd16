package doctor

import (
	"time"

	"kubeops.io/kubeops/internal/remedy"
)

// Level of a Finding.
type Level string

const (
	// LevelProblem keeps a part of KubeOps from working.
	LevelProblem Level = "problem"
	// LevelWarning works, but is not as it should be.
	LevelWarning Level = "warning"
)

// Checks of an installation.
const (
	checkClock         = "clock"
	checkConfiguration = "configuration"
	checkConnections   = "connections"
	checkCRDs          = "crds"
	checkImpersonation = "impersonation"
	checkInstallations = "installations"
	checkLeader        = "leader"
	checkManager       = "manager"
	checkNetworkPolicy = "network-policy"
	checkPermissions   = "permissions"
	checkPolicies      = "admission-policies"
	checkResources     = "resources"
	checkRestored      = "restored-objects"
	kindLease          = "Lease"
	kindDeployment     = "Deployment"
)

// Finding is something that is wrong with an installation.
type Finding struct {
	// Check that found it.
	Check string `json:"check"`
	// Level of the finding.
	Level Level `json:"level"`
	// Object with its kind, such as "Lease kubeops-system/kubeops-manager.kubeops.io".
	Object string `json:"object"`
	// Message is what is wrong with the object.
	Message string `json:"message"`
	// Fix is what to do, with commands in backquotes.
	Fix remedy.Text `json:"fix"`
}

// Gap is something that could not be checked.
type Gap struct {
	Check   string `json:"check"`
	Message string `json:"message"`
}

// Manager is a Deployment of the manager.
type Manager struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Image     string `json:"image"`
	Replicas  int32  `json:"replicas"`
	Available int32  `json:"available"`
	// Namespaces that it serves; empty for all.
	Namespaces []string `json:"namespaces,omitempty"`
}

// Leader is who holds a Lease of the manager.
type Leader struct {
	// Namespace of the Lease.
	Namespace string `json:"namespace"`
	// Holder is the identity of the leader; empty without one.
	Holder string `json:"holder,omitempty"`
	// Since is when the holder acquired the Lease.
	Since *time.Time `json:"since,omitempty"`
	// Renewed is when the holder renewed the Lease, by its own clock.
	Renewed *time.Time `json:"renewed,omitempty"`
	// Active is false for a Lease that is released or has expired.
	Active bool `json:"active"`
}

// Connection is the state of a resource that describes a server.
type Connection struct {
	Kind      string     `json:"kind"`
	Namespace string     `json:"namespace"`
	Name      string     `json:"name"`
	Ready     string     `json:"ready"`
	Reason    string     `json:"reason"`
	Message   string     `json:"message,omitempty"`
	LastProbe *time.Time `json:"lastProbe,omitempty"`
}

// Report is the state of the KubeOps of a cluster.
type Report struct {
	// Context of the kubeconfig.
	Context string `json:"context"`
	// Program is the version of this program, whose CustomResourceDefinitions and roles the cluster is compared with.
	Program string `json:"program"`
	// Kubernetes is the version of the API server.
	Kubernetes  string       `json:"kubernetes"`
	Managers    []Manager    `json:"managers"`
	Leaders     []Leader     `json:"leaders"`
	Connections []Connection `json:"connections"`
	Findings    []Finding    `json:"findings"`
	Gaps        []Gap        `json:"gaps"`
}

// count is the number of findings of a level.
func (r *Report) count(level Level) (n int) {
	for i := range r.Findings {
		if r.Findings[i].Level == level {
			n++
		}
	}
	return n
}
