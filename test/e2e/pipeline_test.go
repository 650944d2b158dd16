package e2e

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

// push commits files to the source, as a developer does, and delivers the webhook of it. It returns the commit and the run.
func (l *line) push(ctx context.Context, message string, files map[string]string) (commit, run string) {
	GinkgoHelper()
	before := strings.TrimSpace(l.source.Git("rev-parse", "main"))
	commit = l.source.Push("main", message, files)
	body := fmt.Appendf(nil, `{"ref": "refs/heads/main", "before": %q, "after": %q, "repository": {"full_name": "line/shop"},
"pusher": {"name": "dev"}, "head_commit": {"id": %q, "message": %q, "author": {"email": "dev@example.com"}}}`,
		before, commit, commit, message)
	mac := hmac.New(sha256.New, []byte(webhookSecret))
	_, _ = mac.Write(body) // never fails
	transport, err := rest.TransportFor(env.config)
	Expect(err).NotTo(HaveOccurred())
	const service = "/api/v1/namespaces/kubeops-system/services/kubeops-webhooks:webhooks/proxy" // in place of an Ingress
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, env.config.Host+service+"/webhooks/line/shop/push",
		strings.NewReader(string(body)))
	Expect(err).NotTo(HaveOccurred())
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-GitHub-Event", "push")
	request.Header.Set("X-GitHub-Delivery", commit[:12])
	request.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	response, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	Expect(err).NotTo(HaveOccurred())
	Expect(response.StatusCode).To(Equal(http.StatusAccepted), string(answer))
	var created struct{ Run string }
	Expect(json.Unmarshal(answer, &created)).To(Succeed())
	return commit, created.Run
}

// run reads a run.
func (l *line) run(ctx context.Context, g Gomega, name string) *v1alpha1.PipelineRun {
	run := &v1alpha1.PipelineRun{}
	g.Expect(env.client.Get(ctx, client.ObjectKey{Namespace: "line", Name: name}, run)).To(Succeed())
	return run
}

// ended waits until a run ends, and adds its table to the report.
func (l *line) ended(ctx context.Context, name string) (run *v1alpha1.PipelineRun) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		run = l.run(ctx, g, name)
		g.Expect(run.Status.Phase.Ended()).To(BeTrue(), "%s: %+v", run.Status.Phase, run.Status.Stages)
	}).WithTimeout(5 * minute).WithContext(ctx).Should(Succeed())
	_, table, errOut, _ := env.kubeops(ctx, "pipeline", "get", name, "-n", "line")
	AddReportEntry(name, table+errOut)
	return run
}

// stages are the names, phases and reasons of a run's stages.
func stages(run *v1alpha1.PipelineRun) (lines []string) {
	for _, stage := range run.Status.Stages {
		line := stage.Name + " " + string(stage.Phase)
		if stage.Phase.Failed() {
			line += " " + stage.Reason
		}
		if stage.Rollback != nil {
			line += ", rollback " + string(stage.Rollback.Phase)
		}
		lines = append(lines, line)
	}
	return lines
}

// shopRuns waits until the node runs an image as the shop.
func shopRuns(ctx context.Context, image string) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		shop := &appsv1.Deployment{}
		g.Expect(env.client.Get(ctx, client.ObjectKey{Namespace: "line-shop", Name: "shop"}, shop)).To(Succeed())
		g.Expect(shop.Spec.Template.Spec.Containers[0].Image).To(Equal(image))
		g.Expect(shop.Status.ObservedGeneration).To(Equal(shop.Generation))
		g.Expect([]int32{shop.Status.Replicas, shop.Status.UpdatedReplicas, shop.Status.AvailableReplicas}).To(Equal([]int32{1, 1, 1}))
	}).WithContext(ctx).Should(Succeed())
}

// orders is the path of the command that breaks a broken shop.
const orders = "/cgi-bin/order"

// call the shop on the node.
func call(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+env.status.Network.NodeIP+":"+shopPort+path, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	return string(answer), err
}

// answers waits until the shop answers with a text.
func answers(ctx context.Context, path, want string) {
	GinkgoHelper()
	Eventually(call).WithContext(ctx).WithArguments(path).Should(Equal(want))
}

var _ = Describe("a Pipeline between a push and the Pods", Ordered, func() {
	var l *line
	var image string // that works

	BeforeAll(func(ctx SpecContext) {
		provider := env.loadBinary(ctx, "argocd-provider")
		l = newLine()
		env.install(ctx, fmt.Sprintf(`components: [../../config/components/webhooks, ../../config/components/argocd]
images:
- {name: kubeops.local/manager, newTag: %q}
- {name: kubeops.local/argocd-provider, newTag: %q}
`, env.managerTag, provider))
		for _, namespace := range []string{"line", "line-shop"} {
			env.apply(ctx, "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+namespace+"}\n")
		}
		env.apply(ctx, l.testdata("application.yaml"))
		env.apply(ctx, l.testdata("pipeline.yaml"))
		for _, resource := range []string{"ciprovider/hudson", "cdprovider/argocd", "metricsbackend/prometheus", "pipeline/shop"} {
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
			files := shop("app/www/cgi-bin/order")
			files["app/www/index.html"] = "the shop is open, " + mode + "\n"
			commit, name := l.push(ctx, "Open the shop", files)
			run := l.ended(ctx, name)
			Expect(stages(run)).To(Equal([]string{
				"build Succeeded", "image Succeeded", "promote Succeeded", "deploy Succeeded", "errors Succeeded", "health Succeeded",
			}))
			Expect(run.Status.Phase).To(Equal(v1alpha1.RunSucceeded))
			Expect(run.Status.Stage("build").Outputs["tag"]).To(Equal(commit))
			image = run.Status.Stage("image").Outputs[v1alpha1.OutputImage]
			Expect(image).To(MatchRegexp(`/shop@sha256:[0-9a-f]{64}$`))
			Expect(l.deployments.File("main", "shop/deployment.yaml")).To(ContainSubstring("image: " + image + " # the Pipeline sets it"))
			shopRuns(ctx, image)
			answers(ctx, "/", files["app/www/index.html"])
			answers(ctx, orders, "thank you\n")
		}, SpecTimeout(5*minute))

		It("rolls a broken image back, and says what is wrong with it, synced "+mode, func(ctx SpecContext) {
			_, name := l.push(ctx, "Break the shop", shop("broken-order"))
			Eventually(func(g Gomega) {
				run := l.run(ctx, g, name)
				g.Expect(run.Status.Phase.Ended()).To(BeFalse(), "%v", stages(run))
				g.Expect(stages(run)).To(ContainElement("deploy Succeeded"))
			}).WithTimeout(3 * minute).WithContext(ctx).Should(Succeed())
			_, _ = call(ctx, orders) // ends the shop, so that there may be no answer

			run := l.ended(ctx, name)
			Expect(stages(run)).To(Equal([]string{
				"build Succeeded", "image Succeeded", "promote Succeeded, rollback Succeeded", "deploy Succeeded, rollback Succeeded",
				"errors Succeeded", "health Failed NewProblems",
			}))
			Expect(run.Status.Phase).To(Equal(v1alpha1.RunFailed))
			Expect(strings.Join(run.Status.Stage("health").Diagnosis, "\n")).To(And(
				ContainSubstring("pod-crash-looping"), ContainSubstring("Deployment line-shop/shop"),
				ContainSubstring("FATAL: cannot read order 4711: unexpected end of file")))
			shopRuns(ctx, image)
			answers(ctx, orders, "thank you\n")
		}, SpecTimeout(6*minute))
	}
})
