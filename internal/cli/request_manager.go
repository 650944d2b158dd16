package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/fields"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/remedy"
)

const (
	// unattendedAfter is how long the status may stay as it was at the request before the command looks whether a manager works. A
	// controller handles a request within a second, unless all slots are taken.
	unattendedAfter = 15 * time.Second
	// leaseTimeout of that look, which may happen after the timeout of the command.
	leaseTimeout = 5 * time.Second
)

// warn prints once that no controller works on the request.
func (w *waiter) warn(ctx context.Context) {
	if w.checked || w.moved || time.Since(w.began) < unattendedAfter {
		return
	}
	w.checked = true
	if text := w.unattended(ctx); text != "" {
		fmt.Fprintf(w.stderr, "Inspection %s/%s: %s\n", w.store.Namespace, w.name, text)
	}
}

// unattended is why no controller works on the request, with the next step; empty if one does, or if the manager renews its Lease.
func (w *waiter) unattended(ctx context.Context) string {
	if w.moved {
		return ""
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseTimeout)
	defer cancel()
	lease := managerLease(limited, w.store)
	const noController = "no controller has picked up the request, since the status has not changed"
	switch {
	case lease == nil:
		return noController + "; check that the manager runs: " +
			string(remedy.Command("kubectl get deployments -A -l app.kubernetes.io/name=kubeops-manager").Code())
	case held(lease, time.Now()):
		return ""
	}
	since := "never"
	if at := lease.Spec.RenewTime; at != nil {
		since = "last at " + at.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("%s; no manager renews Lease %s/%s (%s): start it, or see %s", noController, lease.Namespace, lease.Name, since,
		remedy.Command("kubectl -n %s describe deployments -l app.kubernetes.io/name=kubeops-manager", lease.Namespace).Code())
}

// held reports whether a manager renews the Lease. The clocks of the machines may differ by another period.
func held(lease *coordinationv1.Lease, now time.Time) bool {
	spec := lease.Spec
	if spec.HolderIdentity == nil || *spec.HolderIdentity == "" || spec.RenewTime == nil || spec.LeaseDurationSeconds == nil {
		return false
	}
	return now.Sub(spec.RenewTime.Time) < 2*time.Duration(*spec.LeaseDurationSeconds)*time.Second
}

// managerLease is the Lease of the manager that was renewed last; nil if there is none, or the user cannot list Leases.
func managerLease(ctx context.Context, s *connect.Store) *coordinationv1.Lease {
	selector := fields.OneTermEqualSelector("metadata.name", v1alpha1.LeaderElectionLease)
	raw, err := s.Client.Get().AbsPath("/apis/coordination.k8s.io/v1/leases").Param("fieldSelector", selector.String()).Do(ctx).Raw()
	var list coordinationv1.LeaseList
	if err != nil || json.Unmarshal(raw, &list) != nil {
		return nil
	}
	var latest *coordinationv1.Lease
	for i, lease := range list.Items {
		renewed := lease.Spec.RenewTime
		if latest == nil || renewed != nil && (latest.Spec.RenewTime == nil || latest.Spec.RenewTime.Before(renewed)) {
			latest = &list.Items[i]
		}
	}
	return latest
}
