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

// collectAt is how much a heap may grow, in percent of what was in use, before garbage is collected. Half of Go's default: an
// inspection makes most of its garbage while it reads, and its peak is what a pipeline's memory limit must allow.
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
