// Command kubeops inspects a cluster from the command line. Installed on the PATH as kubectl-kubeops, it also works as the kubectl
// plugin `kubectl kubeops`.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // CronJobs name time zones; the machine may have no database of them

	"kubeops.io/kubeops/internal/cli"
	"kubeops.io/kubeops/internal/cli/command"
)

// gcPercent is below half of Go's default. An inspection allocates mostly while it reads, and the memory limit of a CI job has to cover
// its peak.
const gcPercent = 37

func main() {
	runtime.MemProfileRate = 0 // nothing writes profiles, and their table needs 1.4 MiB
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, os.Args[1:], command.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}
