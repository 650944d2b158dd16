package e2e

import (
	"context"
	"log"
	"path/filepath"
	"testing"

	. "github.com/onsi/ginkgo/v2"

	"kubeops.io/kubeops/internal/testkit/line"
)

// TestMain runs the tests, unless the job of the build server has started this process: it builds an image then.
func TestMain(m *testing.M) {
	switch isBuild, err := line.Build(context.Background()); {
	case err != nil:
		log.Fatalf("ERROR: push the image: %v", err)
	case !isBuild:
		m.Run() // Go exits with its result
	}
}

// newLine starts the servers between a push and the Pods.
func newLine() *line.Line {
	GinkgoHelper()
	network := env.status.Network
	return line.New(GinkgoTB(), line.Options{
		Config: env.config, HostIP: network.HostIP, NodeIP: network.NodeIP, NetworkNamespace: network.Namespace,
		RegistryHosts: env.status.Containerd.RegistryHosts, PodLogs: filepath.Join(env.status.Directory, "node", "log", "pods"),
	})
}
