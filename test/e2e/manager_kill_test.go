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

// manager is the real manager as a process outside the cluster, with the permissions of its own ServiceAccount.
type manager struct {
	kubeconfig string
	process    *exec.Cmd
}

// start runs the manager.
func (m *manager) start(ctx context.Context) {
	GinkgoHelper()
	config := filepath.Join(GinkgoT().TempDir(), "config.yaml") // runs closer than the default allows
	Expect(os.WriteFile(config, []byte(`apiVersion: config.kubeops.io/v1alpha1
kind: ManagerConfig
limits: {minScheduleInterval: 1s}
`), 0o600)).To(Succeed())
	m.process = exec.CommandContext(ctx, filepath.Join(env.bin, "manager"), "--config="+config, "--leader-elect=false",
		"--metrics-bind-address=127.0.0.1:0", "--health-probe-bind-address=127.0.0.1:0")
	m.process.Env = append(os.Environ(), "KUBECONFIG="+m.kubeconfig)
	m.process.Stdout, m.process.Stderr = GinkgoWriter, GinkgoWriter
	Expect(m.process.Start()).To(Succeed())
}

// kill sends SIGKILL to the manager.
func (m *manager) kill() {
	if m.process != nil {
		_ = m.process.Process.Signal(syscall.SIGKILL) // already gone is as good
		_ = m.process.Wait()                          // reaps it; a killed process is always an error
		m.process = nil
	}
}

// managerKubeconfig is a kubeconfig with a token of the manager's ServiceAccount.
func managerKubeconfig(ctx context.Context) string {
	GinkgoHelper()
	token := strings.TrimSpace(env.kubectl(ctx, "-n", "kubeops-system", "create", "token", "kubeops-manager", "--duration=1h"))
	path := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	content, err := os.ReadFile(env.kubeconfig)
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(path, content, 0o600)).To(Succeed())
	kubectl := filepath.Join(env.kube, "kubectl")
	env.run(ctx, kubectl, "--kubeconfig", path, "config", "set-credentials", "manager", "--token="+token)
	env.run(ctx, kubectl, "--kubeconfig", path, "config", "set-context", "--current", "--user=manager")
	return path
}

var _ = Describe("a manager that is killed during a run", Ordered, func() {
	m := &manager{}

	BeforeAll(func(ctx SpecContext) {
		// The manager in the cluster must not run.
		env.kubectl(ctx, "-n", "kubeops-system", "scale", "deployment/kubeops-manager", "--replicas=0")
		env.kubectl(ctx, "-n", "kubeops-system", "wait", "--for=delete", "pod",
			"-l", "app.kubernetes.io/name=kubeops-manager", "--timeout=60s")
		m.kubeconfig = managerKubeconfig(ctx)
		env.namespace(ctx, "killed")
		env.apply(ctx, `
apiVersion: v1
kind: ServiceAccount
metadata: {name: kubeops, namespace: killed}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: killed-kubeops-inspector}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kubeops-inspector}
subjects: [{kind: ServiceAccount, name: kubeops, namespace: killed}]
---
apiVersion: kubeops.io/v1alpha1
kind: Inspection
metadata: {name: steady, namespace: killed}
spec:
  schedule: "@every 4s"
  keepReports: 100
`)
		m.start(ctx)
		env.kubectl(ctx, "-n", "killed", "wait", "--for=condition=Ready", "inspection/steady", "--timeout=30s")
		m.kill()
	}, NodeTimeout(2*minute))

	AfterAll(func(ctx SpecContext) {
		m.kill()
		env.kubectl(ctx, "delete", "clusterrolebinding", "killed-kubeops-inspector", "--ignore-not-found")
		env.kubectl(ctx, "delete", "namespace", "killed", "--wait=false", "--ignore-not-found")
		env.kubectl(ctx, "-n", "kubeops-system", "scale", "deployment/kubeops-manager", "--replicas=2")
		env.kubectl(ctx, "-n", "kubeops-system", "rollout", "status", "deployment/kubeops-manager", "--timeout=60s")
	})

	It("creates exactly one report per scheduled time after its restart", func(ctx SpecContext) {
		key := client.ObjectKey{Namespace: "killed", Name: "steady"}
		interrupted := 0
		for round := range 12 {
			m.start(ctx)
			// Wait until a run is in progress, then kill at a point that differs from round to round.
			inspection := &v1alpha1.Inspection{}
			Eventually(func(g Gomega) {
				g.Expect(env.client.Get(ctx, key, inspection)).To(Succeed())
				g.Expect(inspection.Status.ActiveRun).NotTo(BeNil())
			}).WithPolling(2 * time.Millisecond).WithContext(ctx).Should(Succeed())
			active := inspection.Status.ActiveRun.DeepCopy()
			waitFor(ctx, time.Duration(round)*25*time.Millisecond)
			m.kill()

			Expect(env.client.Get(ctx, key, inspection)).To(Succeed())
			if inspection.Status.ActiveRun != nil {
				interrupted++
			}
			m.start(ctx)
			Eventually(func(g Gomega) {
				g.Expect(env.client.Get(ctx, key, inspection)).To(Succeed())
				g.Expect(inspection.Status.LastScheduledTime).NotTo(BeNil())
				g.Expect(inspection.Status.LastScheduledTime.Before(active.ScheduledTime)).To(BeFalse())
			}).WithContext(ctx).Should(Succeed())
			m.kill()
			Expect(reportsFor(ctx, active)).To(Equal(1), "reports for %s", active.ScheduledTime)
		}
		Expect(interrupted).To(BeNumerically(">", 0), "no kill hit a run that was under way")
		AddReportEntry("kills during a run", fmt.Sprintf("%d of 12", interrupted))

		seen := map[string]int{}
		for _, report := range env.reports(ctx, "killed") {
			if report.Summary.ScheduledTime != nil { // the first run was for the new Inspection itself
				seen[report.Summary.ScheduledTime.String()]++
			}
		}
		for at, n := range seen {
			Expect(n).To(Equal(1), "reports for %s", at)
		}
	}, SpecTimeout(6*minute))
})

// reportsFor returns the number of reports for the scheduled time of a run.
func reportsFor(ctx context.Context, run *v1alpha1.InspectionRun) int {
	GinkgoHelper()
	n := 0
	for _, report := range env.reports(ctx, "killed") {
		if report.Summary.ScheduledTime.Equal(run.ScheduledTime) {
			n++
		}
	}
	return n
}

// waitFor waits, to choose a moment; nothing depends on it.
func waitFor(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
