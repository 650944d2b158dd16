// Package state is what is recorded about a cluster in its state.json. `cluster down` needs it only for the processes
// (and finds them without it, too); tests read it to learn where the cluster's parts are.
package state

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"kubeops.io/kubeops/hack/cluster/internal/process"
)

// NodeKind is what runs the Pods of a cluster.
type NodeKind string

// The kinds of nodes. Auto is a wish only; it is never recorded.
const (
	Auto      NodeKind = "auto"
	Real      NodeKind = "real"
	Simulated NodeKind = "simulated"
	None      NodeKind = "none"
)

// Phase is how far the cluster has come.
type Phase string

// A cluster that is Starting and not in the hands of a running `cluster up` was interrupted.
const (
	Starting Phase = "starting"
	Running  Phase = "running"
)

// State is the content of state.json.
type State struct {
	Name string `json:"name"`
	// ID is short and differs between clusters of the same name in different root folders.
	ID    string   `json:"id"`
	Phase Phase    `json:"phase"`
	Node  NodeKind `json:"node"`
	// NodeNames are the names of the Node objects.
	NodeNames []string `json:"nodeNames,omitempty"`
	// Version is the Kubernetes version, with its v.
	Version    string `json:"version"`
	Directory  string `json:"directory"`
	Server     string `json:"server"`
	Kubeconfig string `json:"kubeconfig"`
	// Binaries is the folder of kubectl, etcd, kube-apiserver and the rest.
	Binaries string `json:"binaries"`
	// Network and Containerd are there only for a real node.
	Network    *Network    `json:"network,omitempty"`
	Containerd *Containerd `json:"containerd,omitempty"`
	// Processes are in the order they were started in.
	Processes []process.Process `json:"processes"`
}

// Network is how the host and the cluster's network namespace reach each other.
type Network struct {
	// Namespace is the network namespace's name: /run/netns/<Namespace>.
	Namespace string `json:"namespace"`
	// Interface is the host's end of the pair of interfaces.
	Interface string `json:"interface"`
	// HostIP is the host's address on it: what listens there can be reached from the Pods and from the API server,
	// such as a webhook, an aggregated API, or an image registry.
	HostIP string `json:"hostIP"`
	// NodeIP is the node's address on it, also the API server's.
	NodeIP string `json:"nodeIP"`
	Subnet string `json:"subnet"`
}

// Containerd is the node's container runtime.
type Containerd struct {
	// Socket is its path on the host.
	Socket string `json:"socket"`
	// RegistryHosts is the folder for <registry>/hosts.toml files, read at every pull.
	RegistryHosts string `json:"registryHosts"`
}

// Load reads a state file. A missing or half-written one is no error: it gives nil, since whatever is left of such a
// cluster can only be cleaned up.
func Load(path string) (*State, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := &State{}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, nil //nolint:nilerr // as said above
	}
	return s, nil
}

// Save writes the state file at once, so that no reader ever sees a part of it.
func (s *State) Save(path string) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	next := filepath.Join(filepath.Dir(path), ".state.json.next")
	if err := os.WriteFile(next, append(data, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(next, path)
}
