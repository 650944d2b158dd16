package e2e

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit/line"
)

// push commits files to the source and delivers the webhook of it. It returns the commit and the run.
func push(ctx context.Context, l *line.Line, message string, files map[string]string) (commit, run string) {
	GinkgoHelper()
	commit, run, err := l.Push(ctx, message, files)
	Expect(err).NotTo(HaveOccurred())
	return commit, run
}

// readRun reads a run.
func readRun(ctx context.Context, g Gomega, name string) *v1alpha1.PipelineRun {
	run := &v1alpha1.PipelineRun{}
	g.Expect(env.client.Get(ctx, client.ObjectKey{Namespace: line.Namespace, Name: name}, run)).To(Succeed())
	return run
}

// ended waits until a run ends, and adds its table to the report.
func ended(ctx context.Context, name string) (run *v1alpha1.PipelineRun) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		run = readRun(ctx, g, name)
		g.Expect(run.Status.Phase.Ended()).To(BeTrue(), "%s: %+v", run.Status.Phase, run.Status.Stages)
	}).WithTimeout(5 * minute).WithContext(ctx).Should(Succeed())
	_, table, errOut, _ := env.kubeops(ctx, "pipeline", "get", name, "-n", "line")
	AddReportEntry(name, table+errOut)
	return run
}

// stages are the names, phases and reasons of a run's stages.
func stages(run *v1alpha1.PipelineRun) (lines []string) {
	for _, stage := range run.Status.Stages {
		text := stage.Name + " " + string(stage.Phase)
		if stage.Phase.Failed() {
			text += " " + stage.Reason
		}
		if stage.Rollback != nil {
			text += ", rollback " + string(stage.Rollback.Phase)
		}
		lines = append(lines, text)
	}
	return lines
}

// shopRuns waits until the node runs an image as the shop.
func shopRuns(ctx context.Context, image string) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		shop := &appsv1.Deployment{}
		g.Expect(env.client.Get(ctx, client.ObjectKey{Namespace: line.ShopNamespace, Name: "shop"}, shop)).To(Succeed())
		g.Expect(shop.Spec.Template.Spec.Containers[0].Image).To(Equal(image))
		g.Expect(shop.Status.ObservedGeneration).To(Equal(shop.Generation))
		g.Expect([]int32{shop.Status.Replicas, shop.Status.UpdatedReplicas, shop.Status.AvailableReplicas}).To(Equal([]int32{1, 1, 1}))
	}).WithContext(ctx).Should(Succeed())
}

// answers waits until the shop answers with a text.
func answers(ctx context.Context, l *line.Line, path, want string) {
	GinkgoHelper()
	Eventually(l.Call).WithContext(ctx).WithArguments(path).Should(Equal(want))
}

var _ = Describe("a Pipeline between a push and the Pods", Ordered, func() {
	var l *line.Line
	var image string // that works

	BeforeAll(func(ctx SpecContext) {
		provider := env.loadBinary(ctx, "argocd-provider")
		l = newLine()
		env.install(ctx, fmt.Sprintf(`components: [../../config/components/webhooks, ../../config/components/argocd]
images:
- {name: kubeops.local/manager, newTag: %q}
- {name: kubeops.local/argocd-provider, newTag: %q}
`, env.managerTag, provider))
		for _, namespace := range []string{line.Namespace, line.ShopNamespace} {
			env.apply(ctx, "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+namespace+"}\n")
		}
		for _, name := range []string{"deployment.yaml", "service.yaml"} { // the shop before its first run, which logs something to compare with
			env.apply(ctx, strings.Replace(l.Manifest(GinkgoTB(), name), "metadata:", "metadata:\n  namespace: "+line.ShopNamespace, 1))
		}
		env.kubectl(ctx, "-n", line.ShopNamespace, "rollout", "status", "deployment/shop", "--timeout=90s")
		env.apply(ctx, l.Manifest(GinkgoTB(), "application.yaml"))
		env.apply(ctx, l.Manifest(GinkgoTB(), "pipeline.yaml"))
		for _, resource := range []string{"ciprovider/hudson", "cdprovider/argocd", "metricsbackend/prometheus", "logbackend/loki", "pipeline/shop"} {
			env.kubectl(ctx, "-n", "line", "wait", "--for=condition=Ready", resource, "--timeout=90s")
		}
	}, NodeTimeout(6*minute))

	AfterAll(func(ctx SpecContext) {
		env.kubectl(ctx, "delete", "namespace", "line", "line-shop", "argocd", "--ignore-not-found")
		env.kubectl(ctx, "delete", "clusterrolebinding", "line-kubeops-inspector", "--ignore-not-found")
		env.kubectl(ctx, "delete", "customresourcedefinition", "--ignore-not-found",
			"applications.argoproj.io", "applicationsets.argoproj.io", "appprojects.argoproj.io")
		env.kubectl(ctx, "-n", "kubeops-system", "delete", "service,networkpolicy", "kubeops-webhooks", "--ignore-not-found")
		env.installOperator(ctx)
	}, NodeTimeout(3*minute))

	// The application is synced by the stage at first, and then by Argo CD.
	for _, mode := range []string{"by stages", "automatically"} {
		It("builds, deploys and checks what was pushed, synced "+mode, func(ctx SpecContext) {
			if mode == "automatically" {
				const automated = `{"spec":{"syncPolicy":{"automated":{}}}}`
				env.kubectl(ctx, "-n", "argocd", "patch", "application", "shop", "--type=merge", "-p", automated)
			}
			files := line.Shop(GinkgoTB(), line.Order)
			files["app/www/index.html"] = "the shop is open, " + mode + "\n"
			commit, name := push(ctx, l, "Open the shop", files)
			run := ended(ctx, name)
			Expect(stages(run)).To(Equal([]string{
				"build Succeeded", "image Succeeded", "promote Succeeded", "deploy Succeeded", "errors Succeeded", "logs Succeeded",
				"health Succeeded",
			}))
			Expect(run.Status.Phase).To(Equal(v1alpha1.RunSucceeded))
			Expect(run.Status.Stage("build").Outputs["tag"]).To(Equal(commit))
			image = run.Status.Stage("image").Outputs[v1alpha1.OutputImage]
			Expect(image).To(MatchRegexp(`/shop@sha256:[0-9a-f]{64}$`))
			Expect(l.Deployments.File("main", "shop/deployment.yaml")).To(ContainSubstring("image: " + image + " # the Pipeline sets it"))
			shopRuns(ctx, image)
			answers(ctx, l, "/", files["app/www/index.html"])
			answers(ctx, l, line.Orders, "thank you\n")
		}, SpecTimeout(5*minute))

		It("rolls a broken image back, and says what is wrong with it, synced "+mode, func(ctx SpecContext) {
			files := line.Shop(GinkgoTB(), line.BrokenOrder)
			// What the shop said when it broke before is no new error within the hour.
			files["app/run"] = strings.Replace(files["app/run"], "was not written", "was lost "+mode, 1)
			_, name := push(ctx, l, "Break the shop", files)
			Eventually(func(g Gomega) {
				run := readRun(ctx, g, name)
				g.Expect(run.Status.Phase.Ended()).To(BeFalse(), "%v", stages(run))
				g.Expect(stages(run)).To(ContainElement("deploy Succeeded"))
			}).WithTimeout(3 * minute).WithContext(ctx).Should(Succeed())
			_, _ = l.Call(ctx, line.Orders) // ends the shop, so that there may be no answer

			run := ended(ctx, name)
			Expect(stages(run)).To(Equal([]string{
				"build Succeeded", "image Succeeded", "promote Succeeded, rollback Succeeded", "deploy Succeeded, rollback Succeeded",
				"errors Succeeded", "logs Failed NewErrors", "health Failed NewProblems",
			}))
			Expect(strings.Join(run.Status.Stage("logs").Diagnosis, "\n")).To(ContainSubstring("was lost " + mode))
			Expect(run.Status.Phase).To(Equal(v1alpha1.RunFailed))
			Expect(strings.Join(run.Status.Stage("health").Diagnosis, "\n")).To(And(
				ContainSubstring("pod-crash-looping"), ContainSubstring("Deployment line-shop/shop"),
				ContainSubstring("FATAL: cannot read order 4711: unexpected end of file")))
			shopRuns(ctx, image)
			answers(ctx, l, line.Orders, "thank you\n")
		}, SpecTimeout(6*minute))
	}
})
