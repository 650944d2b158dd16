package bundles

import (
	"context"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authorizationv1client "k8s.io/client-go/kubernetes/typed/authorization/v1"
)

// authorize that the Secret of a Git source is sent to its server: the ServiceAccount of the bundle must be able to get it, as for the
// manager. Otherwise, who writes a bundle could have a user who reads more Secrets send any of them anywhere.
func (p *bundlePlanner) authorize(ctx context.Context, secret, field string) error {
	reviews, err := authorizationv1client.NewForConfig(p.store.Target.Config)
	if err != nil {
		return fmt.Errorf("load kubeconfig: %w", err)
	}
	namespace := p.bundle.Namespace
	account := p.bundle.ServiceAccountName()
	review, err := reviews.LocalSubjectAccessReviews(namespace).Create(ctx, &authorizationv1.LocalSubjectAccessReview{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace},
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User:   "system:serviceaccount:" + namespace + ":" + account,
			Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: namespace, Verb: "get", Version: "v1", Resource: "secrets", Name: secret,
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return p.store.Target.Failed(err, "create localsubjectaccessreviews.authorization.k8s.io in namespace "+namespace)
	}
	if !review.Status.Allowed {
		return fmt.Errorf("ServiceAccount %s/%s cannot get Secret %s (RBAC, referenced by %s), so it is not sent to the server; grant it",
			namespace, account, secret, field)
	}
	return nil
}
