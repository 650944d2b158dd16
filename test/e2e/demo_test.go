package e2e

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"kubeops.io/kubeops/api/v1alpha1"
)

var _ = Describe("the demo shop", Ordered, func() {
	var report *v1alpha1.InspectionReport

	BeforeAll(func(ctx SpecContext) {
		env.kubectl(ctx, "apply", "--server-side", "-k", "config/samples/demo")
		for condition, parts := range map[string][]string{
			"Progressing=false": {"cart", "recommendations", "checkout", "reviews"}, "Available=false": {"payment", "search"},
		} {
			for _, part := range parts {
				env.kubectl(ctx, "-n", "shop", "wait", "--for=condition="+condition, "deployment/"+part, "--timeout=180s")
			}
		}
		env.kubectl(ctx, "-n", "shop-batch", "wait", "--for=condition=Progressing=false", "deployment/resizer", "--timeout=180s")
		env.kubectl(ctx, "-n", "shop", "wait", "--for=condition=Failed", "job/invoices", "--timeout=120s")
		env.kubectl(ctx, "-n", "shop", "rollout", "status", "deployment/web", "--timeout=60s")
		report = env.inspectNow(ctx, "shop", "everything", "e2e-demo")
		AddReportEntry("findings", strings.Join(chains(report), "\n"))
	}, NodeTimeout(8*minute))

	AfterAll(func(ctx SpecContext) {
		env.kubectl(ctx, "delete", "namespace", "shop", "shop-batch", "--wait=false")
	})

	It("counts 13 problems everywhere, and reports them first", func(ctx SpecContext) {
		Expect(report.Summary.Problems.Total).To(BeEquivalentTo(13))
		advice := false
		for _, f := range report.Findings {
			advice = advice || f.CausedBy == "" && !f.IsProblem()
			Expect(advice && f.IsProblem()).To(BeFalse(), "after a recommendation: "+words(f))
		}
		count := fmt.Sprintf("13 problems, %d recommendations", report.Summary.Recommendations.Total)
		status := env.kubectl(ctx, "-n", "shop", "get", "inspection", "everything", "-o",
			`jsonpath={.status.problems.total} problems, {.status.recommendations.total} recommendations; `+
				`{.status.conditions[?(@.type=="Ready")].message}`)
		Expect(status).To(ContainSubstring(count + "; " + count))
		for _, format := range []string{"table", "html", "markdown"} {
			_, out, errOut, _ := env.kubeops(ctx, "report", "-n", "shop", "everything", "-o", format)
			Expect(out).To(ContainSubstring(count), errOut)
		}
	})

	It("fits three screens of 40 lines", func(ctx SpecContext) {
		_, out, errOut, _ := env.kubeops(ctx, "report", "-n", "shop", "everything")
		Expect(strings.Count(out, "\n")).To(BeNumerically("<=", 120), out+errOut)
	})

	It("is reported with exactly its known root causes", func() {
		Expect(causes(report)).To(ConsistOf("configmap-key-missing Deployment/shop/cart", "pod-crash-looping Deployment/shop/payment",
			"pod-oom-killed Deployment/shop/search", "image-registry-unreachable Deployment/shop/recommendations",
			"pod-unschedulable-resources Deployment/shop/checkout", "hpa-no-metrics HorizontalPodAutoscaler/shop/checkout",
			"pvc-class-missing PersistentVolumeClaim/shop/data-orders-db-0", "service-selector-matches-nothing Service/shop/shipping",
			"readiness-probe-failing Deployment/shop/reviews", "pdb-blocks-drain PodDisruptionBudget/shop/reviews",
			"job-failed Job/shop/invoices", "ingress-class-missing Ingress/shop/old-shop",
			"quota-exhausted ResourceQuota/shop-batch/small"))
	})

	It("has no findings on the parts that work", func() {
		for _, f := range report.Findings {
			if broken(f) {
				Expect(f.Object.Name).NotTo(Equal("web"), words(f))
				Expect(f.Object.Namespace).To(BeElementOf("shop", "shop-batch"), words(f))
			}
		}
	})

	It("links every symptom to its cause", func() {
		Expect(chains(report)).To(ContainElements(
			"ingress-backend-dead Ingress/shop/shop <- service-no-ready-endpoints Service/shop/cart <- "+
				"deployment-unavailable Deployment/shop/cart <- configmap-key-missing Deployment/shop/cart",
			"service-no-ready-endpoints Service/shop/orders-db <- statefulset-unavailable StatefulSet/shop/orders-db <- "+
				"pod-unschedulable-volume StatefulSet/shop/orders-db <- pvc-class-missing PersistentVolumeClaim/shop/data-orders-db-0",
			"deployment-unavailable Deployment/shop-batch/resizer <- pods-blocked-by-quota Deployment/shop-batch/resizer <- "+
				"quota-exhausted ResourceQuota/shop-batch/small",
			"service-no-ready-endpoints Service/shop/reviews <- deployment-unavailable Deployment/shop/reviews <- "+
				"readiness-probe-failing Deployment/shop/reviews",
		))
	})

	It("contains the evidence: the crash log, the limit, the key, the exit code", func() {
		Expect(words(finding(report, "pod-crash-looping Deployment/shop/payment"))).To(And(
			ContainSubstring("FATAL: no pg_hba.conf entry"), ContainSubstring("exit code 1")))
		Expect(words(finding(report, "pod-oom-killed Deployment/shop/search"))).To(ContainSubstring("24Mi"))
		Expect(words(finding(report, "configmap-key-missing Deployment/shop/cart"))).To(And(
			ContainSubstring("DATABASE_URL"), ContainSubstring("cart-config")))
		Expect(words(finding(report, "job-failed Job/shop/invoices"))).To(And(
			ContainSubstring("template invoice.tmpl not found"), ContainSubstring("3")))
		Expect(words(finding(report, "service-selector-matches-nothing Service/shop/shipping"))).To(ContainSubstring("shiping"))
	})

	It("redacts passwords in log lines", func() {
		for _, f := range report.Findings {
			Expect(words(f)).NotTo(ContainSubstring("s3cr3t-p4ss"))
		}
	})

	It("fits into 120 columns in kubectl", func(ctx SpecContext) {
		out := env.kubectl(ctx, "get", "insp,inspr", "-n", "shop")
		AddReportEntry("kubectl get insp,inspr", out)
		fits(out)
		Expect(out).To(ContainSubstring("everything"))
	})

	It("becomes Ready for kubectl wait", func(ctx SpecContext) {
		env.kubectl(ctx, "-n", "shop", "wait", "--for=condition=Ready", "inspection/everything", "--timeout=5s")
	})

	It("has the same finding ids after a second run", func(ctx SpecContext) {
		second := env.inspectNow(ctx, "shop", "everything", "e2e-demo-again")
		Expect(causes(second)).To(ConsistOf(causes(report)))
		for _, f := range second.Findings {
			Expect(f.State).To(Equal(v1alpha1.FindingPersisting), title(f))
		}
		Expect(second.Summary.Changes.Persisting).To(BeNumerically("==", report.Summary.Counts.Total()), "fixed: %+v", second.Fixed)
	})

	It("stops reporting a root cause and its symptoms once it is fixed", func(ctx SpecContext) {
		env.kubectl(ctx, "-n", "shop", "patch", "configmap", "cart-config", "-p", `{"data":{"DATABASE_URL":"postgres://cart-db/cart"}}`)
		env.kubectl(ctx, "-n", "shop", "wait", "--for=condition=Available", "deployment/cart", "--timeout=120s")
		Eventually(func(g Gomega) {
			mended := env.inspectNow(ctx, "shop", "everything", "mended-"+unique())
			for _, f := range mended.Findings {
				if broken(f) {
					g.Expect(f.Object.Name).NotTo(Equal("cart"), words(f))
				}
			}
			g.Expect(chains(mended)).NotTo(ContainElement(ContainSubstring("ingress-backend-dead")))
		}).WithContext(ctx).Should(Succeed())
	})

	It("has the same result from the command line, within 80 MiB", func(ctx SpecContext) {
		code, out, errOut, peak := env.kubeops(ctx, "inspect", "-A", "-o", "json", "--startup-grace", "15s", "--fail-on", "critical")
		Expect(code).To(Equal(1), errOut)
		fromCLI := parseReport(out)
		Expect(causes(fromCLI)).To(ContainElements("pod-crash-looping Deployment/shop/payment", "pod-oom-killed Deployment/shop/search"))
		AddReportEntry("peak memory of kubeops inspect", fmt.Sprintf("%d KiB", peak>>10))
		Expect(peak).To(And(BeNumerically(">", 8<<20), BeNumerically("<", 80<<20)))
		code, out, errOut, _ = env.kubeops(ctx, "report", "-n", "shop", "everything")
		Expect(code).To(BeZero(), errOut)
		AddReportEntry("kubeops report", out)
		Expect(out).To(ContainSubstring("FATAL: no pg_hba.conf entry"))
		fits(withoutCommands(out))
	})
})

// fits expects that a text fits into 120 columns.
func fits(text string) {
	GinkgoHelper()
	for line := range strings.Lines(text) {
		Expect(utf8.RuneCountInString(strings.TrimRight(line, " \n"))).To(BeNumerically("<=", 120), line)
	}
}

// withoutCommands is a text without the lines of commands, which are not wrapped, so that they can be copied.
func withoutCommands(text string) string {
	return strings.Join(slices.DeleteFunc(strings.SplitAfter(text, "\n"), func(line string) bool { return strings.Contains(line, "`") }), "")
}
