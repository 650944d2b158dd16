package place

import (
	"path/filepath"
	"strings"
)

// Mount is a bind mount in the node's mount namespace.
type Mount struct {
	Source, Target string
	// Recursive includes the mounts below the source.
	Recursive bool
}

// NodeMounts are the mounts that give the node its own /run, /var/lib and /var/log. The kubelet, containerd and the CNI
// plugins have paths below them compiled in, which two nodes on one machine cannot share, and which a cluster must not
// leave behind. The list is in mount order; targets must exist.
//
// A root folder below one of the three would be hidden, so it is first mounted at its path in the folder that covers it.
func (c Cluster) NodeMounts() []Mount {
	own := []Mount{
		{Source: c.Path("node", "run"), Target: "/run"},
		{Source: c.Path("node", "lib"), Target: "/var/lib"},
		{Source: c.Path("node", "log"), Target: "/var/log"},
	}
	for i, m := range own {
		if below, ok := strings.CutPrefix(string(c.Root), m.Target+"/"); ok {
			own[i].Recursive = true
			keep := Mount{Source: string(c.Root), Target: filepath.Join(m.Source, below)}
			return append([]Mount{keep}, own...)
		}
	}
	return own
}
