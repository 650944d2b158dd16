package apply

import (
	"context"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Health of an object, as computed by kstatus.
type Health string

// Values of Health.
const (
	// Healthy: the cluster reached the state that the object specifies.
	Healthy Health = "Healthy"
	// InProgress: the cluster has not reached that state yet.
	InProgress Health = "InProgress"
	// Failed: the cluster cannot reach that state without a change.
	Failed Health = "Failed"
	// Missing: the object does not exist or is being deleted.
	Missing Health = "Missing"
)

// Health reads the health of an object in the cluster.
func (a *Applier) Health(ctx context.Context, ref Ref) (Health, error) {
	object := ref.object()
	if err := a.Client.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
		if apierrors.IsNotFound(err) {
			return Missing, nil
		}
		return "", toProblem(err, ref)
	}
	result, err := status.Compute(object)
	if err != nil {
		return "", toProblem(err, ref)
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
