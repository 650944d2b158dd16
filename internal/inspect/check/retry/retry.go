// Package retry says when a workload tries again to create Pods that were refused: its controller makes pauses that double up to a
// limit, so that the effect of a fix may show long after it.
package retry

import (
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// LongestPause is the limit of the pauses, in words. kube-controller-manager's work queues stop at 1,000 seconds
// (DefaultTypedControllerRateLimiter of client-go).
const LongestPause = "17 minutes"

// Now is the command that makes a workload try at once: the ReplicaSet of a new revision has no pauses behind it. It is empty for other
// kinds: a restart of a StatefulSet or a DaemonSet, to make up for a few Pods, would end all others, such as the members of a database.
func Now(workload facts.Ref) remedy.Words {
	if workload.Kind != facts.Deployment {
		return ""
	}
	return remedy.Command("kubectl -n %s rollout restart deployment/%s", workload.Namespace, workload.Name)
}

// Then ends a remedy with what makes its effect show; empty for a CronJob, which tries at its next time.
func Then(workload facts.Ref) remedy.Text {
	if command := Now(workload); command != "" {
		return remedy.Sprintf("Then let it try again at once: %s. Without the restart, its pauses grow to %s.", command.Code(),
			LongestPause)
	}
	if workload.Kind == facts.CronJob || workload.Kind.IsCustom() {
		return ""
	}
	return remedy.Sprintf("Its controller tries again within %s.", LongestPause)
}
