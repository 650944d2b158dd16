// Package cluster starts clusters, reports their status, and removes them completely.
package cluster

import (
	"context"
	"fmt"
	"os"

	"kubeops.io/kubeops/hack/cluster/internal/filelock"
	"kubeops.io/kubeops/hack/cluster/internal/kubeapi"
	"kubeops.io/kubeops/hack/cluster/internal/node"
	"kubeops.io/kubeops/hack/cluster/internal/pki"
	"kubeops.io/kubeops/hack/cluster/internal/place"
	"kubeops.io/kubeops/hack/cluster/internal/process"
	"kubeops.io/kubeops/hack/cluster/internal/report"
	"kubeops.io/kubeops/hack/cluster/internal/state"
)

// Cluster is one cluster, running or not.
type Cluster struct {
	place place.Cluster
	log   *report.Log
}

// New returns the handle of a cluster.
func New(at place.Cluster, log *report.Log) *Cluster { return &Cluster{place: at, log: log} }

func (c *Cluster) lock(ctx context.Context) (*filelock.Lock, error) {
	return filelock.Acquire(ctx, c.place.Lock(), func() {
		c.log.Say("Another command is using cluster %s; waiting for it.", c.place.Name)
	})
}

// unlock releases the lock, and leaves no lock file for a cluster that does not exist.
func (c *Cluster) unlock(lock *filelock.Lock) {
	if _, err := os.Stat(c.place.Dir()); err == nil {
		lock.Release()
		return
	}
	_ = lock.ReleaseAndRemove()
	_ = os.Remove(c.place.Root.Clusters()) // fails as long as there are others
}

// processes returns all processes of the cluster: the recorded ones, those with the mark in their environment (shims, and
// those of an interrupted start), and those of containers.
func (c *Cluster) processes(recorded *state.State) []process.Process {
	var all []process.Process
	seen := map[int]bool{}
	add := func(found []process.Process) {
		for _, p := range found {
			if !seen[p.PID] && p.Alive() {
				seen[p.PID] = true
				all = append(all, p)
			}
		}
	}
	if recorded != nil {
		add(recorded.Processes)
	}
	add(process.Marked(c.place.Dir()))
	add(process.ByPID(node.CgroupProcesses(c.place.Cgroup())...))
	return all
}

// client returns an API client with administrator credentials.
func (c *Cluster) client(server string) (*kubeapi.Client, error) {
	read := func(file string) []byte {
		data, _ := os.ReadFile(c.place.Key(file)) // without them the client cannot be made, which says enough
		return data
	}
	return kubeapi.New(server, read("ca.crt"), pki.Pair{Certificate: read("admin.crt"), Key: read("admin.key")})
}

// health returns what is wrong with a cluster that should be running, or nil.
func (c *Cluster) health(ctx context.Context, s *state.State) error {
	if s.Phase != state.Running {
		return fmt.Errorf("its start was interrupted")
	}
	for _, p := range s.Processes {
		if !p.Alive() {
			return fmt.Errorf("%s has ended", p.Name)
		}
	}
	client, err := c.client(s.Server)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Ready(ctx); err != nil {
		return err
	}
	if len(s.NodeNames) > 0 { // the first one stands for all simulated ones
		return client.NodeReady(ctx, s.NodeNames[0])
	}
	return nil
}
