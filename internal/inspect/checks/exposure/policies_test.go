package exposure

import (
	"testing"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

const networkingAPI = "networking.k8s.io/v1"

// labelledPod is a Pod with labels in a namespace.
func labelledPod(namespace, name, labels, spec string) string {
	return checktest.Document("v1", "Pod", "name: "+name+", namespace: "+namespace+", labels: {"+labels+"}",
		"spec: {"+spec+"}\nstatus: {phase: Running}")
}

// networkPolicy is a NetworkPolicy p in namespace shop that is old enough to be judged.
func networkPolicy(spec string) string {
	return checktest.Document(networkingAPI, "NetworkPolicy", `name: p, namespace: shop, creationTimestamp: "2026-01-15T10:00:00Z"`,
		"spec: {"+spec+"}")
}

func nightlyJob(labels string) string {
	return checktest.Document("batch/v1", "CronJob", "name: nightly, namespace: shop",
		"spec: {schedule: '0 1 * * *', jobTemplate: {spec: {template: {metadata: {labels: {"+labels+"}}, spec: {containers: [{name: c, "+
			"image: i}]}}}}}")
}

func TestANamespaceWithoutNetworkPolicyIsReported(t *testing.T) {
	const none = "low Namespace/shop: Namespace shop has no NetworkPolicy for ingress: every Pod of the cluster can connect to its Pods."
	const some = "low Namespace/shop: The NetworkPolicies of namespace shop do not cover all of its Pods: every Pod of the cluster can " +
		"connect to the others."
	web, api := labelledPod("shop", "web", "app: web", "containers: []"), labelledPod("shop", "api", "app: api", "containers: []")
	checktest.RunTextCases(t, Checks(), "namespace-no-network-policy", map[string]checktest.TextCase{
		"none": {web + api, checktest.Lines(none, "  spec: not isolated: Pod api, Pod web")},
		"one for egress": {web + networkPolicy("podSelector: {}, policyTypes: [Egress]"), checktest.Lines(none,
			"  spec: not isolated: Pod web")},
		"one for some": {web + api + networkPolicy("podSelector: {matchLabels: {app: web}}"), checktest.Lines(some,
			"  spec: not isolated: Pod api")},
		"one that cannot be read": {web + networkPolicy("podSelector: {matchExpressions: [{key: a, operator: Near}]}"),
			checktest.Lines(some, "  spec: not isolated: Pod web")},
		"one for all":                 {web + api + networkPolicy("podSelector: {}"), ""},
		"together they are about all": {web + networkPolicy("podSelector: {matchExpressions: [{key: app, operator: Exists}]}"), ""},
		"of another namespace": {labelledPod("cart", "web", "app: web", "containers: []") + networkPolicy("podSelector: {}"),
			"low Namespace/cart: Namespace cart has no NetworkPolicy for ingress: every Pod of the cluster can connect to its Pods.\n  " +
				"spec: not isolated: Pod web\n"},
		"no Pods": {checktest.Document("v1", "Namespace", "name: shop", ""), ""},
		"a Pod that has finished": {checktest.Document("v1", "Pod", "name: web, namespace: shop",
			"spec: {containers: []}\nstatus: {phase: Succeeded}"), ""},
		"in the network of the node": {labelledPod("shop", "web", "app: web", "hostNetwork: true, containers: []"), ""},
		"Kubernetes' own":            {labelledPod("kube-system", "dns", "app: dns", "containers: []"), ""},
		"a namespace that goes away": {web + checktest.Document("v1", "Namespace",
			`name: shop, deletionTimestamp: "2026-01-15T11:00:00Z"`, ""), ""},
		"a CronJob that does not run": {nightlyJob("app: nightly"), ""},
	})
	checktest.RunTextCases(t, Checks(), "namespace-no-network-policy", map[string]checktest.TextCase{"policies could not be read": {web,
		""}}, facts.NetworkPolicy)
}

func TestANetworkPolicyThatSelectsNothingIsReported(t *testing.T) {
	found := checktest.Lines("low NetworkPolicy/shop/p: NetworkPolicy p selects no Pods: nothing in namespace shop has the labels "+
		"app=web.", "  spec: podSelector app=web")
	policy := networkPolicy("podSelector: {matchLabels: {app: web}}")
	checktest.RunTextCases(t, Checks(), "network-policy-selects-nothing", map[string]checktest.TextCase{
		"no Pods":                   {policy, found},
		"Pods with other labels":    {policy + labelledPod("shop", "api", "app: api", ""), found},
		"Pods of another namespace": {policy + labelledPod("cart", "web", "app: web", ""), found},
		"a Pod":                     {policy + labelledPod("shop", "web", "app: web, tier: front", ""), ""},
		"a Pod that has finished": {policy + checktest.Document("v1", "Pod", "name: web, namespace: shop, labels: {app: web}",
			"status: {phase: Failed}"), ""},
		"a workload scaled to zero": {policy + checktest.Document("apps/v1", "Deployment", "name: web, namespace: shop",
			"spec: {replicas: 0, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: "+
				"{containers: []}}}"), ""},
		"a CronJob between two runs":  {policy + nightlyJob("app: web"), ""},
		"an empty selector":           {networkPolicy("podSelector: {}"), ""},
		"a selector that is not read": {networkPolicy("podSelector: {matchExpressions: [{key: a, operator: Near}]}"), ""},
		"just created": {checktest.Document(networkingAPI, "NetworkPolicy",
			`name: p, namespace: shop, creationTimestamp: "2026-01-15T11:59:50Z"`, "spec: {podSelector: {matchLabels: {app: web}}}"), ""},
		"being deleted": {checktest.Document(networkingAPI, "NetworkPolicy",
			`name: p, namespace: shop, deletionTimestamp: "2026-01-15T11:00:00Z"`, "spec: {podSelector: {matchLabels: {app: web}}}"), ""},
	})
	for _, kind := range []facts.Kind{facts.Pod, facts.Deployment, facts.CronJob} {
		checktest.RunTextCases(t, Checks(), "network-policy-selects-nothing", map[string]checktest.TextCase{string(kind) +
			"s could not be read": {policy, ""}}, kind)
	}
}

func TestANetworkPolicyThatAllowsAllIsReported(t *testing.T) {
	const message = " NetworkPolicy/shop/p: NetworkPolicy p allows all ingress traffic: one of its rules has neither from nor ports."
	checktest.RunTextCases(t, Checks(), "network-policy-allows-all", map[string]checktest.TextCase{
		"for some Pods": {networkPolicy("podSelector: {matchLabels: {app: web}}, ingress: [{}]"), checktest.Lines("info"+message,
			"  spec: podSelector app=web; ingress: a rule without from and ports")},
		"for all Pods": {networkPolicy("podSelector: {}, ingress: [{}]"), checktest.Lines("low"+message,
			"  spec: podSelector: all Pods of the namespace; ingress: a rule without from and ports")},
		"on one port":   {networkPolicy("podSelector: {}, ingress: [{ports: [{port: 443}]}]"), ""},
		"from one peer": {networkPolicy("podSelector: {}, ingress: [{from: [{podSelector: {}}]}]"), ""},
		"out, not in":   {networkPolicy("podSelector: {}, policyTypes: [Egress], egress: [{}]"), ""},
		"not in force":  {networkPolicy("podSelector: {}, policyTypes: [Egress], ingress: [{}]"), ""},
		"nothing":       {networkPolicy("podSelector: {}"), ""},
		"Kubernetes' own": {checktest.Document(networkingAPI, "NetworkPolicy", "name: p, namespace: kube-system",
			"spec: {podSelector: {}, ingress: [{}]}"), ""},
	})
}

func TestPolicyPeerMatchesNothing(t *testing.T) {
	web := labelledPod("shop", "web", "app: web", "")
	policy := networkPolicy("podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {app: api}}}, " +
		"{podSelector: {matchLabels: {app: api}}}]}]")
	found := checktest.Lines("info NetworkPolicy/shop/p [app=api]: NetworkPolicy p allows traffic with Pods that do not exist: nothing "+
		"in namespace shop has the labels app=api.",
		"  spec: podSelector of a peer: app=api; no namespaceSelector in the same entry")
	checktest.RunTextCases(t, Checks(), "network-policy-peer-matches-nothing", map[string]checktest.TextCase{
		"no Pods":                   {web + policy, found},
		"Pods of another namespace": {web + policy + labelledPod("cart", "api", "app: api", ""), found},
		"a Pod":                     {web + policy + labelledPod("shop", "api", "app: api", ""), ""},
		"a CronJob":                 {web + policy + nightlyJob("app: api"), ""},
		"with a namespace": {web + networkPolicy("podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: api}}, "+
			"namespaceSelector: {}}]}]"), ""},
		"all of the namespace":   {web + networkPolicy("podSelector: {}, ingress: [{from: [{podSelector: {}}]}]"), ""},
		"a policy about nothing": {policy, ""},
	})
	checktest.RunTextCases(t, Checks(), "network-policy-peer-matches-nothing", map[string]checktest.TextCase{"Pods could not be read": {
		policy, ""}}, facts.Pod)
}
