package autoscaling

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/kubectl"
	"kubeops.io/kubeops/internal/remedy"
)

// metricFailure says why an autoscaler has no metrics.
type metricFailure struct {
	why         string
	remediation remedy.Text
	because     []facts.Ref
	// ofPods is true when the state of the target's Pods may be behind it.
	ofPods bool
}

// explainMetricFailure reads the message of the condition ScalingActive. The formats are those of
// k8s.io/kubernetes/pkg/controller/podautoscaler (horizontal.go, replica_calculator.go, metrics/client.go) and of the API
// server's answers.
func explainMetricFailure(g *facts.Graph, hpa *facts.HPANode, active facts.Condition) metricFailure {
	message := active.Message
	switch active.Reason {
	case "InvalidSelector":
		return metricFailure{why: "its target has no usable Pod selector",
			remediation: "The target's scale subresource must name its Pods: set labelSelectorPath in the custom resource's " +
				"definition, or scale a Deployment instead."}
	case "AmbiguousSelector":
		return metricFailure{why: "another autoscaler scales the same Pods",
			remediation: remedy.Sprintf("The evidence names both: delete one of them (`kubectl -n %s get hpa`), or make the selectors of "+
				"their targets distinct.", hpa.Namespace)}
	}
	switch {
	case strings.Contains(message, "missing request for ") || strings.Contains(message, "missing pod-level request for "):
		return missingRequest(hpa, message)
	case strings.Contains(message, "no pods returned by selector"):
		return metricFailure{
			ofPods:      true,
			why:         "its target has no Pods",
			remediation: "Find out why it has none: " + kubectl.Describe(hpa.Target) + ".",
		}
	case strings.Contains(message, "pods might be unready"):
		return metricFailure{
			ofPods:      true,
			why:         "none of its Pods is ready",
			remediation: "Find out why its Pods are not ready: " + kubectl.Describe(hpa.Target) + ".",
		}
	case strings.Contains(message, "not found in Pod"):
		return metricFailure{why: "it scales on a container that the Pods do not have",
			remediation: remedy.Sprintf("Correct the container's name under spec.metrics: `kubectl -n %s edit "+
				"hpa %s`.", hpa.Namespace, hpa.Name)}
	}
	if group := metricGroup(active.Reason, message); group != "" {
		return metricsAPIFailure(g, hpa, group, message)
	}
	return metricFailure{why: "a metric cannot be read (" + active.Reason + ")"}
}

// missingRequest is for a target utilization of Pods that do not state what it is a part of.
func missingRequest(hpa *facts.HPANode, message string) metricFailure {
	_, rest, _ := strings.Cut(message, "request for ")
	resource, rest, _ := strings.Cut(rest, " in ")
	whose := "its Pods have"
	command := remedy.Command("kubectl -n %s set resources %s %s --requests=%s=<value>",
		hpa.Namespace, strings.ToLower(string(hpa.Target.Kind)), hpa.Target.Name, resource)
	if container, _, ok := strings.Cut(strings.TrimPrefix(rest, "container "), " of Pod "); ok && strings.HasPrefix(rest, "container ") {
		whose = "container " + container + " has"
		command = remedy.Command("%s -c %s", command, container)
	}
	return metricFailure{
		why:         fmt.Sprintf("%s no %s request, which a utilization target requires", whose, resource),
		remediation: remedy.Sprintf("State the request: `%s`.", command),
	}
}

// metricGroup is the API group that the metric comes from; empty when the message does not tell.
func metricGroup(reason, message string) string {
	switch {
	case strings.Contains(message, "external.metrics.k8s.io") || strings.Contains(message, "external metrics API") ||
		reason == "FailedGetExternalMetric":
		return "external.metrics.k8s.io"
	case strings.Contains(message, "custom.metrics.k8s.io") || strings.Contains(message, "custom metrics API") ||
		reason == "FailedGetPodsMetric" || reason == "FailedGetObjectMetric":
		return "custom.metrics.k8s.io"
	case strings.Contains(message, "metrics.k8s.io") || strings.Contains(message, "resource metrics API") ||
		reason == "FailedGetResourceMetric" || reason == "FailedGetContainerResourceMetric":
		return "metrics.k8s.io"
	default:
		return ""
	}
}

// metricsAPIFailure tells a metrics API that is not there from one that does not answer and one that has no data.
func metricsAPIFailure(g *facts.Graph, hpa *facts.HPANode, group, message string) metricFailure {
	server := "a metrics adapter that serves it, such as prometheus-adapter or KEDA"
	if group == "metrics.k8s.io" {
		server = "metrics-server"
	}
	services := apiServicesOf(g, group)
	because := services
	if len(services) == 0 {
		because = []facts.Ref{{Kind: facts.APIService, Name: "v1beta1." + group}}
	}
	look := remedy.Sprintf("`kubectl get apiservice %s`", because[0].Name)
	absent := len(services) == 0 && g.Complete(facts.APIService, "")
	switch {
	case absent, strings.Contains(message, "could not find the requested resource"), strings.Contains(message, "no custom metrics API"):
		return metricFailure{
			why: fmt.Sprintf("the cluster does not serve the API %s", group), because: because,
			remediation: remedy.Sprintf("Install %s; then %s shows it as available.", server, look),
		}
	case strings.Contains(message, "is forbidden"):
		return metricFailure{
			why: fmt.Sprintf("kube-controller-manager cannot read the API %s (RBAC)", group),
			remediation: remedy.Sprintf("Install %s together with its RBAC rules: the ClusterRole for ServiceAccount "+
				"horizontal-pod-autoscaler in kube-system is missing.", server),
		}
	case strings.Contains(message, "no metrics returned"), strings.Contains(message, "could not find the metric"),
		strings.Contains(message, "no known available metric versions"):
		return metricFailure{
			why: fmt.Sprintf("the API %s has no data for it", group), because: because, ofPods: true,
			remediation: remedy.Sprintf("See whether %s runs and what its log says (%s names its Service), and whether the metric's name "+
				"and selector are right: `kubectl -n %s describe hpa %s`.", server, look, hpa.Namespace, hpa.Name),
		}
	default:
		return metricFailure{
			why: fmt.Sprintf("the API %s does not respond", group), because: because,
			remediation: remedy.Sprintf("%s says why: look at the Service and the Pods of %s.", look, server),
		}
	}
}
