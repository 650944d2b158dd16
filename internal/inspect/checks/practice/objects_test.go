package practice

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestSelectorsThatOverlapAreReported(t *testing.T) {
	labelled := func(name, selector, labels string) string {
		return checktest.Document("apps/v1", "Deployment", "name: "+name+", namespace: shop",
			"spec: {selector: {matchLabels: {"+selector+"}}, template: {metadata: {labels: {"+labels+"}}, spec: {"+
				checktest.APIContainer("")+"}}}")
	}
	hpa := checktest.Document("autoscaling/v2", "HorizontalPodAutoscaler", "name: wide, namespace: shop",
		"spec: {maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: wide}}")
	wide, narrow := labelled("wide", "app: shop", "app: shop, part: web"), labelled("narrow", "app: shop, part: worker",
		"app: shop, part: worker")
	const reported = " Deployment/shop/wide: The selector of Deployment wide also matches the Pods of other workloads."
	same := checktest.ServiceFor("one", "cart", "") + checktest.ServiceFor("two", "cart", "")
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"one selector is too wide": {ID: "selector-overlap-workloads", Documents: wide + narrow, Want: []string{
			"medium" + reported, "  spec: selector app=shop", "  spec: matches the Pods of Deployment narrow"}},
		"an autoscaler goes by it": {ID: "selector-overlap-workloads", Documents: wide + narrow + hpa, Want: []string{
			"high" + reported, "  spec: selector app=shop", "  spec: matches the Pods of Deployment narrow",
			"  spec: a HorizontalPodAutoscaler scales it and measures all of these Pods"}},
		"both are the same": {ID: "selector-overlap-workloads", Documents: labelled("a", "app: x", "app: x") + labelled("b", "app: x",
			"app: x"), Want: []string{
			"medium Deployment/shop/a: The selector of Deployment a also matches the Pods of other workloads.", "  spec: selector app=x",
			"  spec: matches the Pods of Deployment b",
			"medium Deployment/shop/b: The selector of Deployment b also matches the Pods of other workloads.", "  spec: selector app=x",
			"  spec: matches the Pods of Deployment a"}},
		"each has its own": {ID: "selector-overlap-workloads", Documents: narrow + labelled("web", "app: shop, part: web",
			"app: shop, part: web")},
		"another namespace": {ID: "selector-overlap-workloads", Documents: wide + strings.Replace(narrow, "namespace: shop",
			"namespace: other", 1)},
		"two Services": {ID: "selector-overlap-services", Documents: same, Want: []string{
			"low Service/shop/one: Services one, two route the same ports to the same Pods.", "  spec: selector app=cart",
			"  spec: ports: TCP 80 to 8080"}},
		"one is headless": {ID: "selector-overlap-services", Documents: checktest.ServiceFor("one", "cart", "") +
			strings.Replace(checktest.ServiceFor("two", "cart", ""), "10.0.0.1", "None", 1)},
		"one is a NodePort": {ID: "selector-overlap-services", Documents: checktest.ServiceFor("one", "cart", ", type: ClusterIP") +
			checktest.ServiceFor("two", "cart", ", type: NodePort")},
		"other ports": {ID: "selector-overlap-services", Documents: checktest.ServiceFor("one", "cart", "") +
			strings.Replace(checktest.ServiceFor("two", "cart", ""), "8080", "8081", 1)},
		"of Argo Rollouts": {ID: "selector-overlap-services", Documents: strings.ReplaceAll(same, "app: cart",
			"app: cart, rollouts-pod-template-hash: a1")},
		"several workloads": {ID: "service-selects-several-workloads", Documents: wide + narrow + checktest.ServiceFor("web", "shop", ""),
			Want: []string{
				"info Service/shop/web: Service web sends traffic to the Pods of several workloads.", "  spec: selector app=shop",
				"  spec: selects Pods of Deployment narrow, Deployment wide"}},
		"one workload": {ID: "service-selects-several-workloads", Documents: narrow + checktest.ServiceFor("web", "shop", "")},
	})
}

func TestAutoscalersAndJobsWithRiskySettingsAreReported(t *testing.T) {
	hpa := func(name string, minReplicas, maxReplicas int) string {
		return checktest.Document("autoscaling/v2", "HorizontalPodAutoscaler", "name: "+name+", namespace: shop",
			fmt.Sprintf("spec: {minReplicas: %d, maxReplicas: %d, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: cart}}",
				minReplicas, maxReplicas))
	}
	applied := strings.Replace(checktest.WorkloadWith("Deployment", "cart", "replicas: 3", checktest.APIContainer("")), "labels: {",
		`annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"spec":{"replicas":3}}'}, labels: {`, 1)
	serverSide := strings.Replace(checktest.WorkloadWith("Deployment", "cart", "replicas: 3", checktest.APIContainer("")), "labels: {",
		`managedFields: [{manager: argocd, operation: Apply, apiVersion: apps/v1, fieldsType: FieldsV1, `+
			`fieldsV1: {"f:spec": {"f:replicas": {}}}}], labels: {`, 1)
	cron := func(spec, job string) string {
		return checktest.Document("batch/v1", "CronJob", "name: sync, namespace: shop",
			"spec: {"+spec+", jobTemplate: {spec: {"+job+"template: {spec: {restartPolicy: Never, "+checktest.APIContainer("")+"}}}}}")
	}
	job := func(metadata, spec string) string {
		return checktest.Document("batch/v1", "Job", "namespace: shop, "+metadata,
			"spec: {"+spec+"template: {spec: {restartPolicy: Never, "+checktest.APIContainer("")+"}}}\nstatus: {completionTime: "+
				"\"2026-01-01T00:00:00Z\", conditions: [{type: Complete, status: 'True', lastTransitionTime: \"2026-01-01T00:00:00Z\"}]}")
	}
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"two autoscalers": {ID: "hpa-duplicate", Documents: hpa("a", 1, 3) + hpa("b", 2, 9), Want: []string{
			"medium HorizontalPodAutoscaler/shop/b: HorizontalPodAutoscaler b scales Deployment cart, which HorizontalPodAutoscaler a " +
				"already scales.",
			"  spec: a: 1 to 3 replicas", "  spec: b: 2 to 9 replicas"}},
		"one autoscaler": {ID: "hpa-duplicate", Documents: hpa("a", 1, 3)},
		"replicas were applied": {ID: "hpa-fixed-replicas", Documents: applied + hpa("a", 1, 3), Want: []string{
			"low HorizontalPodAutoscaler/shop/a: The manifest of Deployment cart sets spec.replicas, which HorizontalPodAutoscaler a " +
				"manages.",
			"  spec: spec.replicas was applied by kubectl apply", "  spec: the autoscaler's range: 1 to 3 replicas"}},
		"replicas were applied by the server": {ID: "hpa-fixed-replicas", Documents: serverSide + hpa("a", 1, 3), Want: []string{
			"low HorizontalPodAutoscaler/shop/a: The manifest of Deployment cart sets spec.replicas, which HorizontalPodAutoscaler a " +
				"manages.",
			"  spec: spec.replicas was applied by argocd", "  spec: the autoscaler's range: 1 to 3 replicas"}},
		"replicas are a default": {ID: "hpa-fixed-replicas", Documents: strings.Replace(serverSide, "operation: Apply",
			"operation: Update", 1) + hpa("a", 1, 3)},
		"pinned": {ID: "hpa-min-equals-max", Documents: hpa("a", 3, 3), Want: []string{
			"info HorizontalPodAutoscaler/shop/a: HorizontalPodAutoscaler a cannot scale: its minimum equals its maximum.",
			"  spec: minReplicas and maxReplicas: 3"}},
		"not pinned": {ID: "hpa-min-equals-max", Documents: hpa("a", 1, 3)},
		"often": {ID: "cronjob-concurrency-allow", Documents: cron("schedule: '*/5 * * * *'", ""), Want: []string{
			"info CronJob/shop/sync: CronJob sync runs often and starts a run while the previous one is still active.",
			"  spec: schedule */5 * * * *, concurrencyPolicy Allow"}},
		"often, one at a time": {ID: "cronjob-concurrency-allow",
			Documents: cron("schedule: '*/5 * * * *', concurrencyPolicy: Forbid", "")},
		"often, with a deadline": {ID: "cronjob-concurrency-allow", Documents: cron("schedule: '*/5 * * * *'",
			"activeDeadlineSeconds: 60, ")},
		"hourly":                   {ID: "cronjob-concurrency-allow", Documents: cron("schedule: '0 * * * *'", "")},
		"a schedule that is wrong": {ID: "cronjob-concurrency-allow", Documents: cron("schedule: 'often'", "")},
		"a run may hang": {ID: "cronjob-deadline-missing", Documents: cron("schedule: '0 * * * *', concurrencyPolicy: Forbid", ""),
			Want: []string{
				"info CronJob/shop/sync: CronJob sync stops running when one of its runs hangs: no deadline ends that run.",
				"  spec: concurrencyPolicy Forbid, activeDeadlineSeconds not set"}},
		"a deadline": {ID: "cronjob-deadline-missing", Documents: cron("schedule: '0 * * * *', concurrencyPolicy: Forbid",
			"activeDeadlineSeconds: 60, ")},
		"nothing is kept": {ID: "cronjob-failures-not-kept", Documents: cron("schedule: '0 * * * *', failedJobsHistoryLimit: 0", ""),
			Want: []string{
				"info CronJob/shop/sync: CronJob sync keeps no failed Job: the cause of a failed run is lost.",
				"  spec: failedJobsHistoryLimit: 0"}},
		"one is kept": {ID: "cronjob-failures-not-kept", Documents: cron("schedule: '0 * * * *'", "")},
		"old Jobs": {ID: "jobs-finished-kept", Documents: job("name: b", "") + job("name: a", ""), Want: []string{
			"info Namespace/shop: Finished Jobs accumulate in namespace shop: they are older than 7 days.", "  spec: 2: a, b"}},
		"old Jobs that go by themselves": {ID: "jobs-finished-kept", Documents: job("name: a", "ttlSecondsAfterFinished: 9999999, ")},
		"old Jobs of a CronJob": {ID: "jobs-finished-kept",
			Documents: job("name: a, ownerReferences: [{apiVersion: batch/v1, kind: CronJob, name: c, uid: c, controller: true}]", "")},
	})
}

func TestLabelsAndNakedPods(t *testing.T) {
	bare := strings.NewReplacer("labels: {app: cart}", "labels: {tier: web}", "matchLabels: {app: cart}",
		"matchLabels: {tier: web}").Replace(checktest.WorkloadWith("Deployment", "cart", "", checktest.APIContainer("")))
	pod := func(metadata, spec string) string {
		return checktest.Document("v1", "Pod", "name: shell, namespace: shop, creationTimestamp: \"2026-01-15T10:00:00Z\""+metadata,
			"spec: {"+spec+checktest.APIContainer("")+"}\nstatus: {phase: Running}")
	}
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"no known label": {ID: "labels-missing", Documents: bare, Want: []string{
			"info Deployment/shop/cart: Deployment cart has no label that identifies its application.",
			"  spec: labels of its Pods: tier"}},
		"a known label": {ID: "labels-missing", Documents: checktest.WorkloadWith("Deployment", "cart", "", checktest.APIContainer(""))},
		"created by hand": {ID: "naked-pod", Documents: pod("", ""), Want: []string{
			"low Pod/shop/shell: Pod shell has no controller: nothing replaces it when its node fails.", "  spec: no ownerReferences"}},
		"just created": {ID: "naked-pod", Documents: strings.Replace(pod("", ""), "T10:00", "T11:50", 1)},
		"runs once":    {ID: "naked-pod", Documents: pod("", "restartPolicy: Never, ")},
		"a static Pod": {ID: "naked-pod", Documents: pod(", ownerReferences: [{apiVersion: v1, kind: Node, name: node-1, uid: n1, "+
			"controller: true}]", "")},
	})
}

func TestAPIVersions(t *testing.T) {
	written := func(kind, name, fields string) string {
		return checktest.Document("policy/v1", kind, "name: "+name+", namespace: shop, managedFields: ["+fields+"]",
			"spec: {maxUnavailable: 1}")
	}
	helm := `{manager: helm, operation: Update, apiVersion: policy/v1beta1, time: "2025-01-01T00:00:00Z"}`
	for name, c := range map[string]struct{ id, version, fields, want string }{
		"still served": {"deprecated-api-used", "v1.21.3", helm,
			"was written as policy/v1beta1, which is deprecated and is removed in Kubernetes 1.25."},
		"gone with the next": {"removed-api-used", "v1.24.0", helm,
			"was written as policy/v1beta1, which is removed in the next minor version, Kubernetes 1.25."},
		"gone": {"removed-api-used", "v1.37.2", helm,
			"was written as policy/v1beta1, which was removed in Kubernetes 1.25."},
		"gone is not old":      {"deprecated-api-used", "v1.37.2", helm, ""},
		"before its time":      {"deprecated-api-used", "v1.20.0", helm, ""},
		"of Kubernetes itself": {"removed-api-used", "v1.37.2", strings.Replace(helm, "helm", "kube-controller-manager", 1), ""},
		"moved on": {"removed-api-used", "v1.37.2", helm +
			`, {manager: helm, operation: Update, apiVersion: policy/v1, time: "2025-06-01T00:00:00Z"}`, ""},
		"a version not known": {"removed-api-used", "", helm, "was written as policy/v1beta1, which was removed in Kubernetes 1.25."},
	} {
		t.Run(name, func(t *testing.T) {
			builder := facts.NewBuilder("test", testkit.Now())
			builder.SetVersion(c.version)
			for _, object := range testkit.Objects(t, written("PodDisruptionBudget", "cart", c.fields)) {
				builder.Add(facts.Reduce(object))
			}
			findings := apiVersions(c.id == "removed-api-used")(builder.Graph(), check.DefaultParams())
			var got string
			for _, f := range findings {
				got += strings.TrimPrefix(f.Message, "PodDisruptionBudget cart ")
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}
