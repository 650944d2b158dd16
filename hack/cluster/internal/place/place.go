// Package place defines where the parts of a cluster are: its folder and the names of everything outside of it (network
// namespace, interface, cgroup). All of it is derived from the path of the folder, so a cluster can be cleaned up without
// any record of it, and clusters with the same name in two checkouts do not collide.
package place

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// maxFolder keeps the paths of sockets in the folder of a cluster below the 107 bytes that Linux allows.
const maxFolder = 107 - len("/node/run/containerd/containerd.sock")

// Root is the folder of caches and clusters, usually bin in the repository.
type Root string

// DefaultRoot returns bin in the repository that contains the working directory. The path of the program is not used,
// because `go run` builds it below /tmp.
func DefaultRoot() (Root, error) {
	repository, err := repository()
	if err != nil {
		return "", err
	}
	return Root(filepath.Join(repository, "bin")), nil
}

// Source returns the folder of this module, whose cmd/kube is built.
func Source() (string, error) {
	repository, err := repository()
	if err != nil {
		return "", err
	}
	return filepath.Join(repository, "hack", "cluster"), nil
}

func repository() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "hack", "cluster", "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not inside the repository (no hack/cluster/go.mod in it or above)", start)
		}
	}
}

// Abs returns the root as an absolute path without symbolic links, from which all names are derived.
func (r Root) Abs() (Root, error) {
	abs, err := filepath.Abs(string(r))
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(abs, 0o755); err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(abs)
	return Root(real), err
}

// Kube returns the folder of the built components of one version.
func (r Root) Kube(version string) string { return filepath.Join(string(r), "kube", version) }

// Clusters returns the folder that contains a folder per cluster.
func (r Root) Clusters() string { return filepath.Join(string(r), "clusters") }

// Cluster is the location of one cluster.
type Cluster struct {
	Root Root
	Name string
}

// New validates the name and the length of the resulting path.
func New(root Root, name string) (Cluster, error) {
	if !regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$`).MatchString(name) {
		return Cluster{}, fmt.Errorf("invalid cluster name %q: use at most 30 lower-case letters, digits and dashes", name)
	}
	if root == "" {
		return Cluster{}, errors.New("root folder is not set")
	}
	c := Cluster{Root: root, Name: name}
	if len(c.Dir()) > maxFolder {
		return Cluster{}, fmt.Errorf("path %s is too long for Unix sockets; set a shorter one with --root", c.Dir())
	}
	return c, nil
}

// Dir returns the folder of the cluster, which contains all its files.
func (c Cluster) Dir() string { return filepath.Join(c.Root.Clusters(), c.Name) }

// ID distinguishes clusters with the same name in different roots.
func (c Cluster) ID() string {
	sum := sha256.Sum256([]byte(c.Dir()))
	return hex.EncodeToString(sum[:4])
}

// Lock returns the lock file of the commands that change the cluster.
func (c Cluster) Lock() string { return filepath.Join(c.Root.Clusters(), "."+c.Name+".lock") }

// Namespace is the name of the cluster's network namespace.
func (c Cluster) Namespace() string { return "kubeops-" + c.Name + "-" + c.ID() }

// Interface returns the name of the host's end of the veth pair into the network namespace.
func (c Cluster) Interface() string { return "ko" + c.ID() }

// Cgroup returns the parent of the Pods' cgroups, the same in every hierarchy.
func (c Cluster) Cgroup() string { return "kubeops-" + c.Name + "-" + c.ID() }

// NodeName is the name of the i-th node, from 1.
func (c Cluster) NodeName(i int) string { return fmt.Sprintf("%s-node-%d", c.Name, i) }

// Path returns a path in the folder of the cluster.
func (c Cluster) Path(parts ...string) string {
	return filepath.Join(append([]string{c.Dir()}, parts...)...)
}

// State is the file that describes the cluster.
func (c Cluster) State() string { return c.Path("state.json") }

// Kubeconfig is the administrator's kubeconfig.
func (c Cluster) Kubeconfig() string { return c.Path("kubeconfig") }

// Log is the log file of a component.
func (c Cluster) Log(component string) string { return c.Path("logs", component+".log") }

// Config is a component's configuration file.
func (c Cluster) Config(file string) string { return c.Path("config", file) }

// Key is a certificate or key file.
func (c Cluster) Key(file string) string { return c.Path("pki", file) }

// Socket is the node's containerd as the host sees it.
func (c Cluster) Socket() string { return c.Path("node", "run", "containerd", "containerd.sock") }

// RegistryHosts returns the folder in which containerd looks up a hosts.toml per registry on every pull.
func (c Cluster) RegistryHosts() string { return c.Path("certs.d") }
