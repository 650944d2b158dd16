package approval

import (
	"context"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/pipeline"
)

// lookAgain is when a gate without data that waits for a person looks for data again.
const lookAgain = 30 * time.Second

// Gate is the Driver of a gate whose missing data a person may approve, if its stage says so.
type Gate struct {
	pipeline.Driver
	// Approvals counts those of the stage.
	Approvals *Driver
}

// Check implements pipeline.Driver.
func (g *Gate) Check(ctx context.Context, attempt pipeline.Attempt) error {
	if attempt.Stage.MissingData() == v1alpha1.NoDataApprove {
		if err := g.Approvals.Check(ctx, attempt); err != nil {
			return err
		}
	}
	return g.Driver.Check(ctx, attempt)
}

// Get implements pipeline.Driver. While there is no data, it counts Approvals; data that arrives is judged as usual.
func (g *Gate) Get(ctx context.Context, attempt pipeline.Attempt, handle string) (pipeline.Observation, error) {
	o, err := g.Driver.Get(ctx, attempt, handle)
	if err != nil || o.State != pipeline.Failed || o.Reason != v1alpha1.ReasonNoData ||
		attempt.Stage.MissingData() != v1alpha1.NoDataApprove {
		return o, err
	}
	outputs := attempt.Stage.Outputs()
	asked := *attempt.Stage
	asked.Approval = &v1alpha1.ApprovalStage{Required: 1, Message: o.Message}
	attempt.Stage = &asked
	decided, err := g.Approvals.Get(ctx, attempt, attempt.Digest)
	if err != nil {
		return pipeline.Observation{}, err
	}
	if decided.State == pipeline.Running {
		decided.After = lookAgain
	}
	if decided.State == pipeline.Succeeded {
		decided.Message += " without data"
		decided.Outputs = map[string]string{}
		for _, key := range outputs {
			decided.Outputs[key] = ""
		}
	}
	return decided, nil
}
