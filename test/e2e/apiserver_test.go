package e2e

import (
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

// pid of a process of the cluster.
func (e *environment) pid(name string) int {
	GinkgoHelper()
	e.refreshStatus()
	for _, p := range e.status.Processes {
		if p.Name == name {
			return p.PID
		}
	}
	Fail("the cluster has no process " + name)
	return 0
}

var _ = Describe("an API server that dies in the middle of a run", Serial, func() {
	It("loses nothing: the run that was under way is finished once it is back, with one report", func(ctx SpecContext) {
		env.namespace(ctx, "outage")
		env.apply(ctx, `
apiVersion: v1
kind: ServiceAccount
metadata: {name: kubeops, namespace: outage}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: kubeops-inspector, namespace: outage}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kubeops-inspector}
subjects: [{kind: ServiceAccount, name: kubeops, namespace: outage}]
---
apiVersion: kubeops.io/v1alpha1
kind: Inspection
metadata: {name: survivor, namespace: outage}
spec: {namespaces: [outage]}
`)
		first := env.inspectNow(ctx, "outage", "survivor", "before")
		env.kubectl(ctx, "-n", "outage", "annotate", "--overwrite", "inspection/survivor", v1alpha1.AnnotationRequestedAt+"=during")
		Expect(syscall.Kill(env.pid("kube-apiserver"), syscall.SIGKILL)).To(Succeed())

		By("bringing the API server back")
		env.cluster(ctx, "up", "--name", clusterName)
		inspection := &v1alpha1.Inspection{}
		Eventually(func(g Gomega) {
			g.Expect(env.client.Get(ctx, client.ObjectKey{Namespace: "outage", Name: "survivor"}, inspection)).To(Succeed())
			g.Expect(inspection.Status.LastHandledRequest).To(Equal("during"))
			g.Expect(inspection.Status.ActiveRun).To(BeNil())
		}).WithContext(ctx).Should(Succeed())
		Expect(inspection.Status.LastReport).NotTo(Equal(first.Name))
		// One for the first generation, one for each request.
		Expect(len(env.reports(ctx, "outage"))).To(BeNumerically("<=", 3))
		env.inspectNow(ctx, "outage", "survivor", "after")
	}, SpecTimeout(5*minute))
})
