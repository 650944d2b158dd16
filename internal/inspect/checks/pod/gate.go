package pod

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

func gateCheck() check.Check {
	return check.Check{
		ID: "readiness-gate-not-true", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
		Summary: "Containers are ready, but a readiness gate keeps the Pod from being ready.",
		Meaning: "The condition Ready of the Pod is False with reason ReadinessGatesNotReady for longer than the startup grace. A " +
			"controller outside the Pod, often that of a load balancer, sets the condition that spec.readinessGates names. The Pod gets " +
			"no traffic from Services, and a rollout waits for it.",
		Remediation: "Look at the controller that sets the condition, and at its reason in the evidence. For a load balancer: do its " +
			"health checks use the right path and port, and do security groups and NetworkPolicies let it reach the Pods?",
		Link:  "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-readiness-gate",
		Needs: []facts.Kind{facts.Pod}, Uses: check.RollUpKinds(),
		Run: gateNotTrue,
	}
}

func gateNotTrue(g *facts.Graph, p check.Params) []check.Finding {
	var failures []check.FailingPod
	for _, pod := range g.Pods {
		ready, told := pod.Condition("Ready")
		if !told || ready.Status == "True" || ready.Reason != "ReadinessGatesNotReady" || !pod.IsActive() ||
			!g.OlderThan(ready.Since, p.StartupGrace) {
			continue
		}
		for _, gate := range gatesOf(ready.Message) {
			failures = append(failures, gateFailure(g, pod, ready, gate))
		}
	}
	return check.RollUp(g, failures)
}

// gatesOf are the conditions that are not True, from the kubelet's message (pkg/kubelet/status/generate.go): the status of pod readiness
// gate "NAME" is not "True", but False; and: corresponding condition of pod readiness gate "NAME" does not exist.
func gatesOf(message string) []string {
	var gates []string
	for rest := message; ; {
		_, after, found := strings.Cut(rest, `readiness gate "`)
		if !found {
			return gates
		}
		gate, behind, closed := strings.Cut(after, `"`)
		if closed && gate != "" && !slices.Contains(gates, gate) {
			gates = append(gates, gate)
		}
		rest = behind
	}
}

func gateFailure(g *facts.Graph, pod *facts.PodNode, ready facts.Condition, gate string) check.FailingPod {
	f := check.Finding{Evidence: []check.Evidence{check.QuoteCondition(ready)}}
	why := "no controller has set it"
	if c, set := pod.Condition(gate); set {
		why = c.Status
		if c.Reason != "" {
			why += " (" + c.Reason + ")"
		}
		f.Evidence = append(f.Evidence, check.QuoteCondition(c))
	}
	f.Evidence = append(f.Evidence, check.FromCondition("the containers of Pod %s are ready", pod.Name))
	f.Message = fmt.Sprintf("Pods of %s are not ready, although their containers are: readiness gate %s is not True: %s.",
		g.OwnerName(pod), gate, why)
	f.Remediation = remedy.Sprintf("Look at the controller that sets condition %s of the Pods: its log, and its objects.", gate)
	if strings.HasPrefix(gate, "target-health.") {
		f.Remediation = remedy.Sprintf("The load balancer cannot reach the Pods. Check that its target group probes a path and port that "+
			"the containers serve, and that security groups and NetworkPolicies let it reach them: `kubectl -n %s get "+
			"targetgroupbindings`, and the log of the load balancer's controller.", pod.Namespace)
	}
	return check.FailingPod{Pod: pod, Discriminator: gate, Finding: f}
}
