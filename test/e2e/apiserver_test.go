package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

// running is a process of the cluster with everything needed to restart it.
type running struct {
	pid           int
	args, environ []string
}

// describe reads from the kernel how a process of the cluster was started.
func (e *environment) describe(name string) running {
	GinkgoHelper()
	e.refreshStatus()
	for _, p := range e.status.Processes {
		if p.Name != name {
			continue
		}
		read := func(file string) []string {
			content, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.PID, file))
			Expect(err).NotTo(HaveOccurred())
			return strings.Split(strings.TrimRight(string(content), "\x00"), "\x00")
		}
		return running{pid: p.PID, args: read("cmdline"), environ: read("environ")}
	}
	Fail("the cluster has no process " + name)
	return running{}
}

// kill ends a process of the cluster and waits until it is gone: until then it may hold its port, which ends the next one at its start.
func (p running) kill(ctx context.Context) {
	GinkgoHelper()
	Expect(syscall.Kill(p.pid, syscall.SIGKILL)).To(Succeed())
	Eventually(p.gone).WithContext(ctx).WithPolling(10 * time.Millisecond).Should(BeTrue())
}

// gone reports whether a process has ended, whether or not its parent has taken notice. The main thread may be a zombie while others still
// end, with files and ports open.
func (p running) gone() bool {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", p.pid))
	if err != nil || len(threads) == 0 {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	if err != nil {
		return true
	}
	_, state, _ := strings.Cut(string(stat), ") ") // the name of the program is in parentheses
	return len(threads) == 1 && strings.HasPrefix(state, "Z")
}

// restart starts a process of the cluster again, in the cluster's network namespace. Its environment contains the mark that
// `cluster down` looks for, so nothing is left behind.
func (e *environment) restart(p running) {
	GinkgoHelper()
	args := append([]string{"--net=/run/netns/" + e.status.Network.Namespace}, p.args...)
	command := exec.Command("nsenter", args...) // no context: it outlives the spec, until the cluster is taken down
	command.Env = p.environ
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	log, err := os.OpenFile(filepath.Join(e.bin, "clusters", clusterName, "logs", "restarted.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	Expect(err).NotTo(HaveOccurred())
	defer log.Close() //nolint:errcheck // the process has its own
	command.Stderr = log
	Expect(command.Start()).To(Succeed())
	go func() { _ = command.Wait() }() // reaps it when the cluster goes
}

var _ = Describe("an API server that is killed during a run", Serial, func() {
	It("loses nothing: the run in progress is completed after its restart, with one report", func(ctx SpecContext) {
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
		server := env.describe("kube-apiserver")
		server.kill(ctx)

		By("restarting the API server")
		env.restart(server)
		inspection := &v1alpha1.Inspection{}
		Eventually(func(g Gomega) {
			g.Expect(env.client.Get(ctx, client.ObjectKey{Namespace: "outage", Name: "survivor"}, inspection)).To(Succeed())
			g.Expect(inspection.Status.LastHandledRequest).To(Equal("during"))
			g.Expect(inspection.Status.ActiveRun).To(BeNil())
		}).WithContext(ctx).Should(Succeed())
		Expect(inspection.Status.LastReport).NotTo(Equal(first.Name))
		// One for the first generation, one per request.
		Expect(len(env.reports(ctx, "outage"))).To(BeNumerically("<=", 3))
		env.inspectNow(ctx, "outage", "survivor", "after")
	}, SpecTimeout(5*minute))
})
