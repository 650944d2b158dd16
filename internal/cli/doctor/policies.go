package doctor

import (
	"context"
	"fmt"
	"slices"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/config"
)

// policies checks that the admission policies are in place.
func (e *examination) policies(ctx context.Context) error {
	applyPolicies := e.origin().again(folderPolicies)
	wanted, err := config.Policies()
	if err != nil {
		return err
	}
	for _, want := range wanted {
		object := "ValidatingAdmissionPolicy " + want.Name
		found := &admissionv1.ValidatingAdmissionPolicy{}
		binding := &admissionv1.ValidatingAdmissionPolicyBinding{}
		key := client.ObjectKeyFromObject(want)
		policyErr := e.client.Get(ctx, key, found)
		bindingErr := e.client.Get(ctx, key, binding)
		switch {
		case apierrors.IsNotFound(policyErr):
			e.problem(checkPolicies, object, "does not exist: "+consequence(want.Name), applyPolicies)
		case policyErr != nil:
			return e.failed(policyErr, "read ValidatingAdmissionPolicies")
		case apierrors.IsNotFound(bindingErr):
			e.problem(checkPolicies, "ValidatingAdmissionPolicyBinding "+want.Name, "does not exist: "+consequence(want.Name),
				applyPolicies)
		case bindingErr != nil:
			return e.failed(bindingErr, "read ValidatingAdmissionPolicyBindings")
		case !slices.Contains(binding.Spec.ValidationActions, admissionv1.Deny), binding.Spec.PolicyName != want.Name,
			binding.Spec.MatchResources != nil:
			e.problem(checkPolicies, "ValidatingAdmissionPolicyBinding "+want.Name,
				"does not deny in all namespaces: "+consequence(want.Name), applyPolicies)
		case !equality.Semantic.DeepEqual(rules(want), rules(found)):
			e.warn(checkPolicies, object, "is not that of this program: other resources or expressions", applyPolicies)
		}
	}
	return nil
}

// rules are the parts of a policy without what the API server defaults.
func rules(policy *admissionv1.ValidatingAdmissionPolicy) any {
	type validation struct{ Expression string }
	var expressions []validation
	for _, v := range policy.Spec.Validations {
		expressions = append(expressions, validation{v.Expression})
	}
	for _, condition := range policy.Spec.MatchConditions {
		expressions = append(expressions, validation{condition.Expression})
	}
	var resources []string
	if match := policy.Spec.MatchConstraints; match != nil {
		for _, rule := range match.ResourceRules {
			resources = append(resources, fmt.Sprint(rule.APIGroups, rule.Operations, rule.Resources))
		}
	}
	return struct {
		Expressions []validation
		Resources   []string
	}{expressions, resources}
}

// consequence of a policy that is not in place.
func consequence(policy string) string {
	switch policy {
	case "kubeops-service-accounts":
		return "who can write a resource of KubeOps acts as any ServiceAccount that the manager can impersonate"
	case "kubeops-approvals":
		return "no run with an approval stage starts, since anyone could approve in another name"
	default:
		return "who creates a PipelineRun can name someone else as its requester, and approve it"
	}
}

// networkPolicies checks that traffic of the manager is restricted.
func (e *examination) networkPolicies(ctx context.Context) error {
	for i := range e.installed {
		deployment := e.installed[i].deployment
		found := &networkingv1.NetworkPolicyList{}
		if err := e.client.List(ctx, found, client.InNamespace(deployment.Namespace)); err != nil {
			return e.failed(err, "list NetworkPolicies in namespace "+deployment.Namespace)
		}
		pod := labels.Set(deployment.Spec.Template.Labels)
		restricted := slices.ContainsFunc(found.Items, func(p networkingv1.NetworkPolicy) bool {
			selector, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
			return err == nil && selector.Matches(pod)
		})
		if !restricted {
			e.warn(checkNetworkPolicy, e.installed[i].object(), "is selected by no NetworkPolicy: every Pod can read its metrics, and it "+
				"can connect to every address that backends.egress does not deny",
				originOf(deployment).component("network-policy", "networkPolicy", true))
		}
	}
	return nil
}
