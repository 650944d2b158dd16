package doctor

import (
	"context"
	"fmt"
	"slices"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/selfcheck"
	"kubeops.io/kubeops/internal/serverclock"
)

// leaders reads the Leases of managers: who leads, since when, and whether the leader's clock is right.
func (e *examination) leaders(ctx context.Context) error {
	found := &coordinationv1.LeaseList{}
	if err := e.client.List(ctx, found, client.MatchingFields{"metadata.name": v1alpha1.LeaderElectionLease}); err != nil {
		return e.failed(err, "list Leases in all namespaces")
	}
	active := 0
	for i := range found.Items {
		lease := &found.Items[i]
		if e.leader(lease) {
			active++
		}
	}
	// A manager whose configuration turns the election off has no Lease.
	at := slices.IndexFunc(e.installed, func(i installation) bool {
		return i.elects && !i.unknown && i.deployment.Status.AvailableReplicas > 0
	})
	if active == 0 && at >= 0 {
		e.problem(checkLeader, kindLease+" "+v1alpha1.LeaderElectionLease,
			"is held by no one, although a manager runs: nothing is reconciled",
			remedy.Sprintf("See the log of the manager: `kubectl -n %s logs deployment/%s`.", e.installed[at].deployment.Namespace,
				e.installed[at].deployment.Name))
	}
	if active > 1 && len(e.installed) < active {
		e.problem(checkInstallations, kindLease+" "+v1alpha1.LeaderElectionLease, fmt.Sprintf("is held in %d namespaces at the same time: "+
			"each has a manager that leads", active), "Stop all managers but one, or let each serve its own `namespaces`.")
	}
	return nil
}

// leader records who holds a Lease, and reports whether someone does.
func (e *examination) leader(lease *coordinationv1.Lease) bool {
	object := fmt.Sprintf("%s %s/%s", kindLease, lease.Namespace, lease.Name)
	leader := Leader{Namespace: lease.Namespace}
	spec := &lease.Spec
	if spec.HolderIdentity != nil {
		leader.Holder = *spec.HolderIdentity
	}
	leader.Since, leader.Renewed = instant(spec.AcquireTime), instant(spec.RenewTime)
	if at, held := selfcheck.LastRenewed(lease); held {
		leader.Active = selfcheck.Leads(lease, e.now)
		// A Lease that has expired says nothing about the clock of a process that is gone.
		if skew := serverclock.Skew(*leader.Renewed, at); leader.Active && skew.Abs() > serverclock.MaxSkew {
			e.problem(checkClock, object, fmt.Sprintf("the clock of its holder %s is %s that of the API server: schedules, deadlines and "+
				"expiries are off by as much", leader.Holder, serverclock.Describe(skew)),
				"Synchronize the clock of the node of this Pod by NTP; `kubectl get pods -A -o wide` names the node.")
		}
	}
	e.report.Leaders = append(e.report.Leaders, leader)
	return leader.Active
}

func instant(at *metav1.MicroTime) *time.Time {
	if at == nil {
		return nil
	}
	return &at.Time
}
