// Package access asks what the ServiceAccount of a Pipeline may do, for stages whose work the manager does itself: who writes a Pipeline
// can do no more with it than the account can.
package access

import (
	"context"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
)

// Allowed reports whether the ServiceAccount of an attempt may do something in the namespace of the attributes. The error is a problem.
func Allowed(
	ctx context.Context, c client.Client, attempt pipeline.Attempt, attributes authorizationv1.ResourceAttributes,
) (bool, error) {
	review := &authorizationv1.LocalSubjectAccessReview{
		ObjectMeta: metav1.ObjectMeta{Namespace: attributes.Namespace},
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User: "system:serviceaccount:" + attempt.Namespace + ":" + attempt.ServiceAccount,
			Groups: []string{
				"system:serviceaccounts", "system:serviceaccounts:" + attempt.Namespace, "system:authenticated",
			},
			ResourceAttributes: &attributes,
		},
	}
	if err := c.Create(ctx, review); err != nil {
		return false, problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot check the permissions of ServiceAccount %s (%s)",
			attempt.ServiceAccount, apierror.Describe(err))
	}
	return review.Status.Allowed, nil
}
