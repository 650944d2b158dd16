// Package state reads and writes state.json, the record of a cluster. `cluster down` uses it only for the processes, and
// finds them without it as well; tests read it to find the parts of the cluster.
package state

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"kubeops.io/kubeops/hack/cluster/internal/process"
)

// NodeKind is the kind of nodes of a cluster.
type NodeKind string

// Kinds of nodes. Auto is only requested, never recorded.
const (
	Auto      NodeKind = "auto"
	Real      NodeKind = "real"
	Simulated NodeKind = "simulated"
	None      NodeKind = "none"
)

// Phase of the start of a cluster.
type Phase string

// A cluster in phase Starting without a running `cluster up` was interrupted.
const (
	Starting Phase = "starting"
	Running  Phase = "running"
)

// State is the content of state.json.
type State struct {
	Name string `json:"name"`
	// ID is short and differs between clusters with the same name in different roots.
	ID    string   `json:"id"`
	Phase Phase    `json:"phase"`
	Node  NodeKind `json:"node"`
	// NodeNames are the names of the Node objects.
	NodeNames []string `json:"nodeNames,omitempty"`
	// Version of Kubernetes, with its v.
	Version   string `json:"version"`
	Directory string `json:"directory"`
	Server    string `json:"server"`
	// Etcd is the URL of etcd; its client certificate is pki/etcd-client.crt.
	Etcd       string `json:"etcd"`
	Kubeconfig string `json:"kubeconfig"`
	// Binaries is the folder of kubectl, etcd, kube-apiserver and the rest.
	Binaries string `json:"binaries"`
	// Network and Containerd are set for a real node only.
	Network    *Network    `json:"network,omitempty"`
	Containerd *Containerd `json:"containerd,omitempty"`
	// Processes in start order.
	Processes []process.Process `json:"processes"`
}

// Network connects the host and the cluster's network namespace.
type Network struct {
	// Namespace is the network namespace's name: /run/netns/<Namespace>.
	Namespace string `json:"namespace"`
	// Interface is the host's end of the veth pair.
	Interface string `json:"interface"`
	// HostIP is the host's address on the interface. Servers that listen on it, such as a webhook, an aggregated API or an
	// image registry, can be reached from Pods and from the API server.
	HostIP string `json:"hostIP"`
	// NodeIP is the node's address on the interface, which is also that of the API server.
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

// Load reads a state file. It returns nil for a missing or incomplete file, because such a cluster can only be cleaned up.
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

// Save replaces the state file atomically.
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
