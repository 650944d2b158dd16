// Package job is the stage that runs a Kubernetes Job. The name of the Job is the key of the attempt, so that the API server itself
// refuses a second one. All requests are made as the ServiceAccount of the Pipeline.
package job

import (
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/impersonate"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/remedy"
)

const (
	// Role is the ClusterRole that the ServiceAccount needs in its namespace.
	Role = "kubeops-pipeline-jobs"
	// maxQuote of a message of the API server, in characters.
	maxQuote = 300
	// reasonRunning of a Job in progress.
	reasonRunning = "JobRunning"
	// reasonSuspended of a Job that was suspended by someone else than this stage.
	reasonSuspended = "JobSuspended"
)

// Driver runs Jobs.
type Driver struct {
	// Accounts acts as the ServiceAccounts of tenants.
	Accounts impersonate.Source
}

// client of the ServiceAccount. Connections are shared with all clients of the manager.
func (d *Driver) client(attempt pipeline.Attempt) (kubernetes.Interface, error) {
	config, err := d.Accounts.As(attempt.Namespace, attempt.ServiceAccount)
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

// Check implements pipeline.Driver: the API server validates the Job, and whether the ServiceAccount may create it, without creating it.
func (d *Driver) Check(ctx context.Context, attempt pipeline.Attempt) error {
	if _, err := d.Accounts.Existing(ctx, attempt.Namespace, attempt.ServiceAccount, "the pipeline runs Jobs with",
		"grant it the permission: "+string(grant(attempt))); err != nil {
		return err
	}
	return d.create(ctx, attempt, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
}

// Start implements pipeline.Driver.
func (d *Driver) Start(ctx context.Context, attempt pipeline.Attempt) (string, error) {
	return attempt.Key, d.create(ctx, attempt, metav1.CreateOptions{})
}

// create the Job. One that the attempt has created before is no error.
func (d *Driver) create(ctx context.Context, attempt pipeline.Attempt, options metav1.CreateOptions) error {
	wanted, err := build(attempt)
	if err != nil {
		return err
	}
	clients, err := d.client(attempt)
	if err != nil {
		return err
	}
	_, err = clients.BatchV1().Jobs(attempt.Namespace).Create(ctx, wanted, options)
	if apierrors.IsAlreadyExists(err) {
		_, err = d.get(ctx, attempt)
		return err
	}
	return toProblem(attempt, "create", err)
}

// get the Job of the attempt; nil if there is none. One of the same name that belongs to something else is a problem.
func (d *Driver) get(ctx context.Context, attempt pipeline.Attempt) (*batchv1.Job, error) {
	clients, err := d.client(attempt)
	if err != nil {
		return nil, err
	}
	found, err := clients.BatchV1().Jobs(attempt.Namespace).Get(ctx, attempt.Key, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, toProblem(attempt, "get", err)
	case !owned(found, attempt):
		return nil, problem.UserError(v1alpha1.ReasonInvalidJob, nil, "Job %s/%s exists and belongs to something else; delete or rename it",
			attempt.Namespace, attempt.Key)
	}
	return found, nil
}

func owned(found *batchv1.Job, attempt pipeline.Attempt) bool {
	for _, owner := range found.OwnerReferences {
		if owner.UID == attempt.UID {
			return true
		}
	}
	return false
}

// Find implements pipeline.Driver. A name that the API server does not know was never created, or was deleted.
func (d *Driver) Find(ctx context.Context, attempt pipeline.Attempt) (pipeline.Lookup, error) {
	found, err := d.get(ctx, attempt)
	switch {
	case err != nil:
		return pipeline.Lookup{}, err
	case found == nil:
		return pipeline.Lookup{Presence: pipeline.Never}, nil
	}
	return pipeline.Lookup{Presence: pipeline.Found, Handle: found.Name}, nil
}

// Get implements pipeline.Driver.
func (d *Driver) Get(ctx context.Context, attempt pipeline.Attempt, handle string) (pipeline.Observation, error) {
	found, err := d.get(ctx, attempt)
	switch {
	case err != nil:
		return pipeline.Observation{}, err
	case found == nil:
		return pipeline.Observation{
			State: pipeline.Lost, Message: fmt.Sprintf("Job %s was deleted, so its result is unknown", handle),
		}, nil
	}
	for _, condition := range found.Status.Conditions {
		if condition.Status != corev1.ConditionTrue {
			continue
		}
		switch condition.Type {
		case batchv1.JobComplete:
			return pipeline.Observation{State: pipeline.Succeeded}, nil
		case batchv1.JobFailed:
			return d.failure(ctx, attempt, condition.Message), nil
		}
	}
	suspended := found.Spec.Suspend != nil && *found.Spec.Suspend
	if suspended && found.Status.Active == 0 {
		return pipeline.Observation{State: pipeline.Aborted, Reason: reasonSuspended, Message: "Job " + handle + " was suspended"}, nil
	}
	message := fmt.Sprintf("Job %s is in progress", handle)
	if found.Status.Active == 0 {
		message = fmt.Sprintf("Job %s has no active Pods", handle)
	}
	return pipeline.Observation{Reason: reasonRunning, Message: message}, nil
}

// Cancel implements pipeline.Driver. A suspended Job ends its Pods and stays for the record.
func (d *Driver) Cancel(ctx context.Context, attempt pipeline.Attempt, handle string) (bool, error) {
	found, err := d.get(ctx, attempt)
	switch {
	case err != nil:
		return false, err
	case found == nil:
		return true, nil
	case found.Spec.Suspend != nil && *found.Spec.Suspend:
		return false, nil
	}
	clients, err := d.client(attempt)
	if err != nil {
		return false, err
	}
	_, err = clients.BatchV1().Jobs(attempt.Namespace).Patch(ctx, handle, types.MergePatchType, []byte(`{"spec":{"suspend":true}}`),
		metav1.PatchOptions{})
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	return false, toProblem(attempt, "patch", err)
}

// grant is the command that gives the ServiceAccount what the stage needs.
func grant(attempt pipeline.Attempt) remedy.Words {
	return remedy.Command("kubectl -n %[1]s create rolebinding %[3]s-%[2]s --clusterrole=%[3]s --serviceaccount=%[1]s:%[2]s",
		attempt.Namespace, attempt.ServiceAccount, Role)
}

// toProblem describes an error of the API server.
func toProblem(attempt pipeline.Attempt, verb string, err error) error {
	if err == nil {
		return nil
	}
	prefix := fmt.Sprintf("stage %s: cannot %s Job %s/%s", attempt.Stage.Name, verb, attempt.Namespace, attempt.Key)
	switch refused, impersonation := apierror.ImpersonationRefused(err); {
	case impersonation && refused.OfAccount():
		return impersonate.Refused(refused, attempt.Namespace, attempt.ServiceAccount)
	case impersonation:
		return problem.UserError(v1alpha1.ReasonImpersonationForbidden, nil, "%s: %s", prefix,
			refused.Message(attempt.Namespace, attempt.ServiceAccount))
	case apierrors.IsForbidden(err):
		return problem.UserError(v1alpha1.ReasonJobForbidden, nil, "%s as ServiceAccount %s (%s). To grant it: %s", prefix,
			attempt.ServiceAccount, apierror.DescribeWithMessage(err, maxQuote), grant(attempt))
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsRequestEntityTooLargeError(err):
		return problem.UserError(v1alpha1.ReasonInvalidJob, nil, "%s: %s", prefix, apierror.DescribeWithMessage(err, maxQuote))
	}
	return problem.Retrying(v1alpha1.ReasonRetrying, err, "%s (%s)", prefix, apierror.Describe(err))
}
