package autoscaling

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// webAutoscaler scales Deployment web on CPU.
func webAutoscaler(spec, status string) string {
	return checktest.Document("autoscaling/v2", "HorizontalPodAutoscaler", `name: web, namespace: shop, creationTimestamp: `+
		`"2026-01-15T10:00:00Z"`, `
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
  `+spec+`
status: {`+status+`}`)
}

func hpaCondition(conditionType, status, reason, since, message string) string {
	return `conditions: [{type: ` + conditionType + `, status: "` + status + `", reason: ` + reason + `, lastTransitionTime: "` + since +
		`", message: '` + message + `'}]`
}

const (
	cannotCompute    = "the HPA was unable to compute the replica count: "
	webScales        = "  spec: scales Deployment web on cpu 80%, between 2 and 10 Pods"
	twoToTen         = "minReplicas: 2\n  maxReplicas: 10"
	metricsServerAPI = `
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.metrics.k8s.io}
spec: {group: metrics.k8s.io, version: v1beta1, service: {namespace: kube-system, name: metrics-server}}
---
`
)

func TestHPAWithoutMetrics(t *testing.T) {
	cases := map[string]struct {
		reason, message string
		others          string
		want            string
		because         []facts.Ref
	}{
		"an API that nobody serves": {
			reason: "FailedGetResourceMetric",
			message: cannotCompute + "unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the " +
				"server could not find the requested resource (get pods.metrics.k8s.io)",
			want:    "the cluster does not serve the API metrics.k8s.io",
			because: []facts.Ref{{Kind: facts.APIService, Name: "v1beta1.metrics.k8s.io"}},
		},
		"an API that does not answer": {
			reason: "FailedGetResourceMetric",
			message: cannotCompute + "unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the " +
				"server is currently unable to handle the request (get pods.metrics.k8s.io)",
			others:  metricsServerAPI,
			want:    "the API metrics.k8s.io does not respond",
			because: []facts.Ref{{Kind: facts.APIService, Name: "v1beta1.metrics.k8s.io"}},
		},
		"an API without samples": {
			reason:  "FailedGetResourceMetric",
			message: cannotCompute + "unable to get metrics for resource cpu: no metrics returned from resource metrics API",
			others:  metricsServerAPI,
			want:    "the API metrics.k8s.io has no data for it",
			because: []facts.Ref{{Kind: facts.APIService, Name: "v1beta1.metrics.k8s.io"}},
		},
		"an adapter that is not installed": {
			reason:  "FailedGetPodsMetric",
			message: cannotCompute + "unable to get metric requests_per_second: no custom metrics API (custom.metrics.k8s.io) registered",
			others:  metricsServerAPI,
			want:    "the cluster does not serve the API custom.metrics.k8s.io",
			because: []facts.Ref{{Kind: facts.APIService, Name: "v1beta1.custom.metrics.k8s.io"}},
		},
		"an external metric that the adapter does not know": {
			reason: "FailedGetExternalMetric",
			message: cannotCompute + "unable to get external metric shop/queue_length/nil: unable to fetch metrics from external " +
				"metrics API: the server could not find the metric queue_length for externalmetrics",
			others: `
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.external.metrics.k8s.io}
spec: {group: external.metrics.k8s.io, version: v1beta1, service: {namespace: keda, name: keda-operator-metrics-apiserver}}
`,
			want:    "the API external.metrics.k8s.io has no data for it",
			because: []facts.Ref{{Kind: facts.APIService, Name: "v1beta1.external.metrics.k8s.io"}},
		},
		"a controller that may not read it": {
			reason: "FailedGetResourceMetric",
			message: cannotCompute + `unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: ` +
				`pods.metrics.k8s.io is forbidden: User "system:serviceaccount:kube-system:horizontal-pod-autoscaler" cannot list`,
			others: metricsServerAPI,
			want:   "kube-controller-manager cannot read the API metrics.k8s.io (RBAC)",
		},
		"a container without a request": {
			reason:  "FailedGetResourceMetric",
			message: cannotCompute + "failed to get cpu utilization: missing request for cpu in container proxy of Pod web-6d4-x2k9z",
			want:    "container proxy has no cpu request, which a utilization target requires",
		},
		"a Pod without a request as a whole": {
			reason:  "FailedGetResourceMetric",
			message: cannotCompute + "failed to get memory utilization: missing pod-level request for memory in Pod web-6d4-x2k9z",
			want:    "its Pods have no memory request, which a utilization target requires",
		},
		"a container that is not there": {
			reason:  "FailedGetContainerResourceMetric",
			message: cannotCompute + "failed to get container metric value: container wbe not found in Pod web-6d4-x2k9z",
			want:    "it scales on a container that the Pods do not have",
		},
		"a target without Pods": {
			reason:  "FailedGetResourceMetric",
			message: cannotCompute + "no pods returned by selector while calculating replica count",
			want:    "its target has no Pods",
		},
		"Pods that are not ready": {
			reason:  "FailedGetResourceMetric",
			message: cannotCompute + "did not receive metrics for targeted pods (pods might be unready)",
			want:    "none of its Pods is ready",
		},
		"a second autoscaler": {
			reason:  "AmbiguousSelector",
			message: "pods by selector app=web are controlled by more than one HPA (e.g. [shop/web shop/web-2])",
			want:    "another autoscaler scales the same Pods",
		},
		"a target that names no Pods": {
			reason:  "InvalidSelector",
			message: "the HPA target is missing a selector",
			want:    "its target has no usable Pod selector",
		},
		"anything else": {
			reason:  "InvalidMetricSourceType",
			message: cannotCompute + `unknown metric source type "Weather"`,
			want:    "a metric cannot be read (InvalidMetricSourceType)",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			documents := webAutoscaler(twoToTen,
				hpaCondition("ScalingActive", "False", c.reason, checktest.LongAgo, c.message)) + c.others
			want := checktest.Lines(
				"high HorizontalPodAutoscaler/shop/web: HorizontalPodAutoscaler web cannot scale Deployment web: "+c.want+".",
				"  condition: ScalingActive=False ("+c.reason+"): "+c.message,
				webScales)
			if diff := cmp.Diff(want, checktest.Text(t, Checks(), "hpa-no-metrics", documents)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(c.because, hpaNoMetrics(testkit.Graph(t, documents), check.DefaultParams())[0].Culprits); diff != "" {
				t.Errorf("because: -want +got:\n%s", diff)
			}
		})
	}
}

func TestHPAWithMetrics(t *testing.T) {
	const noSamples = cannotCompute + "unable to get metrics for resource cpu: no metrics returned from resource metrics API"
	cases := map[string]string{
		"no data yet": webAutoscaler(twoToTen,
			hpaCondition("ScalingActive", "False", "FailedGetResourceMetric", checktest.JustNow, noSamples)),
		"no status yet": webAutoscaler(twoToTen, ""),
		"a target that rests": webAutoscaler(
			twoToTen,
			hpaCondition("ScalingActive", "False", "ScalingDisabled", checktest.LongAgo,
				"scaling is disabled since the replica count of the target is zero"),
		),
		"active": webAutoscaler(
			twoToTen,
			hpaCondition("ScalingActive", "True", "ValidMetricFound", checktest.LongAgo,
				"the HPA was able to successfully calculate a replica count"),
		),
	}
	for name, documents := range cases {
		t.Run(name, func(t *testing.T) {
			if got := checktest.Text(t, Checks(), "hpa-no-metrics", documents); got != "" {
				t.Errorf("found:\n%s", got)
			}
		})
	}
}

func TestHPAAtMaximum(t *testing.T) {
	const limited = "the desired replica count is more than the maximum replica count"
	cases := map[string]struct {
		documents string
		want      string
	}{
		"for long": {
			documents: webAutoscaler(twoToTen, "currentReplicas: 10, "+
				"desiredReplicas: 10, "+hpaCondition("ScalingLimited", "True", "TooManyReplicas", checktest.LongAgo, limited)),
			want: checktest.Lines(
				"medium HorizontalPodAutoscaler/shop/web: HorizontalPodAutoscaler web is at maxReplicas (10) and wants more: the load "+
					"on Deployment web exceeds its limit.",
				"  condition: ScalingLimited=True (TooManyReplicas): "+limited,
				"  spec: scales on cpu 80%"),
		},
		"in a short peak": {
			documents: webAutoscaler(twoToTen, "currentReplicas: 10, "+
				"desiredReplicas: 10, "+hpaCondition("ScalingLimited", "True", "TooManyReplicas", "2026-01-15T11:57:00Z", limited)),
		},
		"pinned on purpose": {
			documents: webAutoscaler("minReplicas: 3\n  maxReplicas: 3", "currentReplicas: 3, "+
				"desiredReplicas: 3, "+hpaCondition("ScalingLimited", "True", "TooManyReplicas", checktest.LongAgo, limited)),
		},
		"on its way up": {
			documents: webAutoscaler(twoToTen, "currentReplicas: 6, "+
				"desiredReplicas: 10, "+hpaCondition("ScalingLimited", "True", "TooManyReplicas", checktest.LongAgo, limited)),
		},
		"at its minimum": {
			documents: webAutoscaler(twoToTen, "currentReplicas: 2, desiredReplicas: 2, "+
				hpaCondition("ScalingLimited", "True", "TooFewReplicas", checktest.LongAgo, "the desired replica count is less than "+
					"the minimum replica count")),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, checktest.Text(t, Checks(), "hpa-at-maximum", c.documents)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestHPATargetMissing(t *testing.T) {
	failed := func(message string) string {
		return webAutoscaler(twoToTen,
			hpaCondition("AbleToScale", "False", "FailedGetScale", checktest.LongAgo, unableToGetScale+message))
	}
	const (
		notFound = `deployments.apps "web" not found`
		target   = "  spec: scaleTargetRef: Deployment web, apiVersion apps/v1"
	)
	cases := map[string]struct {
		documents string
		unread    []facts.Kind
		want      string
	}{
		"a target that does not exist": {
			documents: failed(notFound),
			want: checktest.Lines(
				"high HorizontalPodAutoscaler/shop/web: HorizontalPodAutoscaler web cannot scale: Deployment web does not exist.",
				"  condition: AbleToScale=False (FailedGetScale): "+unableToGetScale+notFound, target),
		},
		"a slip in its name": {
			documents: failed(notFound) + checktest.Document("apps/v1", "Deployment", "name: webs, namespace: shop", `spec: {selector: `+
				`{}, template: {spec: {containers: []}}}`),
			want: checktest.Lines(
				"high HorizontalPodAutoscaler/shop/web: HorizontalPodAutoscaler web cannot scale: Deployment web does not exist.",
				"  condition: AbleToScale=False (FailedGetScale): "+unableToGetScale+notFound, target,
				"  spec: Deployment webs exists in namespace shop"),
		},
		"a kind that is not served": {
			documents: strings.Replace(failed(`no matches for kind "Deployment" in group `+
				`"extensions"`), "apps/v1", "extensions/v1beta1", 1),
			want: checktest.Lines(
				"high HorizontalPodAutoscaler/shop/web: HorizontalPodAutoscaler web cannot scale: the API server does not serve kind "+
					"Deployment in extensions/v1beta1.",
				"  condition: AbleToScale=False (FailedGetScale): "+unableToGetScale+`no matches for kind "Deployment" in group `+
					`"extensions"`,
				"  spec: scaleTargetRef: Deployment web, apiVersion extensions/v1beta1"),
		},
		"a scale that cannot be read": {
			documents: failed("the server could not find the requested resource") + checktest.WebDeployment("replicas: 1", ""),
			want: checktest.Lines(
				"high HorizontalPodAutoscaler/shop/web: HorizontalPodAutoscaler web cannot scale: the scale of Deployment web cannot "+
					"be read.",
				"  condition: AbleToScale=False (FailedGetScale): "+unableToGetScale+"the server could not find the requested "+
					"resource", target),
		},
		"a target of a kind that was not read, by the word of the controller": {
			documents: failed(notFound),
			unread:    []facts.Kind{facts.Deployment},
			want: checktest.Lines(
				"high HorizontalPodAutoscaler/shop/web: HorizontalPodAutoscaler web cannot scale: Deployment web does not exist.",
				"  condition: AbleToScale=False (FailedGetScale): "+unableToGetScale+notFound, target),
		},
		"a target that has come since": {documents: failed(notFound) + checktest.WebDeployment("replicas: 1", "")},
		"a target that is about to come": {
			documents: webAutoscaler(twoToTen,
				hpaCondition("AbleToScale", "False", "FailedGetScale", checktest.JustNow, unableToGetScale+notFound)),
		},
		"able": {
			documents: webAutoscaler(twoToTen,
				hpaCondition("AbleToScale", "True", "ReadyForNewScale", checktest.LongAgo, "recommended size matches current size")),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, checktest.Text(t, Checks(), "hpa-target-missing", c.documents, c.unread...)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

const unableToGetScale = "the HPA controller was unable to get the target current scale: "

func TestHPAScalingDisabled(t *testing.T) {
	const text = "scaling is disabled since the replica count of the target is zero"
	cases := map[string]struct {
		documents string
		want      string
	}{
		"a target at zero": {
			documents: webAutoscaler(twoToTen, hpaCondition("ScalingActive", "False", "ScalingDisabled", checktest.LongAgo, text)),
			want: checktest.Lines(
				"info HorizontalPodAutoscaler/shop/web: HorizontalPodAutoscaler web is disabled: Deployment web is scaled to zero.",
				"  condition: ScalingActive=False (ScalingDisabled): "+text),
		},
		"a target that was scaled up since": {
			documents: webAutoscaler(twoToTen, hpaCondition("ScalingActive", "False", "ScalingDisabled", checktest.LongAgo, text)) +
				checktest.WebDeployment("replicas: 1", ""),
		},
		"a target that has Pods": {
			documents: webAutoscaler(twoToTen, hpaCondition("ScalingActive", "True", "ValidMetricFound", checktest.LongAgo, "ok")),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, checktest.Text(t, Checks(), "hpa-scaling-disabled", c.documents)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
