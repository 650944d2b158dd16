package approval

import (
	"context"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/pipeline"
)

// Override reports who lets the attempt of a stage start outside of the windows of its Pipeline, and why: people with the verb approve, by
// Approvals with a comment. It is empty if no one does. As for a stage of type approval, who requested the run does not count. A rejection
// changes nothing: the stage waits for its window.
func (d *Driver) Override(ctx context.Context, attempt pipeline.Attempt) (string, error) {
	candidates, _, err := d.candidates(ctx, attempt)
	if err != nil {
		return "", err
	}
	asked := *attempt.Stage
	asked.Approval = &v1alpha1.ApprovalStage{Required: 1}
	attempt.Stage = &asked
	approvers := map[string]bool{}
	var reasons []string
	for _, candidate := range candidates {
		name := candidate.Spec.Approver
		if candidate.Spec.Decision == v1alpha1.DecisionReject || strings.TrimSpace(candidate.Spec.Comment) == "" ||
			name == attempt.RequestedBy || approvers[name] {
			continue
		}
		allowed, err := d.allowed(ctx, attempt, candidate)
		if err != nil {
			return "", err
		}
		if allowed {
			approvers[name] = true
			reasons = append(reasons, name+comment(candidate))
		}
	}
	if len(approvers) < required(attempt) {
		return "", nil
	}
	return strings.Join(reasons, "; "), nil
}
