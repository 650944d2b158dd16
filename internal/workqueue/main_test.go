package workqueue

import (
	"context"
	"fmt"
	"os"
	"testing"

	"kubeops.io/kubeops/internal/child"
	"kubeops.io/kubeops/internal/runner"
)

func TestMain(m *testing.M) {
	var err error
	switch {
	case len(os.Args) == 2 && os.Args[1] == asChild:
		connection, enterErr := child.Enter()
		if err = enterErr; err == nil {
			err = runner.Serve(context.Background(), connection, slowEngine)
		}
	case len(os.Args) == 5 && os.Args[1] == asWorker:
		err = beWorker(os.Args[2], os.Args[3], os.Args[4])
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
