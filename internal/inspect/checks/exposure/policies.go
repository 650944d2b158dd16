package exposure

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
)

// ownNamespace reports whether a namespace belongs to Kubernetes itself.
func ownNamespace(namespace string) bool { return strings.HasPrefix(namespace, "kube-") }

// usesByNamespace returns the distinct Pod specs of each namespace: its workloads, and Pods without one.
func usesByNamespace(g *facts.Graph) map[string][]*facts.SpecUse {
	uses := map[string][]*facts.SpecUse{}
	specs := g.Specs()
	for i := range specs {
		namespace := specs[i].Owner.Namespace
		uses[namespace] = append(uses[namespace], &specs[i])
	}
	return uses
}

// policiesByNamespace returns the NetworkPolicies that are not being deleted.
func policiesByNamespace(g *facts.Graph) map[string][]*facts.NetworkPolicyNode {
	policies := map[string][]*facts.NetworkPolicyNode{}
	for _, policy := range g.NetworkPolicies {
		if policy.Deleting.IsZero() {
			policies[policy.Namespace] = append(policies[policy.Namespace], policy)
		}
	}
	return policies
}

// inhabited returns the namespaces with Pods, in a fixed order, without Kubernetes' own and those that are
// being deleted.
func inhabited(g *facts.Graph, uses map[string][]*facts.SpecUse) []string {
	var names []string
	for name, of := range uses {
		if name == "" || ownNamespace(name) || !slices.ContainsFunc(of, func(u *facts.SpecUse) bool { return u.Pods > 0 }) {
			continue
		}
		if ns := g.MetaOf(facts.Ref{Kind: facts.Namespace, Name: name}); ns != nil && !ns.Deleting.IsZero() {
			continue
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func noNetworkPolicy(g *facts.Graph, _ check.Params) []check.Finding {
	uses := usesByNamespace(g)
	policies := policiesByNamespace(g)
	var findings []check.Finding
	for _, namespace := range inhabited(g, uses) {
		if !g.Complete(facts.NetworkPolicy, namespace) || slices.ContainsFunc(policies[namespace], isolatesAll) {
			continue
		}
		open := openOwners(uses[namespace], policies[namespace])
		if len(open) == 0 {
			continue
		}
		finding := check.Finding{
			Object: facts.Ref{Kind: facts.Namespace, Name: namespace},
			Message: fmt.Sprintf("Namespace %s has no NetworkPolicy for ingress: every Pod of the cluster can connect to its Pods.",
				namespace),
			Evidence: []check.Evidence{check.FromSpec("not isolated: %s", phrase.List(open))},
			Remediation: remedy.Sprintf(
				"First create the policies that allow the traffic its Pods need, then deny the rest: `echo "+
					"'{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\",\"metadata\":{\"name\":\"default-deny\"},"+
					"\"spec\":{\"podSelector\":{},\"policyTypes\":[\"Ingress\"]}}' | kubectl -n %s apply -f -`.",
				namespace,
			),
		}
		if slices.ContainsFunc(policies[namespace], func(policy *facts.NetworkPolicyNode) bool { return policy.Ingress }) {
			finding.Message = fmt.Sprintf(
				"The NetworkPolicies of namespace %s do not cover all of its Pods: every Pod of the cluster can connect to the others.",
				namespace,
			)
		}
		findings = append(findings, finding)
	}
	return findings
}

func isolatesAll(policy *facts.NetworkPolicyNode) bool {
	return policy.Ingress && policy.Selector.Invalid == "" && policy.Selector.String() == ""
}

// openOwners lists the owners of Pods that no policy isolates for ingress.
func openOwners(uses []*facts.SpecUse, policies []*facts.NetworkPolicyNode) []string {
	var open []string
	told := map[facts.Ref]bool{}
	for _, use := range uses {
		if use.Spec.HostNetwork || (use.Template && use.Pods == 0) || told[use.Owner] {
			continue
		}
		if !slices.ContainsFunc(policies, func(policy *facts.NetworkPolicyNode) bool {
			return policy.Ingress && policy.Selector.Matches(use.Labels)
		}) {
			told[use.Owner] = true
			open = append(open, use.Owner.Kind.Name()+" "+use.Owner.Name)
		}
	}
	return open
}

// somethingHas reports whether a Pod of the namespace, including finished ones, or a template there matches.
func somethingHas(g *facts.Graph, uses []*facts.SpecUse, namespace string, selector facts.Selector) bool {
	return slices.ContainsFunc(uses, func(u *facts.SpecUse) bool { return selector.Matches(u.Labels) }) ||
		slices.ContainsFunc(g.PodsIn(namespace), func(p *facts.PodNode) bool { return selector.Matches(p.Labels) })
}

// templatesComplete reports whether all Pods of a namespace and everything that creates them were read.
func templatesComplete(g *facts.Graph, namespace string) bool {
	return g.PodsAndWorkloadsComplete(namespace) && g.Complete(facts.Job, namespace) && g.Complete(facts.CronJob, namespace)
}

// aimless reports whether a policy selects no Pods, as far as is known.
func aimless(g *facts.Graph, uses map[string][]*facts.SpecUse, policy *facts.NetworkPolicyNode) bool {
	return policy.Selector.Invalid == "" && policy.Selector.String() != "" &&
		!somethingHas(g, uses[policy.Namespace], policy.Namespace, policy.Selector)
}

func policySelectsNothing(g *facts.Graph, params check.Params) []check.Finding {
	uses := usesByNamespace(g)
	var findings []check.Finding
	for _, policy := range g.NetworkPolicies {
		if !policy.Deleting.IsZero() || !g.OlderThan(policy.Created, params.StartupGrace) || !templatesComplete(g, policy.Namespace) ||
			!aimless(g, uses, policy) {
			continue
		}
		findings = append(findings, check.Finding{
			Object: policy.Ref,
			Message: fmt.Sprintf("NetworkPolicy %s selects no Pods: nothing in namespace %s has the labels %s.", policy.Name,
				policy.Namespace, policy.Selector.String()),
			Evidence: []check.Evidence{check.FromSpec("podSelector %s", policy.Selector.String())},
			Remediation: remedy.Sprintf(
				"Compare the selector with the labels of the Pods (`kubectl -n %[1]s get pods --show-labels`). Correct it, or delete "+
					"the policy: `kubectl -n %[1]s delete networkpolicy %[2]s`.",
				policy.Namespace,
				policy.Name,
			),
		})
	}
	return findings
}

func policyAllowsAll(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, policy := range g.NetworkPolicies {
		if !policy.Deleting.IsZero() || !policy.Ingress || !policy.AllowsAllIngress || ownNamespace(policy.Namespace) {
			continue
		}
		finding := check.Finding{
			Object: policy.Ref,
			Message: fmt.Sprintf("NetworkPolicy %s allows all ingress traffic: one of its rules has neither from nor ports.",
				policy.Name),
			Evidence: []check.Evidence{
				check.FromSpec("podSelector %s; ingress: a rule without from and ports", policy.Selector.String()),
			},
			Remediation: remedy.Sprintf(
				"Add the allowed sources (from) and ports to the rule: `kubectl -n %s edit networkpolicy %s`. If all traffic is "+
					"intended, accept this with an ignore rule.",
				policy.Namespace,
				policy.Name,
			),
		}
		if isolatesAll(policy) {
			finding.Severity = v1alpha1.SeverityLow
			finding.Evidence = []check.Evidence{
				check.FromSpec("podSelector: all Pods of the namespace; ingress: a rule without from and ports"),
			}
		}
		findings = append(findings, finding)
	}
	return findings
}

func policyPeerMatchesNothing(g *facts.Graph, params check.Params) []check.Finding {
	uses := usesByNamespace(g)
	var findings []check.Finding
	for _, policy := range g.NetworkPolicies {
		if !policy.Deleting.IsZero() || len(policy.Peers) == 0 || !g.OlderThan(policy.Created, params.StartupGrace) ||
			!templatesComplete(g, policy.Namespace) ||
			aimless(g, uses, policy) {
			continue
		}
		var told []string
		for _, peer := range policy.Peers {
			labels := peer.String()
			if peer.Invalid != "" || labels == "" || slices.Contains(told, labels) ||
				somethingHas(g, uses[policy.Namespace], policy.Namespace, peer) {
				continue
			}
			told = append(told, labels)
			findings = append(findings, check.Finding{
				Object: policy.Ref, Discriminator: labels,
				Message: fmt.Sprintf(
					"NetworkPolicy %s allows traffic with Pods that do not exist: nothing in namespace %[3]s has the labels %[2]s.",
					policy.Name,
					labels,
					policy.Namespace,
				),
				Evidence: []check.Evidence{
					check.FromSpec("podSelector of a peer: %s; no namespaceSelector in the same entry", labels),
				},
				Remediation: remedy.Sprintf(
					"If the Pods run in another namespace, add a namespaceSelector to the same entry, for example with the label "+
						"kubernetes.io/metadata.name. Otherwise correct the labels or remove the rule: `kubectl -n %s edit "+
						"networkpolicy %s`.",
					policy.Namespace,
					policy.Name,
				),
			})
		}
	}
	return findings
}
