// Command kubeops inspects a cluster from the command line. Installed on the PATH as kubectl-kubeops, it also works as the kubectl
// plugin `kubectl kubeops`.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	_ "time/tzdata" // CronJobs name time zones; the machine may have no database of them

	"kubeops.io/kubeops/internal/cli"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/gcpace"
)

const (
	// gcStep and gcPercent are how much is allocated between two collections of garbage: an inspection needs the memory of its peak, which
	// the memory limit of a CI job has to cover, and before it is reached collections only cost time.
	gcStep    = 8 << 20
	gcPercent = 20
)

func main() {
	runtime.MemProfileRate = 0 // nothing writes profiles, and their table needs 1.4 MiB
	if os.Getenv("GOGC") == "" {
		gcpace.Pacer{Step: gcStep, Percent: gcPercent}.Start()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, os.Args[1:], command.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}
