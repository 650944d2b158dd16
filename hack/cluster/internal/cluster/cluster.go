// Package cluster brings a cluster up, tells how it is, and takes it down again without a trace.
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

// Cluster is one cluster, whether it runs or not.
type Cluster struct {
	place place.Cluster
	log   *report.Log
}

// New makes the handle of a cluster.
func New(at place.Cluster, log *report.Log) *Cluster { return &Cluster{place: at, log: log} }

func (c *Cluster) lock(ctx context.Context) (*filelock.Lock, error) {
	return filelock.Acquire(ctx, c.place.Lock(), func() {
		c.log.Say("Another command works on the cluster %s; waiting for it.", c.place.Name)
	})
}

// unlock gives the lock up, and leaves no lock file for a cluster that does not exist (any more).
func (c *Cluster) unlock(lock *filelock.Lock) {
	if _, err := os.Stat(c.place.Dir()); err == nil {
		lock.Release()
		return
	}
	_ = lock.ReleaseAndRemove()
	_ = os.Remove(c.place.Root.Clusters()) // fails as long as there are others
}

// processes are all processes of the cluster, by whatever way they can be known: the recorded ones, those that carry
// the mark in their environment (shims, and what an interrupted start did not come to record), and the containers'.
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

// client speaks to the cluster's API server as the administrator.
func (c *Cluster) client(server string) (*kubeapi.Client, error) {
	read := func(file string) []byte {
		data, _ := os.ReadFile(c.place.Key(file)) // without them the client cannot be made, which says enough
		return data
	}
	return kubeapi.New(server, read("ca.crt"), pki.Pair{Certificate: read("admin.crt"), Key: read("admin.key")})
}

// health says what is wrong with a cluster that should be running, or nothing.
func (c *Cluster) health(ctx context.Context, s *state.State) error {
	if s.Phase != state.Running {
		return fmt.Errorf("its start was interrupted")
	}
	for _, p := range s.Processes {
		if !p.Alive() {
			return fmt.Errorf("%s does not run any more", p.Name)
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
