package report

import (
	"cmp"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// starting counts the workloads that are not ready and on which the checks do not report yet: after a rollout or in a new cluster, no
// finding does not mean that all is well. Nil if there are none.
func starting(in Input) *v1alpha1.StartingWorkloads {
	g := in.Graph
	young := map[facts.Ref]bool{}
	mark := func(ref facts.Ref) {
		if !ref.InNamespaces(in.ExcludeNamespaces) {
			young[ref] = true
		}
	}
	for _, pod := range g.Pods {
		if pod.IsActive() && !pod.Ready && !g.OlderThan(pod.NotReadySince(), in.StartupGrace) {
			mark(g.TopOwner(pod.Ref))
		}
	}
	for _, workload := range g.Workloads {
		if workload.WantsPods() && workload.Current < workload.Desired && !g.OlderThan(workload.Changed, in.StartupGrace) {
			mark(g.TopOwner(workload.Ref))
		}
	}
	for _, f := range in.Findings {
		if f.Class == v1alpha1.ClassProblem {
			delete(young, g.TopOwner(f.Object))
		}
	}
	if len(young) == 0 {
		return nil
	}
	return &v1alpha1.StartingWorkloads{
		Workloads: int32(len(young)), //nolint:gosec // bounded by the number of objects
		Grace:     metav1.Duration{Duration: in.StartupGrace},
	}
}

// addStarting adds the counts of two clusters. Their checks have the same settings.
func addStarting(total, n *v1alpha1.StartingWorkloads) *v1alpha1.StartingWorkloads {
	if total == nil || n == nil {
		return cmp.Or(total, n)
	}
	return &v1alpha1.StartingWorkloads{Workloads: total.Workloads + n.Workloads, Grace: n.Grace}
}
