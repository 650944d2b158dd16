package kind_test

import (
	"os"
	"testing"

	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/controllers/testsuite"
)

// realAPI is the configuration of the real API server of this package's tests, as a cluster administrator.
var realAPI *rest.Config

func TestMain(m *testing.M) {
	os.Exit(testsuite.Run(m, &realAPI))
}
