// Package walls applies hostile resources as a tenant and checks that the manager survives them: one process of the real program in
// 256 MiB, on a real API server, beside an Inspection of another namespace. It needs the programs of `make kube`.
package walls

import (
	"context"
	"os"
	"testing"
	"time"
)

const (
	// memory of the manager and its runs together, in bytes.
	memory = 256 << 20
	// managerMemory is the part of it that the manager leaves to itself, without its runs; see docs/limits.md.
	managerMemory = 96 << 20
	// patience is how long the hostile resources of a part may take until each has its outcome.
	patience = 12 * time.Minute
	// maxSlowdown of the neighbour's runs beside hostile resources.
	maxSlowdown = 1.5
	// maxDelay is how long a run of the neighbour waits for the runs of a crowd of 300 Inspections, at most.
	maxDelay = 10 * time.Second
	// quietRuns are measured before, and again after, the hostile resources.
	quietRuns = 5
)

// TestTheManagerSurvivesTheResourcesOfATenant applies all rows while a neighbour inspects 1,000 Pods repeatedly. Each row ends as
// it says, the process of the manager never ends, and the neighbour's runs take no more than 1.5 times their time alone.
func TestTheManagerSurvivesTheResourcesOfATenant(t *testing.T) {
	c := newCluster(t)
	// The API server shares the machine with the hostile servers: how fast it renews a Lease says nothing about the manager.
	c.election = "leaseDuration: 60s, renewDeadline: 40s, "
	servers := newServers(t)
	n := c.newNeighbour("neighbour", 1000)
	c.newTenant(offender)
	c.newTenant(crowd)
	c.newDeployingTenant(deploying)
	m := c.startManager()
	quiet := n.measure(t.Context(), quietRuns)

	var table []*row
	var all []run
	for _, part := range []struct {
		name   string
		rows   []*row
		crowds bool
	}{{"hostile resources", rows(), false}, {"crowds", crowds(), true}} {
		stop := n.measureUntilStopped(t.Context())
		c.apply(t.Context(), part.rows, servers)
		c.judge(part.rows)
		beside := stop()
		table = append(table, part.rows...)
		m.alive()
		t.Logf("the neighbour's runs beside %s: %s", part.name, describe(beside))
		if longest := longestWait(beside); part.crowds && longest > maxDelay {
			t.Errorf("a run of the neighbour waited for %s beside a crowd, more than %s", longest, maxDelay)
		}
		all = append(all, beside...)
	}

	// A manager that starts finds everything at once.
	m.stop()
	m = c.startManager()
	n.measure(t.Context(), 1)
	m.alive()
	c.removeOffenders()
	quiet = append(quiet, n.measure(t.Context(), quietRuns)...)
	m.alive()

	t.Logf("the neighbour's run of 1,000 Pods: alone %s; beside hostile resources %s", describe(quiet), describe(all))
	absolute, relative := slowdown(quiet, all)
	t.Logf("that is %.2f times, and %.2f times relative to the control", absolute, relative)
	if min(absolute, relative) > maxSlowdown {
		t.Errorf("the neighbour's runs take %.2f times their time alone, more than %.1f times", absolute, maxSlowdown)
	}
	report(t, table)
}

// kept reports whether the files of the test stay, to look at the log of the manager.
func kept() bool { return os.Getenv("KUBEOPS_WALLS_KEEP") != "" }

// pause between two looks at something that others change.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
