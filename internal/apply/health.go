package apply

import (
	"context"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Health of an object, as kstatus sees it.
type Health string

// Healths.
const (
	// Healthy says that the cluster did what the object asks for.
	Healthy Health = "Healthy"
	// InProgress says that it is being done.
	InProgress Health = "InProgress"
	// Failed says that it will not be done without a change.
	Failed Health = "Failed"
	// Missing says that the object does not exist, or is being deleted.
	Missing Health = "Missing"
)

// Health of an object that is in the cluster.
func (a *Applier) Health(ctx context.Context, ref Ref) (Health, error) {
	o := ref.object()
	if err := a.Client.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
		if apierrors.IsNotFound(err) {
			return Missing, nil
		}
		return "", explain(err, ref)
	}
	result, err := status.Compute(o)
	if err != nil {
		return "", explain(err, ref)
	}
	switch result.Status {
	case status.CurrentStatus:
		return Healthy, nil
	case status.FailedStatus:
		return Failed, nil
	case status.TerminatingStatus, status.NotFoundStatus:
		return Missing, nil
	}
	return InProgress, nil
}
