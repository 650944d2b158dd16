package e2e

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

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
