// Package e2e tests KubeOps on a real node: Pods crash, run out of memory and fail to pull images, and the manager is
// killed. It needs bin/cluster, bin/manager and bin/kubeops; `make test-e2e` builds them.
package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

func TestTheInstalledManagerWorksOnARealNode(t *testing.T) {
	RegisterFailHandler(Fail)
	log.SetLogger(GinkgoLogr)
	SetDefaultEventuallyTimeout(2 * time.Minute)
	SetDefaultEventuallyPollingInterval(250 * time.Millisecond)
	RunSpecs(t, "KubeOps on a real node")
}

// env is the cluster of this suite, set before the first spec.
var env *environment

var _ = BeforeSuite(func(ctx SpecContext) {
	env = newEnvironment(ctx)
	By("installing KubeOps in the cluster")
	env.installOperator(ctx)
}, NodeTimeout(10*time.Minute))

var _ = AfterSuite(func(ctx SpecContext) {
	if env == nil {
		return
	}
	if os.Getenv("KUBEOPS_E2E_KEEP") != "" {
		GinkgoWriter.Printf("KUBEOPS_E2E_KEEP is set: the cluster stays; export KUBECONFIG=%s\n", env.kubeconfig)
		return
	}
	env.cluster(ctx, "down", "--name", clusterName)
}, NodeTimeout(3*time.Minute))

// repository is the root of the checkout.
func repository() string {
	root, err := filepath.Abs("../..")
	Expect(err).NotTo(HaveOccurred())
	return root
}
