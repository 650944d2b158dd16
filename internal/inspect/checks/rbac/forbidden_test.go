package rbac

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// deniedEvent is an event of a Certificate-like object in which a controller quotes the API server.
func deniedEvent(last, message string) string {
	return checktest.Document("v1", "Event", "name: e, namespace: shop", `type: Warning
reason: SyncFailed
message: '`+message+`'
lastTimestamp: "`+last+`"
involvedObject: {kind: Service, apiVersion: v1, name: web, namespace: shop}`)
}

const (
	deniedLeases = `leases.coordination.k8s.io is forbidden: User "system:serviceaccount:ops:sync" cannot update resource "leases" in API ` +
		`group "coordination.k8s.io" in the namespace "ops"`
	now = "2026-01-15T11:58:00Z"
)

func TestDeniedRequestsAreReportedOnTheServiceAccount(t *testing.T) {
	const head = "medium ServiceAccount/ops/sync [update leases.coordination.k8s.io in namespace ops]: ServiceAccount sync cannot update " +
		"leases.coordination.k8s.io in namespace ops (RBAC): "
	sync := account("ops", "sync", "")
	grant := checktest.Document(rbacAPI, "RoleBinding", "name: b, namespace: ops", "roleRef: {kind: Role, name: leader}\nsubjects: ["+
		"{kind: ServiceAccount, name: sync, namespace: ops}]")
	leader := func(verbs string) string {
		return checktest.Document(rbacAPI, "Role", "name: leader, namespace: ops",
			"rules: [{apiGroups: [coordination.k8s.io], resources: [leases], verbs: ["+verbs+"]}]")
	}
	event := "  event: Service web: SyncFailed: " + deniedLeases
	checktest.RunTextCases(t, Checks(), "serviceaccount-forbidden", map[string]checktest.TextCase{
		"in an event": {sync + deniedEvent(now, deniedLeases), checktest.Lines(head+"no binding grants it a role there.", event)},
		"with the nearest role": {sync + deniedEvent(now, deniedLeases) + grant + leader("get, create"),
			checktest.Lines(head+"Role leader allows get, create on leases, not update.",
				"  spec: RoleBinding b of namespace ops: Role leader to ServiceAccount ops/sync",
				"  spec: rule of Role leader: get, create on leases of API group coordination.k8s.io", event)},
		"in a condition": {sync + checktest.Document("apps/v1", "Deployment", "name: web, namespace: shop",
			"spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}}}\nstatus: {conditions: [{type: Available, "+
				"status: 'False', reason: X, message: '"+deniedLeases+"'}]}"),
			checktest.Lines(head+"no binding grants it a role there.", "  condition: Deployment web: Available=False (X): "+deniedLeases)},
		"allowed now":       {sync + deniedEvent(now, deniedLeases) + grant + leader("update"), ""},
		"long ago":          {sync + deniedEvent("2026-01-15T08:00:00Z", deniedLeases), ""},
		"another admission": {sync + deniedEvent(now, `pods "a" is forbidden: exceeded quota: q`), ""},
		"a user":            {sync + deniedEvent(now, `User "jane" cannot list resource "pods" in API group "" at the cluster scope`), ""},
	})
	checktest.RunTextCases(t, Checks(), "serviceaccount-forbidden", map[string]checktest.TextCase{
		"roles and bindings were not read": {sync + deniedEvent(now, deniedLeases), checktest.Lines(head+"RoleBindings of namespace ops, "+
			"Roles of namespace ops, ClusterRoleBindings, ClusterRoles could not be read, and may show what is missing.", event)},
	}, facts.Role, facts.ClusterRole, facts.RoleBinding, facts.ClusterRoleBinding)
}

func TestDenialsInAnalyzedLogsAreReported(t *testing.T) {
	g := testkit.Graph(t, account("ops", "sync", "")+checktest.WorkloadWith("Deployment", "web", "", checktest.APIContainer("")))
	g.SetLogs(&facts.Logs{Workloads: []facts.WorkloadLogs{{
		Workload: facts.Ref{Kind: facts.Deployment, Namespace: "shop", Name: "web"},
		New:      []facts.LogTemplate{{Text: "x", Examples: []string{"E0115 error: " + deniedLeases}}},
	}}})
	findings := forbiddenRequests(g, check.DefaultParams())
	if len(findings) != 1 || findings[0].Object.Name != "sync" {
		t.Errorf("%+v", findings)
	}
}

// TestOneNamespaceDoesNotHideTheDenialsOfOthers by quoting denials that never were.
func TestOneNamespaceDoesNotHideTheDenialsOfOthers(t *testing.T) {
	g := testkit.Graph(t, account("ops", "sync", ""))
	logs := &facts.Logs{}
	for i := range 2 * maxDenials {
		logs.Workloads = append(logs.Workloads, facts.WorkloadLogs{
			Workload: facts.Ref{Kind: facts.Deployment, Namespace: "a", Name: fmt.Sprintf("w%d", i)},
			New:      []facts.LogTemplate{{Text: "x", Examples: []string{strings.ReplaceAll(deniedLeases, "ops", fmt.Sprintf("n%d", i))}}},
		})
	}
	logs.Workloads = append(logs.Workloads, facts.WorkloadLogs{
		Workload: facts.Ref{Kind: facts.Deployment, Namespace: "ops", Name: "sync"},
		New:      []facts.LogTemplate{{Text: "x", Examples: []string{deniedLeases}}},
	})
	g.SetLogs(logs)
	findings := forbiddenRequests(g, check.DefaultParams())
	if len(findings) != maxQuoted+1 || !slices.ContainsFunc(findings, func(f check.Finding) bool { return f.Object.Name == "sync" }) {
		t.Errorf("%d findings", len(findings))
	}
}
