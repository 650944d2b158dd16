// Package place says where everything of a cluster is: its folder and the names of the things that live outside of
// it (network namespace, interface, cgroup). All of it follows from the folder's path alone, so that a cluster can be
// cleaned up even when nothing was recorded about it, and so that clusters of the same name in two checkouts differ.
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

// maxFolder keeps the path of the sockets in a cluster's folder below the 107 bytes that Linux allows.
const maxFolder = 107 - len("/node/run/containerd/containerd.sock")

// Root is the folder of caches and clusters, usually bin in the repository.
type Root string

// DefaultRoot is bin in the repository that holds the folder of work. It is looked for instead of taken from the
// program's path because `go run` builds the program somewhere under /tmp.
func DefaultRoot() (Root, error) {
	repository, err := repository()
	if err != nil {
		return "", err
	}
	return Root(filepath.Join(repository, "bin")), nil
}

// Source is the folder of this module, whose cmd/kube is built.
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

// Abs is the root as an absolute path without symbolic links, the form that all derived names depend on.
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

// Kube is the folder of the built components of one version.
func (r Root) Kube(version string) string { return filepath.Join(string(r), "kube", version) }

// Clusters is the folder that holds a folder for each cluster.
func (r Root) Clusters() string { return filepath.Join(string(r), "clusters") }

// Cluster is one cluster's place.
type Cluster struct {
	Root Root
	Name string
}

// New checks the name and the length of the path that comes of it.
func New(root Root, name string) (Cluster, error) {
	if !regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$`).MatchString(name) {
		return Cluster{}, fmt.Errorf("cluster name %q: at most 30 lower-case letters, digits and dashes, please", name)
	}
	if root == "" {
		return Cluster{}, errors.New("no root folder")
	}
	c := Cluster{Root: root, Name: name}
	if len(c.Dir()) > maxFolder {
		return Cluster{}, fmt.Errorf("the path %s is too long for the sockets in it: choose a shorter one with --root", c.Dir())
	}
	return c, nil
}

// Dir is the cluster's folder. Everything of the cluster that is a file is in it.
func (c Cluster) Dir() string { return filepath.Join(c.Root.Clusters(), c.Name) }

// ID tells this cluster's things apart from those of a cluster of the same name in another root.
func (c Cluster) ID() string {
	sum := sha256.Sum256([]byte(c.Dir()))
	return hex.EncodeToString(sum[:4])
}

// Lock is the file whose lock the commands that change the cluster hold.
func (c Cluster) Lock() string { return filepath.Join(c.Root.Clusters(), "."+c.Name+".lock") }

// Namespace is the name of the cluster's network namespace.
func (c Cluster) Namespace() string { return "kubeops-" + c.Name + "-" + c.ID() }

// Interface is the host's end of the pair of interfaces that leads into the network namespace.
func (c Cluster) Interface() string { return "ko" + c.ID() }

// Cgroup is the parent, in every hierarchy, of the Pods' cgroups.
func (c Cluster) Cgroup() string { return "kubeops-" + c.Name + "-" + c.ID() }

// NodeName is the name of the i-th node, from 1.
func (c Cluster) NodeName(i int) string { return fmt.Sprintf("%s-node-%d", c.Name, i) }

// Path is a path inside the cluster's folder.
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

// RegistryHosts is the folder in which containerd looks for a hosts.toml for each registry, at every pull.
func (c Cluster) RegistryHosts() string { return c.Path("certs.d") }
