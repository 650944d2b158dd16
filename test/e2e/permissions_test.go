package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"kubeops.io/kubeops/api/v1alpha1"
)

var _ = Describe("an Inspection whose ServiceAccount can read only its namespace", func() {
	It("reports that namespace, and gaps for everything else", func(ctx SpecContext) {
		env.namespace(ctx, "tenant")
		env.namespace(ctx, "neighbour")
		for _, namespace := range []string{"tenant", "neighbour"} {
			env.apply(ctx, `
apiVersion: v1
kind: Service
metadata: {name: lost, namespace: `+namespace+`}
spec:
  selector: {app: nobody}
  ports: [{port: 80}]
`)
		}
		env.apply(ctx, `
apiVersion: v1
kind: ServiceAccount
metadata: {name: kubeops, namespace: tenant}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: kubeops-inspector, namespace: tenant}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kubeops-inspector}
subjects: [{kind: ServiceAccount, name: kubeops, namespace: tenant}]
---
apiVersion: kubeops.io/v1alpha1
kind: Inspection
metadata: {name: mine, namespace: tenant}
spec:
  thresholds: {startupGrace: 0s}
`)
		report := env.inspectNow(ctx, "tenant", "mine", "first")
		AddReportEntry("gaps", report.Gaps)
		Expect(causes(report)).To(ConsistOf("service-selector-matches-nothing Service/tenant/lost"))
		Expect(report.Gaps).NotTo(BeEmpty())
		Expect(report.Summary.Score).To(BeNil(), "what was not read is no part of a score")
		sources, advice := "", ""
		for _, gap := range report.Gaps {
			sources += gap.Source + "\n" + gap.Message + "\n"
			advice += gap.Remediation + "\n"
		}
		Expect(sources).To(And(ContainSubstring("nodes"), ContainSubstring("services")))
		Expect(advice).To(ContainSubstring("kubeops-inspector"))
	}, SpecTimeout(3*minute))

	It("waits for a missing ServiceAccount and reports it", func(ctx SpecContext) {
		env.namespace(ctx, "nobody")
		env.apply(ctx, `
apiVersion: kubeops.io/v1alpha1
kind: Inspection
metadata: {name: early, namespace: nobody}
spec: {serviceAccountName: later}
`)
		env.kubectl(ctx, "-n", "nobody", "wait", "--for=jsonpath={.status.conditions[?(@.type==\"Ready\")].reason}="+
			v1alpha1.ReasonServiceAccountNotFound, "inspection/early", "--timeout=30s")
		out := env.kubectl(ctx, "-n", "nobody", "get", "inspection", "early")
		Expect(out).To(ContainSubstring("later"))
	}, SpecTimeout(minute))
})

var _ = Describe("the permissions of KubeOps", func() {
	It("contain no wildcard", func(ctx SpecContext) {
		out := env.kubectl(ctx, "get", "clusterroles,roles", "-A", "-l", "app.kubernetes.io/part-of=kubeops", "-o", "yaml")
		Expect(out).To(ContainSubstring("kubeops-manager"))
		for line := range strings.Lines(out) {
			Expect(strings.Trim(line, " -'\"\n")).NotTo(Equal("*"))
		}
	})
})

// with is kubectl with another kubeconfig, which may fail. It returns both outputs.
func (e *environment) with(ctx context.Context, kubeconfig string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, filepath.Join(e.kube, "kubectl"), append([]string{"--kubeconfig", kubeconfig}, args...)...)
	out, err := command.CombinedOutput()
	return string(out), err
}

// kubeconfigOf writes a kubeconfig with the token of a ServiceAccount.
func (e *environment) kubeconfigOf(ctx context.Context, namespace, account string) string {
	GinkgoHelper()
	token := strings.TrimSpace(e.kubectl(ctx, "-n", namespace, "create", "token", account))
	content := clientcmdapi.NewConfig()
	content.Clusters["e2e"] = &clientcmdapi.Cluster{Server: e.config.Host, CertificateAuthorityData: e.config.CAData}
	content.AuthInfos["account"] = &clientcmdapi.AuthInfo{Token: token}
	content.Contexts["e2e"] = &clientcmdapi.Context{Cluster: "e2e", AuthInfo: "account"}
	content.CurrentContext = "e2e"
	path := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(clientcmd.WriteToFile(*content, path)).To(Succeed())
	return path
}

var _ = Describe("the token of the manager", func() {
	It("acts as the accounts named kubeops only, and does not write as them", func(ctx SpecContext) {
		env.namespace(ctx, "stolen")
		env.apply(ctx, `
apiVersion: v1
kind: ServiceAccount
metadata: {name: kubeops, namespace: stolen}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: kubeops-inspector, namespace: stolen}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kubeops-inspector}
subjects: [{kind: ServiceAccount, name: kubeops, namespace: stolen}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: deployer, namespace: stolen}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
subjects: [{kind: ServiceAccount, name: kubeops, namespace: stolen}, {kind: ServiceAccount, name: deployer, namespace: stolen}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: stolen}
---
apiVersion: kubeops.io/v1alpha1
kind: Inspection
metadata: {name: mine, namespace: stolen}
spec: {namespaces: [stolen]}
`)
		manager := env.kubeconfigOf(ctx, "kubeops-system", "kubeops-manager")
		const kubeops = "--as=system:serviceaccount:stolen:kubeops"
		for _, args := range [][]string{
			{"get", "configmap", "settings", "-n", "stolen", kubeops},
			{"get", "pods,services", "-n", "stolen", kubeops},
			{"get", "inspections", "-A"},
		} {
			out, err := env.with(ctx, manager, args...)
			Expect(err).NotTo(HaveOccurred(), "%v: %s", args, out)
		}
		for _, args := range [][]string{
			{"get", "secrets", "-A"},
			{"get", "pods", "-A"},
			{"get", "pods", "-A", "--as=system:serviceaccount:kube-system:generic-garbage-collector"},
			{"get", "secrets", "-A", "--as=system:serviceaccount:kube-system:generic-garbage-collector"},
			{"get", "pods", "-n", "stolen", "--as=system:serviceaccount:stolen:deployer"},
			{"get", "pods", "-n", "stolen", "--as=admin"},
			{"get", "pods", "-n", "stolen", kubeops, "--as-group=system:masters"},
			{"delete", "configmap", "settings", "-n", "stolen", kubeops},
			{"create", "configmap", "more", "-n", "stolen", kubeops},
			{"label", "configmap", "settings", "-n", "stolen", "a=b", kubeops},
			{"create", "token", "deployer", "-n", "stolen", kubeops},
		} {
			out, err := env.with(ctx, manager, args...)
			Expect(err).To(HaveOccurred(), "%v", args)
			Expect(out).To(ContainSubstring("orbidden"), "%v", args)
		}
		env.inspectNow(ctx, "stolen", "mine", "first")
	}, SpecTimeout(3*minute))

	It("is not lent to users who cannot act as the account", func(ctx SpecContext) {
		env.namespace(ctx, "lent")
		env.apply(ctx, `
apiVersion: v1
kind: ServiceAccount
metadata: {name: writer, namespace: lent}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: writer, namespace: lent}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kubeops-editor}
subjects: [{kind: ServiceAccount, name: writer, namespace: lent}]
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: editor, namespace: lent}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: editor, namespace: lent}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
subjects: [{kind: ServiceAccount, name: editor, namespace: lent}]
`)
		manifest := filepath.Join(GinkgoT().TempDir(), "inspection.yaml")
		Expect(os.WriteFile(manifest, []byte(`
apiVersion: kubeops.io/v1alpha1
kind: Inspection
metadata: {name: mine, namespace: lent}
`), 0o600)).To(Succeed())
		out, err := env.with(ctx, env.kubeconfigOf(ctx, "lent", "writer"), "create", "-f", manifest)
		Expect(err).To(HaveOccurred())
		Expect(out).To(ContainSubstring("system:serviceaccount:lent:writer cannot impersonate ServiceAccount lent/kubeops"))
		out, err = env.with(ctx, env.kubeconfigOf(ctx, "lent", "editor"), "create", "-f", manifest)
		Expect(err).NotTo(HaveOccurred(), out)
	}, SpecTimeout(minute))
})
