package refwatch_test

import (
	"fmt"
	"os"
	"testing"

	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/internal/testkit"
)

// realAPI is the configuration of the real API server of this package's tests, as a cluster administrator.
var realAPI *rest.Config

func TestMain(m *testing.M) {
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	config, stop, err := testkit.StartAPIServer()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	realAPI = config
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the API server:", err)
		return 1
	}
	return code
}
