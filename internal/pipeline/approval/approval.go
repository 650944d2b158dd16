// Package approval is the stage that waits for people. It starts nothing: it counts Approvals of its attempt whose authors may approve.
package approval

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

const (
	// Policy is the ValidatingAdmissionPolicy that holds the name of an approver to the authenticated user.
	Policy = "kubeops-approvals"
	// probe is an approver that no user is.
	probe = "kubeops:policy-probe"
	// maxCandidates are the Approvals of an attempt that are counted, the oldest first.
	maxCandidates = 50
	// maxQuote of a message of the API server, or of a comment, in characters.
	maxQuote = 200
	// resync is when to look again without an event.
	resync = 5 * time.Minute
)

// Driver counts Approvals. All fields are required.
type Driver struct {
	// Approvals reads them; it may be a cache.
	Approvals client.Reader
	// Client asks who may approve, and whether the policy is in effect.
	Client client.Client
}

// Check implements pipeline.Driver. Approvals prove nothing without the policy, so that it must be in effect.
func (d *Driver) Check(ctx context.Context, attempt pipeline.Attempt) error {
	forged := &v1alpha1.Approval{
		ObjectMeta: metav1.ObjectMeta{Namespace: attempt.Namespace, GenerateName: "probe-"},
		Spec: v1alpha1.ApprovalSpec{
			Pipeline: attempt.Pipeline, Run: attempt.Run, Stage: attempt.Stage.Name, Attempt: 1,
			Digest: "sha256:" + strings.Repeat("0", 64), Approver: probe,
		},
	}
	err := d.Client.Create(ctx, forged, client.DryRunAll)
	switch {
	case err == nil:
		return problem.UserError(v1alpha1.ReasonApprovalPolicyMissing, nil,
			"ValidatingAdmissionPolicy %s is not in effect, so anyone could "+
				"approve in the name of another; install config/admission of KubeOps", Policy)
	case (apierrors.IsForbidden(err) || apierrors.IsInvalid(err)) && strings.Contains(err.Error(), "'"+Policy+"'"):
		return nil
	}
	return problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot check ValidatingAdmissionPolicy %s (%s)", Policy,
		apierror.DescribeWithMessage(err, maxQuote))
}

// Start implements pipeline.Driver.
func (d *Driver) Start(_ context.Context, attempt pipeline.Attempt) (string, error) {
	return attempt.Digest, nil
}

// Find implements pipeline.Driver.
func (d *Driver) Find(_ context.Context, attempt pipeline.Attempt) (pipeline.Lookup, error) {
	return pipeline.Lookup{Presence: pipeline.Found, Handle: attempt.Digest}, nil
}

// Cancel implements pipeline.Driver.
func (d *Driver) Cancel(context.Context, pipeline.Attempt, string) (bool, error) { return true, nil }

// Expired implements pipeline.Expirer.
func (d *Driver) Expired(attempt pipeline.Attempt) (reason, message string) {
	return v1alpha1.ReasonApprovalExpired, fmt.Sprintf("not approved within %s", attempt.Stage.AttemptTimeout())
}

// Get implements pipeline.Driver.
func (d *Driver) Get(ctx context.Context, attempt pipeline.Attempt, _ string) (pipeline.Observation, error) {
	candidates, outdated, err := d.candidates(ctx, attempt)
	if err != nil {
		return pipeline.Observation{}, err
	}
	var approvers, ignored []string
	for _, candidate := range candidates {
		name := candidate.Spec.Approver
		if name == attempt.RequestedBy && !attempt.Stage.Approval.AllowSelf {
			ignored = append(ignored, name+" requested the run")
			continue
		}
		allowed, err := d.allowed(ctx, attempt, candidate)
		if err != nil {
			return pipeline.Observation{}, err
		}
		switch {
		case !allowed:
			ignored = append(ignored, name+" lacks the verb approve")
		case candidate.Spec.Decision == v1alpha1.DecisionReject:
			return pipeline.Observation{
				State: pipeline.Failed, Reason: v1alpha1.ReasonApprovalRejected, Message: "rejected by " + name + comment(candidate),
			}, nil
		case !slices.Contains(approvers, name):
			approvers = append(approvers, name)
		}
	}
	required := required(attempt)
	if len(approvers) >= required {
		return pipeline.Observation{
			State: pipeline.Succeeded, Message: "approved by " + strings.Join(approvers, ", "),
			Outputs: map[string]string{v1alpha1.OutputApprovers: strings.Join(approvers, ",")},
		}, nil
	}
	message := fmt.Sprintf("%d of %s", len(approvers), text.Count(required, "approval"))
	if attempt.Stage.Approval.Message != "" {
		message += ": " + attempt.Stage.Approval.Message
	}
	message += "; approve with " + string(remedy.Command("kubeops pipeline approve %s %s -n %s", attempt.Run, attempt.Stage.Name,
		attempt.Namespace).Code())
	if anyoneRequested(attempt) {
		message += "; one more than approval.required, since it is unknown who requested the run"
	}
	if len(ignored) > 0 {
		message += "; ignored: " + text.List(ignored, 3)
	}
	if outdated > 0 {
		message += "; " + text.Count(outdated, "Approval") + " of another attempt or digest"
	}
	return pipeline.Observation{Reason: v1alpha1.ReasonAwaitingApproval, Message: message, After: resync}, nil
}

// anyoneRequested reports whether each approver could be who requested the run, such as the author of the commit that a webhook reported.
func anyoneRequested(attempt pipeline.Attempt) bool {
	return attempt.RequestedBy == "" && !attempt.Stage.Approval.AllowSelf
}

// required is the number of different approvers. If each could be who requested the run, one more ensures that enough of them did not.
func required(attempt pipeline.Attempt) int {
	count := max(int(attempt.Stage.Approval.Required), 1)
	if anyoneRequested(attempt) {
		count++
	}
	return count
}

func comment(approval v1alpha1.Approval) string {
	if approval.Spec.Comment == "" {
		return ""
	}
	return ": " + text.Clip(approval.Spec.Comment, maxQuote)
}

// candidates are the Approvals of the attempt, the oldest first, and how many others are about its stage.
func (d *Driver) candidates(ctx context.Context, attempt pipeline.Attempt) (found []v1alpha1.Approval, outdated int, err error) {
	list := &v1alpha1.ApprovalList{}
	if err := d.Approvals.List(ctx, list, client.InNamespace(attempt.Namespace)); err != nil {
		return nil, 0, problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot list Approvals (%s)", apierror.Describe(err))
	}
	for _, approval := range list.Items {
		spec := approval.Spec
		switch {
		case spec.Run != attempt.Run || spec.Stage != attempt.Stage.Name || spec.Pipeline != attempt.Pipeline:
		case spec.Attempt != attempt.Number || spec.Digest != attempt.Digest:
			outdated++
		default:
			found = append(found, approval)
		}
	}
	slices.SortFunc(found, func(a, b v1alpha1.Approval) int {
		if order := a.CreationTimestamp.Compare(b.CreationTimestamp.Time); order != 0 {
			return order
		}
		return strings.Compare(a.Name, b.Name)
	})
	return found[:min(len(found), maxCandidates)], outdated, nil
}

// allowed asks whether the author may approve now.
func (d *Driver) allowed(ctx context.Context, attempt pipeline.Attempt, approval v1alpha1.Approval) (bool, error) {
	review := &authorizationv1.LocalSubjectAccessReview{
		ObjectMeta: metav1.ObjectMeta{Namespace: attempt.Namespace},
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User: approval.Spec.Approver, Groups: approval.Spec.Groups,
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: attempt.Namespace, Verb: v1alpha1.VerbApprove, Group: v1alpha1.Group, Resource: "pipelines",
				Name: attempt.Pipeline,
			},
		},
	}
	if err := d.Client.Create(ctx, review); err != nil {
		return false, problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot check who may approve (%s)", apierror.Describe(err))
	}
	return review.Status.Allowed, nil
}
