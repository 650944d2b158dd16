package pod

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

// debuggers is how the names of the Pods begin that `kubectl debug node/NAME` creates: their exit code is that of the last command that a
// person typed.
const debuggers = "node-debugger-"

func failedCheck() check.Check {
	return check.Check{
		ID: "pod-failed", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
		Summary: "A Pod without a controller has failed.",
		Meaning: "A Pod that no object owns ended within the recent window (an hour unless set) with an error, and no controller runs it " +
			"again. Its " +
			"restartPolicy is Never, or it ran for longer than activeDeadlineSeconds. Pods of one namespace whose containers have " +
			"the same image and ended in the same way are one finding, about the newest. A container that was OOMKilled, a failed init " +
			"container, and Pods that were evicted, rejected or ended with their node have their own checks; Pods of `kubectl debug` are " +
			"ignored.",
		Remediation: "Read its log (`kubectl logs <pod>`), fix the cause, and create the Pod again. A Job repeats its Pod (backoffLimit) " +
			"and removes it (ttlSecondsAfterFinished).",
		Link:  "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase",
		Needs: []facts.Kind{facts.Pod}, Uses: logKinds(), ExplainedBy: []string{dependencyUnreachable}, Run: failed,
	}
}

// failure is a Pod that failed, and the container that ended with an error; nil if the Pod itself did.
type failure struct {
	pod       *facts.PodNode
	container *facts.Container
	// image and how are what the failures of one finding have in common.
	image, how string
}

func failed(g *facts.Graph, p check.Params) []check.Finding {
	type group struct{ namespace, image, how string }
	groups := map[group][]failure{}
	for _, pod := range g.Pods {
		if f, ok := failureOf(g, p, pod); ok {
			key := group{pod.Namespace, f.image, f.how}
			groups[key] = append(groups[key], f)
		}
	}
	findings := make([]check.Finding, 0, len(groups))
	for _, failures := range groups {
		slices.SortFunc(failures, func(a, b failure) int {
			return cmp.Or(ended(b.pod).Compare(ended(a.pod)), a.pod.Ref.Compare(b.pod.Ref))
		})
		findings = append(findings, failedFinding(g, failures))
	}
	slices.SortFunc(findings, func(a, b check.Finding) int { return a.Object.Compare(b.Object) })
	return findings
}

func failureOf(g *facts.Graph, p check.Params, pod *facts.PodNode) (failure, bool) {
	if pod.Phase != "Failed" || pod.Owned || !pod.Owner.IsZero() || !pod.Deleting.IsZero() || !recent(g, p, ended(pod)) ||
		strings.HasPrefix(pod.Name, debuggers) {
		return failure{}, false
	}
	switch pod.Reason {
	case "", "Error", "DeadlineExceeded":
	default: // of the kubelet or the node
		return failure{}, false
	}
	if _, disrupted := pod.Condition("DisruptionTarget"); disrupted {
		return failure{}, false
	}
	for _, c := range pod.InitContainers {
		if end, ok := lastEnd(c); ok && !c.Sidecar && exitCode(end) != 0 && pod.Reason != "DeadlineExceeded" {
			return failure{}, false
		}
	}
	f := failure{pod: pod, how: pod.Reason}
	for i := range pod.Containers {
		end, ok := lastEnd(pod.Containers[i])
		switch {
		case ok && (outOfMemory(end) || lostWithNode(end)):
			return failure{}, false
		case f.container == nil && ok && exitCode(end) != 0:
			f.container = &pod.Containers[i]
			f.image = f.container.Image
			f.how = cmp.Or(pod.Reason, exitText(end))
		}
	}
	return f, f.container != nil || pod.Reason == "DeadlineExceeded"
}

func failedFinding(g *facts.Graph, failures []failure) check.Finding {
	f := failures[0]
	finding := check.Finding{Object: f.pod.Ref, Discriminator: f.how}
	switch {
	case f.pod.Reason == "DeadlineExceeded":
		finding.Message = fmt.Sprintf("Pod %s ran for longer than its activeDeadlineSeconds, and was ended.", f.pod.Name)
		finding.Remediation = remedy.Sprintf("See how far it came: %s. Raise activeDeadlineSeconds, or make the work shorter, and create "+
			"the Pod again.", logOf(f))
	default:
		end, _ := lastEnd(*f.container)
		finding.Message = fmt.Sprintf("Pod %s has failed: container %s ended with %s. No controller runs it again.", f.pod.Name,
			f.container.Name, exitText(end))
		finding.Evidence = append(finding.Evidence, endEvidence(f.pod, *f.container, end))
		finding.Remediation = exitAdvice(g, f.pod, *f.container, end)
		finding.Remediation += remedy.Sprintf(" Then delete the Pod and create it again, or let a Job repeat it.")
	}
	if f.pod.Message != "" {
		finding.Evidence = append(finding.Evidence, check.FromCondition("Pod %s failed: %s", f.pod.Name, f.pod.Message))
	}
	if f.container != nil {
		finding.Logs = &check.LogRef{Namespace: f.pod.Namespace, Pod: f.pod.Name, Container: f.container.Name}
	}
	if others := len(failures) - 1; others > 0 {
		var names []string
		for _, other := range failures[1:] {
			names = append(names, other.pod.Name)
		}
		finding.Evidence = append(finding.Evidence, check.FromCondition("%d %s ended in the same way: %s", others,
			phrase.Plural(others, "other Pod", "other Pods"), text.List(names, 3)))
	}
	return finding
}

// logOf is the command that shows what a failed Pod said.
func logOf(f failure) remedy.Text {
	if f.container != nil {
		return logsCommand(f.pod, *f.container)
	}
	return remedy.Sprintf("`kubectl -n %s logs %s`", f.pod.Namespace, f.pod.Name)
}
