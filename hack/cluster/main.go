// Command cluster brings up a real Kubernetes cluster on one machine without Docker: it compiles Kubernetes once out
// of the module's requirements and starts the components as ordinary processes in a network and a mount namespace of
// the cluster's own. Without root or on another system the nodes are simulated instead.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"kubeops.io/kubeops/hack/cluster/internal/command"
)

func main() {
	os.Exit(run()) //nolint:forbidigo // this is main
}

// run is apart from main so that the deferred release of the signals happens before the exit.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := command.New().ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, command.NotRunningError{}):
		return 1 // status has said so already
	default:
		fmt.Fprintln(os.Stderr, "cluster: "+err.Error())
		return 1
	}
}
