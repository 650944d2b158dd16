package clusters

import (
	"context"
	"fmt"
	"slices"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authorizationv1client "k8s.io/client-go/kubernetes/typed/authorization/v1"
)

// nowhere is a namespace without RoleBindings: the rules of a review there are those of the whole cluster.
const nowhere = "kubeops-rules-of-the-whole-cluster"

// Missing returns which of some resources the credentials cannot list in all namespaces. One review lists the rules; those that it does not
// contain are asked for one by one, since authorizers other than RBAC need not list theirs.
func (c *Connection) Missing(ctx context.Context, resources []metav1.GroupResource) ([]metav1.GroupResource, error) {
	reviews, err := authorizationv1client.NewForConfig(c.Config())
	if err != nil {
		return nil, fmt.Errorf("client for access reviews: %w", err)
	}
	rules, err := reviews.SelfSubjectRulesReviews().Create(ctx, &authorizationv1.SelfSubjectRulesReview{
		Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: nowhere},
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	var missing []metav1.GroupResource
	for _, resource := range resources {
		if allowsList(rules.Status.ResourceRules, resource) {
			continue
		}
		review, err := reviews.SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
				Verb: "list", Group: resource.Group, Resource: resource.Resource,
			}},
		}, metav1.CreateOptions{})
		if err != nil {
			return nil, err
		}
		if !review.Status.Allowed {
			missing = append(missing, resource)
		}
	}
	return missing, nil
}

func allowsList(rules []authorizationv1.ResourceRule, resource metav1.GroupResource) bool {
	const all = "*"
	has := func(list []string, value string) bool {
		return slices.Contains(list, value) || slices.Contains(list, all)
	}
	return slices.ContainsFunc(rules, func(r authorizationv1.ResourceRule) bool {
		return len(r.ResourceNames) == 0 && has(r.Verbs, "list") && has(r.APIGroups, resource.Group) && has(r.Resources, resource.Resource)
	})
}
