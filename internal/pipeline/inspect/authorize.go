package inspect

import (
	"context"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/remedy"
)

// Role is the ClusterRole that permits to request runs of Inspections.
const Role = "kubeops-pipeline-inspections"

// authorize asks whether the ServiceAccount of the Pipeline may get and patch the Inspection: who writes a Pipeline can do no more with it
// than the account can. The manager itself reads and patches it.
func (d *Driver) authorize(ctx context.Context, attempt pipeline.Attempt) error {
	name := attempt.Stage.Inspect.InspectionRef.Name
	for _, verb := range []string{"get", "patch"} {
		review := &authorizationv1.LocalSubjectAccessReview{
			ObjectMeta: metav1.ObjectMeta{Namespace: attempt.Namespace},
			Spec: authorizationv1.SubjectAccessReviewSpec{
				User: "system:serviceaccount:" + attempt.Namespace + ":" + attempt.ServiceAccount,
				Groups: []string{
					"system:serviceaccounts", "system:serviceaccounts:" + attempt.Namespace, "system:authenticated",
				},
				ResourceAttributes: &authorizationv1.ResourceAttributes{
					Namespace: attempt.Namespace, Verb: verb, Group: v1alpha1.Group, Resource: "inspections", Name: name,
				},
			},
		}
		if err := d.Client.Create(ctx, review); err != nil {
			return problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot check the permissions of ServiceAccount %s (%s)",
				attempt.ServiceAccount, apierror.Describe(err))
		}
		if !review.Status.Allowed {
			return problem.UserError(v1alpha1.ReasonInspectionForbidden, nil,
				"ServiceAccount %s/%s cannot %s Inspection %s (RBAC). Grant it with: %s", attempt.Namespace, attempt.ServiceAccount, verb,
				name, remedy.Command("kubectl -n %[1]s create rolebinding %[3]s-%[2]s --clusterrole=%[3]s --serviceaccount=%[1]s:%[2]s",
					attempt.Namespace, attempt.ServiceAccount, Role))
		}
	}
	return nil
}
