// Package outcome turns the end of a reconcile into conditions, one status patch, and what the controller does next. It is
// the same for every kind, so that `kubectl wait`, Argo CD and Flux understand them all.
//
//	Ready=True                       done                           next reconcile when due
//	Ready=False, Reconciling=True    something outside may recover  back-off, or wait a known time
//	Ready=False, Stalled=True        only the user can fix it       nothing until the resource changes
//	Ready=False, reason Suspended    reconciling is off             nothing until the resource changes
//	Ready=False, reason Incomplete   done in part                   next reconcile when due
package outcome

import (
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"kubeops.io/kubeops/internal/problem"
)

// defaultWait is when to look again after a problem that gives no time.
const defaultWait = time.Minute

// Next is what the controller does after a problem: retry with back-off, wait a known time, or nothing until the resource
// changes.
func Next(p *problem.Problem) (reconcile.Result, error) {
	switch p.Action {
	case problem.Wait:
		after := p.After
		if after <= 0 {
			after = defaultWait
		}
		return reconcile.Result{RequeueAfter: after}, nil
	case problem.UserMustAct:
		return reconcile.Result{}, reconcile.TerminalError(p)
	default:
		return reconcile.Result{}, p
	}
}
