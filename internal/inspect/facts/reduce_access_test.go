package facts_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/internal/inspect/facts"
)

const rbac = "apiVersion: rbac.authorization.k8s.io/v1\n"

// testReduced compares what objects are reduced to.
func testReduced(t *testing.T, cases map[string]struct {
	document string
	want     any
},
) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, reduceOne(t, tc.document), sameSelectors(), withoutRules()); diff != "" {
				t.Errorf("node (-want +got):\n%s", diff)
			}
		})
	}
}

// withoutRules ignores the rules of policies, which have a test of their own.
func withoutRules() cmp.Option {
	return cmpopts.IgnoreFields(facts.NetworkPolicyNode{}, "IngressRules", "EgressRules")
}

func TestRulesOfNetworkPoliciesAreReduced(t *testing.T) {
	node := reduceOne(t, `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: w, namespace: shop}
spec:
  podSelector: {}
  egress:
  - to: [{podSelector: {matchLabels: {app: db}}}, {namespaceSelector: {matchLabels: {team: a}}}, {ipBlock: {cidr: 10.0.0.0/8}}]
    ports: [{port: 5432}, {port: http, protocol: TCP}, {port: 8000, endPort: 8010}, {protocol: UDP}]
  - {}
`)
	db, team := facts.SelectorFromSet(map[string]string{"app": "db"}), facts.SelectorFromSet(map[string]string{"team": "a"})
	want := []facts.PolicyRule{
		{
			Peers: []facts.PolicyPeer{{Pods: db, OwnNamespace: true}, {AllPods: true, Namespaces: team}, {Addresses: "10.0.0.0/8"}},
			Ports: []facts.PolicyPort{
				{Protocol: "TCP", Port: 5432}, {Protocol: "TCP", Name: "http"}, {Protocol: "TCP", Port: 8000, End: 8010}, {Protocol: "UDP"},
			},
		},
		{},
	}
	if diff := cmp.Diff(want, node.(*facts.NetworkPolicyNode).EgressRules, sameSelectors()); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

func TestRolesAndBindingsAreReduced(t *testing.T) {
	testReduced(t, map[string]struct {
		document string
		want     any
	}{
		"a Role": {
			rbac + "kind: Role\nmetadata: {name: w, namespace: shop}\n" +
				"rules: [{verbs: [get], apiGroups: [''], resources: [secrets], resourceNames: [a]}]",
			&facts.RoleNode{
				Meta: meta(facts.Role, "shop", "w"),
				Rules: []facts.AccessRule{
					{Verbs: []string{"get"}, Groups: []string{""}, Resources: []string{"secrets"}, Names: []string{"a"}},
				},
			},
		},
		"a ClusterRole for paths": {
			rbac + "kind: ClusterRole\nmetadata: {name: w}\nrules: [{verbs: [get], nonResourceURLs: [/metrics]}]",
			&facts.RoleNode{
				Meta:  meta(facts.ClusterRole, "", "w"),
				Rules: []facts.AccessRule{{Verbs: []string{"get"}, URLs: []string{"/metrics"}}},
			},
		},
		"a ClusterRole of the API server, joined from others": {
			rbac + "kind: ClusterRole\nmetadata: {name: w, labels: {kubernetes.io/bootstrapping: rbac-defaults}}\n" +
				"aggregationRule: {clusterRoleSelectors: [{}]}",
			&facts.RoleNode{Meta: meta(facts.ClusterRole, "", "w"), Aggregated: true, Bootstrap: true,
				Aggregates: []facts.Selector{facts.NewSelector(&metav1.LabelSelector{})}},
		},
		"a RoleBinding of a Role": {
			rbac + "kind: RoleBinding\nmetadata: {name: w, namespace: shop}\nroleRef: {kind: Role, name: r}\n" +
				"subjects: [{kind: ServiceAccount, name: a}, {kind: ServiceAccount, name: b, namespace: cart}, {kind: User, name: u, namespace: " +
				"ignored}]",
			&facts.BindingNode{
				Meta: meta(facts.RoleBinding, "shop", "w"), Role: facts.Ref{Kind: facts.Role, Namespace: "shop", Name: "r"},
				Subjects: []facts.Subject{
					{Kind: "ServiceAccount", Namespace: "shop", Name: "a"},
					{Kind: "ServiceAccount", Namespace: "cart", Name: "b"},
					{Kind: "User", Name: "u"},
				},
			},
		},
		"a RoleBinding of a ClusterRole": {
			rbac + "kind: RoleBinding\nmetadata: {name: w, namespace: shop, labels: {kubernetes.io/bootstrapping: rbac-defaults}}\n" +
				"roleRef: {kind: ClusterRole, name: r}",
			&facts.BindingNode{
				Meta:      meta(facts.RoleBinding, "shop", "w"),
				Role:      facts.Ref{Kind: facts.ClusterRole, Name: "r"},
				Bootstrap: true,
			},
		},
		"a ClusterRoleBinding whose subject lacks its namespace": {
			rbac + "kind: ClusterRoleBinding\nmetadata: {name: w}\nroleRef: {kind: ClusterRole, name: r}\n" +
				"subjects: [{kind: ServiceAccount, name: a}]",
			&facts.BindingNode{
				Meta: meta(
					facts.ClusterRoleBinding,
					"",
					"w",
				), Role: facts.Ref{Kind: facts.ClusterRole, Name: "r"}, Subjects: []facts.Subject{{Kind: "ServiceAccount", Name: "a"}},
			},
		},
		"a Secret with a token": {
			"apiVersion: v1\nkind: Secret\nmetadata: {name: w, namespace: shop, annotations: {kubernetes.io/service-account.name: a}}",
			&facts.ConfigNode{Meta: meta(facts.Secret, "shop", "w"), TokenOf: "a"},
		},
		"a Secret with a token that is refused": {
			"apiVersion: v1\nkind: Secret\nmetadata: {name: w, namespace: shop, labels: {kubernetes.io/legacy-token-invalid-since: '2026-01-01'}, " +
				"annotations: {kubernetes.io/service-account.name: a}}",
			&facts.ConfigNode{Meta: meta(facts.Secret, "shop", "w")},
		},
	})
}

func TestNetworkPoliciesAreReduced(t *testing.T) {
	all := facts.SelectorFromSet(nil)
	policy := func(node facts.NetworkPolicyNode) *facts.NetworkPolicyNode {
		node.Meta = meta(facts.NetworkPolicy, "shop", "w")
		return &node
	}
	const head = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: w, namespace: shop}\nspec: "
	web, api := facts.SelectorFromSet(map[string]string{"app": "web"}), facts.SelectorFromSet(map[string]string{"app": "api"})
	testReduced(t, map[string]struct {
		document string
		want     any
	}{
		"one that denies": {head + "{podSelector: {}}", policy(facts.NetworkPolicyNode{Selector: all, Ingress: true})},
		"for egress as well": {
			head + "{podSelector: {}, egress: [{}]}",
			policy(facts.NetworkPolicyNode{Selector: all, Ingress: true, Egress: true, AllowsAllEgress: true}),
		},
		"for egress only": {
			head + "{podSelector: {}, policyTypes: [Egress], ingress: [{}]}",
			policy(facts.NetworkPolicyNode{Selector: all, Egress: true, AllowsAllIngress: true}),
		},
		"for some Pods": {
			head + "{podSelector: {matchLabels: {app: web}}, ingress: [{}]}",
			policy(facts.NetworkPolicyNode{Selector: web, Ingress: true, AllowsAllIngress: true}),
		},
		"from everywhere to one port": {
			head + "{podSelector: {}, ingress: [{ports: [{port: 80}]}]}",
			policy(facts.NetworkPolicyNode{Selector: all, Ingress: true}),
		},
		"from all addresses": {
			head + "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: '::/0'}}]}]}",
			policy(facts.NetworkPolicyNode{Selector: all, Ingress: true, AllowsAnyAddress: true}),
		},
		"a selector that is not read": {
			head + "{podSelector: {matchExpressions: [{key: a, operator: Near}]}}",
			policy(
				facts.NetworkPolicyNode{
					Selector: facts.Selector{Invalid: `"Near" is not a valid label selector operator`},
					Ingress:  true,
				},
			),
		},
		"peers of its own namespace": {
			head + "{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}], egress: [{to: [{podSelector: {matchLabels: " +
				"{app: api}}}]}]}",
			policy(facts.NetworkPolicyNode{Selector: all, Ingress: true, Egress: true, Peers: []facts.Selector{web, api}}),
		},
		"peers of another namespace": {
			head + "{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}, namespaceSelector: {}}]}]}",
			policy(facts.NetworkPolicyNode{Selector: all, Ingress: true}),
		},
		"a block with a smaller prefix": {
			head + "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}",
			policy(facts.NetworkPolicyNode{Selector: all, Ingress: true}),
		},
	})
}

func TestLimitsAndPrioritiesAreReduced(t *testing.T) {
	limits := func(node facts.LimitRangeNode) *facts.LimitRangeNode {
		node.Meta = meta(facts.LimitRange, "shop", "w")
		return &node
	}
	const head = "apiVersion: v1\nkind: LimitRange\nmetadata: {name: w, namespace: shop}\nspec: {limits: "
	testReduced(t, map[string]struct {
		document string
		want     any
	}{
		"a default limit is a default request": {
			head + "[{type: Container, default: {cpu: 1}}]}",
			limits(facts.LimitRangeNode{DefaultsCPULimit: true, DefaultsCPURequest: true}),
		},
		"so is a maximum": {
			head + "[{type: Container, max: {memory: 1Gi}}]}",
			limits(facts.LimitRangeNode{DefaultsMemoryLimit: true, DefaultsMemoryRequest: true}),
		},
		"requests only": {
			head + "[{type: Container, defaultRequest: {cpu: 1, memory: 1Gi}}]}",
			limits(facts.LimitRangeNode{DefaultsCPURequest: true, DefaultsMemoryRequest: true}),
		},
		"a minimum sets nothing":  {head + "[{type: Container, min: {cpu: 1}}]}", limits(facts.LimitRangeNode{})},
		"of Pods, not containers": {head + "[{type: Pod, max: {cpu: 1}}]}", limits(facts.LimitRangeNode{})},
		"a PriorityClass": {
			"apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: w}\nvalue: 1000\nglobalDefault: true",
			&facts.PriorityClassNode{Meta: meta(facts.PriorityClass, "", "w"), Value: 1000, Default: true},
		},
	})
}
