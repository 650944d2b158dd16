// Command cluster runs a real Kubernetes cluster on one machine without Docker. It compiles Kubernetes once, from the
// requirements of this module, and starts the components as ordinary processes in a network and a mount namespace of the
// cluster. Without root, or on another system than Linux, the nodes are simulated.
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

// run is separate from main to let deferred calls run before the exit.
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
