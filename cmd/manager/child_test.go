package main

import (
	"runtime/debug"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"kubeops.io/kubeops/controllers"
	"kubeops.io/kubeops/internal/managerconfig"
)

func TestTheMemoryOfARunFollowsFromThatOfTheContainer(t *testing.T) {
	const mi = 1 << 20
	for name, tc := range map[string]struct {
		configured          string
		container, parallel int64
		want                int64
	}{
		"as the Deployment is shipped":            {"auto", 512 * mi, 2, 208 * mi},
		"one at a time":                           {"auto", 256 * mi, 1, 160 * mi},
		"a container that is too small for both":  {"auto", 256 * mi, 2, 128 * mi},
		"a container without a limit":             {"auto", 0, 2, 1024 * mi},
		"configured, whatever the container has":  {"512Mi", 256 * mi, 2, 512 * mi},
		"configured, without a container's limit": {"1Gi", 0, 2, 1024 * mi},
	} {
		if got := runMemory(tc.configured, tc.container, tc.parallel); got != tc.want {
			t.Errorf("%s: %d Mi, want %d Mi", name, got/mi, tc.want/mi)
		}
	}
}

// TestTheManagerKeepsToTheMemoryThatItsRunsLeave: neither its heap nor the responses that it reads take what belongs to runs. It changes a
// setting of the process, so no other test runs beside it.
func TestTheManagerKeepsToTheMemoryThatItsRunsLeave(t *testing.T) {
	const mi = 1 << 20
	for name, tc := range map[string]struct {
		container             int64
		parallel              int32
		run, limit, responses int64
	}{
		"as the Deployment is shipped": {container: 512 * mi, parallel: 2, run: 208 * mi, limit: 84 * mi, responses: 12 * mi},
		"one at a time":                {container: 256 * mi, parallel: 1, run: 160 * mi, limit: 84 * mi, responses: 12 * mi},
		"a small container":            {container: 128 * mi, parallel: 1, run: 128 * mi, limit: 28 * mi, responses: 4 * mi},
	} {
		before := debug.SetMemoryLimit(tc.container)
		config := managerconfig.Default()
		config.Inspections.MaxConcurrent = tc.parallel
		options := controllers.Options{Metrics: prometheus.NewRegistry()}
		err := addCommands(&options, &config)
		limit := debug.SetMemoryLimit(before)
		if err != nil {
			t.Fatal(err)
		}
		if options.RunCommand.Memory != tc.run || limit != tc.limit || options.ResponseMemory != tc.responses {
			t.Errorf("%s: a run gets %d Mi, the runtime %d Mi, and responses %d Mi", name, options.RunCommand.Memory/mi, limit/mi,
				options.ResponseMemory/mi)
		}
	}
}
