package access

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

const rbacAPI = "rbac.authorization.k8s.io/v1"

// cart and the others are ServiceAccounts as subjects.
const (
	cart      = "{kind: ServiceAccount, namespace: shop, name: cart}"
	otherCart = "{kind: ServiceAccount, namespace: ops, name: cart}"
	robot     = "{kind: ServiceAccount, namespace: shop, name: robot}"
)

func role(name, rules string) string {
	return checktest.Document(rbacAPI, "Role", "name: "+name+", namespace: shop", "rules: ["+rules+"]")
}

func clusterRole(name, rest string) string {
	return checktest.Document(rbacAPI, "ClusterRole", "name: "+name, rest)
}

func binding(namespace, name, kind, role string, subjects ...string) string {
	return checktest.Document(rbacAPI, "RoleBinding", "name: "+name+", namespace: "+namespace,
		"roleRef: {kind: "+kind+", name: "+role+"}\nsubjects: ["+strings.Join(subjects, ", ")+"]")
}

func clusterBinding(name, role string, subjects ...string) string {
	return checktest.Document(rbacAPI, "ClusterRoleBinding", "name: "+name,
		"roleRef: {kind: ClusterRole, name: "+role+"}\nsubjects: ["+strings.Join(subjects, ", ")+"]")
}

func accounts() string {
	return checktest.Document("v1", "ServiceAccount", "name: cart, namespace: shop", "") +
		checktest.Document("v1", "ServiceAccount", "name: default, namespace: shop", "") +
		checktest.Document("v1", "ServiceAccount", "name: robot, namespace: shop", "")
}

// rule is a rule of the core group.
func rule(verbs, resources, more string) string {
	return "{apiGroups: [''], verbs: [" + verbs + "], resources: [" + resources + "]" + more + "}"
}

func listPods() Denial {
	return Denial{Namespace: "shop", Account: "cart", Verb: "list", Resource: "pods", Scope: "shop"}
}

func with(change func(*Denial)) Denial {
	d := listPods()
	change(&d)
	return d
}

func getSecret() Denial {
	return with(func(d *Denial) {
		d.Verb = "get"
		d.Resource = "secrets"
		d.Name = "db"
	})
}

// explained is one case: a denial, the roles and bindings, and the reason and remedy.
type explained struct {
	denial               Denial
	documents, why, want string
}

func run(t *testing.T, cases map[string]explained, unread ...facts.Kind) {
	t.Helper()
	workload := facts.Ref{Kind: facts.Deployment, Namespace: "shop", Name: "web"}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			answer := NewResolver(testkit.Graph(t, accounts()+tc.documents, unread...)).Explain(tc.denial, workload)
			_, why, _ := strings.Cut(answer.Why, "(RBAC): ")
			if answer.Allowed {
				why = answer.Why
			}
			if why != tc.why {
				t.Errorf("why:  %s\nwant: %s", why, tc.why)
			}
			if !strings.Contains(string(answer.Fix), tc.want) {
				t.Errorf("fix:  %s\nwant: %s", answer.Fix, tc.want)
			}
			checktest.RequireQuoted(t, answer.Fix)
		})
	}
}

const createRole = "`kubectl -n shop create role cart-list-pods --verb=list --resource=pods && kubectl -n shop create rolebinding " +
	"cart-list-pods --role=cart-list-pods --serviceaccount=shop:cart`"

func TestTheRoleOfAnAccountThatComesNearestIsNamed(t *testing.T) {
	bound := binding("shop", "b", "Role", "r", cart)
	add := func(rule string) string {
		return "`kubectl -n shop patch role r --type=json -p '[{\"op\":\"add\",\"path\":\"/rules/-\",\"value\":" + rule + "}]'`"
	}
	scale := with(func(d *Denial) {
		d.Verb = "patch"
		d.Group = "apps"
		d.Resource = "deployments/scale"
		d.Name = "web"
	})
	run(t, map[string]explained{
		"a verb is missing": {listPods(), bound + role("r", rule("get, watch", "pods", "")), "Role r allows get, watch on pods, not list",
			add(`{"apiGroups":[""],"resources":["pods"],"verbs":["list"]}`)},
		"another name": {getSecret(), bound + role("r", rule("get", "secrets", ", resourceNames: [tls]")),
			"Role r allows get on secrets only for those named tls, not db",
			add(`{"apiGroups":[""],"resources":["secrets"],"resourceNames":["db"],"verbs":["get"]}`)},
		"a list is not of names": {listPods(), bound + role("r", rule("list", "pods", ", resourceNames: [a]")),
			"Role r allows list on pods only for objects by name, which does not cover this request",
			add(`{"apiGroups":[""],"resources":["pods"],"verbs":["list"]}`)},
		"a subresource": {scale, bound + role("r", "{apiGroups: [apps], verbs: [patch], resources: [deployments]}"),
			"Role r allows patch on deployments, which does not include deployments/scale",
			add(`{"apiGroups":["apps"],"resources":["deployments/scale"],"resourceNames":["web"],"verbs":["patch"]}`)},
		"another group": {with(func(d *Denial) { d.Group = "metrics.k8s.io" }), bound + role("r", rule("list", "pods", "")),
			`Role r names pods in API group "", not metrics.k8s.io`,
			add(`{"apiGroups":["metrics.k8s.io"],"resources":["pods"],"verbs":["list"]}`)},
		"no rule at all": {listPods(), bound + role("r", rule("list", "nodes", "")), "none of its roles has a rule for pods", createRole},
		"other accounts get the role, too": {listPods(), binding("shop", "b", "Role", "r", cart, robot) + role("r", rule("get", "pods", "")),
			"Role r allows get on pods, not list", createRole},
		"a role of Kubernetes is not changed": {listPods(), binding("shop", "b", "ClusterRole", "v", cart) +
			checktest.Document(rbacAPI, "ClusterRole", "name: v, labels: {kubernetes.io/bootstrapping: rbac-defaults}",
				"rules: ["+rule("get", "pods", "")+"]"), "ClusterRole v allows get on pods, not list", createRole},
		"by a group": {listPods(), binding("shop", "b", "Role", "r", "{kind: Group, name: 'system:serviceaccounts:shop'}") +
			role("r", rule("get", "pods", "")), "Role r allows get on pods, not list", ""},
		"as a user": {listPods(), binding("shop", "b", "Role", "r", "{kind: User, name: 'system:serviceaccount:shop:cart'}") +
			role("r", rule("get", "pods", "")), "Role r allows get on pods, not list", ""},
		"the nearest of two": {listPods(), bound + role("r", rule("get", "pods", "")) + binding("shop", "c", "Role", "s", cart) +
			role("s", rule("list", "pods", ", resourceNames: [a]")),
			"Role s allows list on pods only for objects by name, which does not cover this request", ""},
		"a path": {Denial{Namespace: "shop", Account: "cart", Verb: "get", Path: "/metrics"}, clusterBinding("b", "r", cart) +
			clusterRole("r", "rules: [{verbs: [head], nonResourceURLs: ['/metrics*']}]"), "ClusterRole r allows head on /metrics, not get",
			"kubectl create clusterrole cart-get-metrics --verb=get --non-resource-url=/metrics"},
	})
}

func TestTheBindingOfAnotherPlaceOrAccountIsNamed(t *testing.T) {
	pods := role("r", rule("list", "pods", ""))
	everywhere := with(func(d *Denial) { d.Scope = "" })
	defaults := with(func(d *Denial) { d.Account = "default" })
	run(t, map[string]explained{
		"no binding": {listPods(), "", "no binding grants it a role there", createRole},
		"no binding in the cluster": {everywhere, "", "no ClusterRoleBinding grants it a role",
			"`kubectl create clusterrole cart-list-pods --verb=list --resource=pods && kubectl create clusterrolebinding"},
		"the names are taken": {listPods(), role("cart-list-pods", ""), "no binding grants it a role there", "role=cart-list-pods-2 "},
		"another namespace": {listPods(), binding("ops", "b", "ClusterRole", "r", cart) +
			clusterRole("r", "rules: ["+rule("list", "pods", "")+"]"), "RoleBinding b of namespace ops grants it in namespace ops only",
			"`kubectl -n shop create rolebinding cart-list-pods --clusterrole=r --serviceaccount=shop:cart`"},
		"one namespace instead of all": {everywhere, binding("shop", "b", "Role", "r", cart) + pods,
			"RoleBinding b of namespace shop grants it in namespace shop only", "restrict it to that namespace by its own setting"},
		"the account of another namespace": {listPods(), binding("shop", "b", "Role", "r", otherCart) + pods,
			"RoleBinding b of namespace shop grants it to ServiceAccount ops/cart", "`kubectl -n shop patch rolebinding b --type=json -p " +
				`'[{"op":"add","path":"/subjects/-","value":{"kind":"ServiceAccount","namespace":"shop","name":"cart"}}]'`},
		"a user of that name": {listPods(), binding("shop", "b", "Role", "r", "{kind: User, name: cart}") + pods,
			"RoleBinding b of namespace shop grants it to User cart", ""},
		"a typo": {listPods(), binding("shop", "b", "Role", "r", "{kind: ServiceAccount, namespace: shop, name: carts}") + pods,
			"RoleBinding b of namespace shop grants it to ServiceAccount shop/carts", ""},
		"an account with another purpose": {listPods(), binding("shop", "b", "Role", "r", robot) + pods,
			"no binding grants it a role there", ""},
		"the default account": {defaults, binding("shop", "b", "Role", "r", robot) + pods, "Pods without serviceAccountName use " +
			"ServiceAccount default, and RoleBinding b of namespace shop grants it to ServiceAccount shop/robot",
			"`kubectl -n shop set serviceaccount deployment web robot`"},
		"the role is missing": {listPods(), binding("shop", "b", "Role", "gone", cart), "RoleBinding b of namespace shop refers to Role " +
			"gone, which does not exist", "`kubectl -n shop create role gone --verb=list --resource=pods`"},
		"the account is missing": {with(func(d *Denial) { d.Account = "gone" }), "", "the ServiceAccount does not exist in namespace shop",
			"`kubectl -n shop create serviceaccount gone`"},
		"allowed now": {listPods(), binding("shop", "b", "Role", "r", cart) + pods, "ServiceAccount cart could not list pods in " +
			"namespace shop; RoleBinding b of namespace shop allows it now", "restart"},
		"a binding that is being deleted": {listPods(), pods + checktest.Document(rbacAPI, "RoleBinding",
			`name: b, namespace: shop, deletionTimestamp: "2026-01-15T11:00:00Z"`, "roleRef: {kind: Role, name: r}\nsubjects: ["+cart+"]"),
			"no binding grants it a role there", ""},
		"an aggregated role": {everywhere, clusterBinding("b", "all", cart) +
			clusterRole("all", "aggregationRule: {clusterRoleSelectors: [{matchLabels: {shop/to-all: 'true'}}]}\nrules: []"),
			"ClusterRole all is aggregated and has no rules: no ClusterRole with rules has the labels that it selects",
			" && kubectl label clusterrole cart-list-pods shop/to-all=true`"},
		"an aggregated role with rules is not changed": {everywhere, clusterBinding("b", "all", cart) +
			clusterRole("all", "aggregationRule: {clusterRoleSelectors: [{matchLabels: {shop/to-all: 'true'}}]}\nrules: ["+
				rule("get", "pods", "")+"]"), "ClusterRole all allows get on pods, not list", "kubectl create clusterrole cart-list-pods"},
	})
}

// TestARoleOfManyAccountsIsNotExtended since the rule would be granted to all of them.
func TestARoleOfManyAccountsIsNotExtended(t *testing.T) {
	everywhere := with(func(d *Denial) { d.Scope = "" })
	group := func(name string) string {
		return "{kind: Group, apiGroup: rbac.authorization.k8s.io, name: '" + name + "'}"
	}
	getsPods := clusterRole("r", "rules: ["+rule("get", "pods", "")+"]")
	const grant = "kubectl create clusterrole cart-list-pods "
	run(t, map[string]explained{
		"all users": {everywhere, clusterBinding("b", "r", group("system:authenticated")) + getsPods,
			"ClusterRole r allows get on pods, not list", grant},
		"all accounts of the namespace": {listPods(), binding("shop", "b", "Role", "r", group("system:serviceaccounts:shop")) +
			role("r", rule("get", "pods", "")), "Role r allows get on pods, not list", createRole},
	})
	run(t, map[string]explained{
		"bindings of other namespaces were not read": {everywhere, clusterBinding("b", "r", cart) + getsPods,
			"ClusterRole r allows get on pods, not list", grant},
	}, facts.RoleBinding)
}

func TestWhatWasNotReadIsSaid(t *testing.T) {
	run(t, map[string]explained{
		"no bindings": {listPods(), "", "RoleBindings of namespace shop, ClusterRoleBindings could not be read, and may show what is missing",
			createRole},
	}, facts.RoleBinding, facts.ClusterRoleBinding)
	run(t, map[string]explained{
		"no roles": {listPods(), binding("shop", "b", "Role", "r", cart),
			"Roles of namespace shop, ClusterRoles could not be read, and may show what is missing", createRole},
	}, facts.Role, facts.ClusterRole)
	run(t, map[string]explained{
		"no accounts": {with(func(d *Denial) { d.Account = "gone" }), "", "no binding grants it a role there", ""},
	}, facts.ServiceAccount)
}

func TestThousandsOfRolesAndACycleOfAggregationAreBounded(t *testing.T) {
	builder := facts.NewBuilder("test", testkit.Now())
	for _, kind := range Kinds() {
		builder.Covered(kind, "")
	}
	long := make([]string, 500)
	for i := range long {
		long[i] = fmt.Sprintf("r%d", i)
	}
	for i := range 5000 {
		ref := facts.Ref{Kind: facts.ClusterRole, Name: fmt.Sprintf("role-%d", i)}
		node := &facts.RoleNode{Meta: facts.Meta{Ref: ref}, Aggregated: i%2 == 0}
		for range 20 {
			node.Rules = append(node.Rules, facts.AccessRule{Verbs: long, Groups: long, Resources: long})
		}
		builder.Add(node, &facts.BindingNode{
			Meta: facts.Meta{Ref: facts.Ref{Kind: facts.ClusterRoleBinding, Name: ref.Name}}, Role: ref,
			Subjects: []facts.Subject{{Kind: "ServiceAccount", Namespace: "shop", Name: "cart"}},
		})
	}
	builder.Add(&facts.ConfigNode{Meta: facts.Meta{Ref: listPods().Ref()}})
	resolver := NewResolver(builder.Graph())
	started := time.Now()
	for range 100 {
		answer := resolver.Explain(listPods(), facts.Ref{})
		if !strings.Contains(answer.Why, "could not be read") {
			t.Fatalf("a guess: %s", answer.Why)
		}
	}
	if took := time.Since(started); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
}
