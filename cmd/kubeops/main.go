// Command kubeops inspects a cluster from the command line. Installed as kubectl-kubeops on the PATH, it is also
// `kubectl kubeops`.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // time zones of CronJobs, where the machine has none

	"kubeops.io/kubeops/internal/cli"
)

// collectAt is the growth of the heap, in percent of the memory in use, that triggers a garbage collection. It is half of
// Go's default: an inspection produces most of its garbage while reading, and its peak determines the memory limit of a CI
// job.
const collectAt = 50

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}
