package runner

import (
	"context"
	"fmt"
	"os"
	"testing"

	"kubeops.io/kubeops/internal/child"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == asChild {
		connection, err := child.Enter()
		if err == nil {
			err = Serve(context.Background(), connection, engineByName)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}
