package disruption

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// webBudget protects the Pods of web.
func webBudget(spec, status string) string {
	return checktest.Document("policy/v1", "PodDisruptionBudget", `name: web, namespace: shop, generation: 1, creationTimestamp: `+
		`"2026-01-15T10:00:00Z"`, `
spec: {selector: {matchLabels: {app: web}}, `+spec+`}
status: {observedGeneration: 1, `+status+`}`)
}

func budgetStatus(allowed, healthy, demanded, expected, reason, since string) string {
	status := "False"
	if allowed != "0" {
		status = "True"
	}
	return `disruptionsAllowed: ` + allowed + `, currentHealthy: ` + healthy + `, desiredHealthy: ` + demanded + `, expectedPods: ` +
		expected +
		`, conditions: [{type: DisruptionAllowed, ` +
		`status: "` + status + `", reason: ` + reason + `, lastTransitionTime: "` + since + `", message: ""}]`
}

func TestPDBBlocksDrain(t *testing.T) {
	const never = "medium PodDisruptionBudget/shop/web: PodDisruptionBudget web blocks every drain: it requires all of its Pods, so " +
		"none can be evicted."
	const forNow = "low PodDisruptionBudget/shop/web: PodDisruptionBudget web blocks drains: too few of its Pods are healthy."
	workload := checktest.WebDeployment("replicas: 3", "replicas: 2, readyReplicas: 2, "+
		"availableReplicas: 2") + checktest.WebReplicaSet("web-6d4", 3, 2, 2, "") +
		checktest.WebPod("web-6d4-a", "web-6d4", "True",
			checktest.LongAgo) + checktest.WebPod("web-6d4-b", "web-6d4", "True", checktest.LongAgo)
	cases := map[string]struct {
		documents string
		want      string
	}{
		"no Pod may be missing": {
			documents: webBudget("maxUnavailable: 0", budgetStatus("0", "3", "3", "3", "InsufficientPods", checktest.LongAgo)),
			want: checktest.Lines(never, "  spec: maxUnavailable: 0", "  condition: Pods: 3 of 3 healthy, 3 required; disruptions "+
				"allowed: 0"),
		},
		"all must be there": {
			documents: webBudget("minAvailable: 100%", budgetStatus("0", "3", "3", "3", "InsufficientPods", checktest.LongAgo)),
			want: checktest.Lines(never, "  spec: minAvailable: 100%", "  condition: Pods: 3 of 3 healthy, 3 required; "+
				"disruptions allowed: 0"),
		},
		"as many as there are, and one of them is not healthy": {
			documents: webBudget("minAvailable: 1", budgetStatus("0", "0", "1", "1", "InsufficientPods", checktest.LongAgo)),
			want: checktest.Lines(never, "  spec: minAvailable: 1", "  condition: Pods: 0 of 1 healthy, 1 required; disruptions "+
				"allowed: 0"),
		},
		"Pods that are not healthy": {
			documents: webBudget("maxUnavailable: 1", budgetStatus("0", "2", "2", "3", "InsufficientPods", checktest.LongAgo)),
			want: checktest.Lines(forNow, "  spec: maxUnavailable: 1", "  condition: Pods: 2 of 3 healthy, 2 required; "+
				"disruptions allowed: 0"),
		},
		"Pods that are not there, although a number is demanded": {
			documents: webBudget("minAvailable: 2", budgetStatus("0", "2", "2", "2", "InsufficientPods", checktest.LongAgo)) + workload,
			want: checktest.Lines(forNow, "  spec: minAvailable: 2", "  condition: Pods: 2 of 2 healthy, 2 required; disruptions "+
				"allowed: 0"),
		},
		"a Pod that is being replaced": {
			documents: webBudget("maxUnavailable: 1", budgetStatus("0", "2", "2", "3", "InsufficientPods", checktest.JustNow)),
		},
		"room for one": {
			documents: webBudget("maxUnavailable: 1", budgetStatus("1", "3", "2", "3", "SufficientPods", checktest.LongAgo)),
		},
		"no Pods": {
			documents: webBudget("maxUnavailable: 0", budgetStatus("0", "0", "0", "0", "InsufficientPods", checktest.LongAgo)),
		},
		"one that cannot be computed": {
			documents: webBudget("maxUnavailable: 1", budgetStatus("0", "3", "2", "3", "SyncFailed", checktest.LongAgo)),
		},
		"a change that is not seen yet": {documents: checktest.Document("policy/v1", "PodDisruptionBudget", "name: web, namespace: "+
			"shop, generation: 2", "spec: {maxUnavailable: 1}\nstatus: "+
			"{observedGeneration: 1, "+budgetStatus("0", "3", "3", "3", "InsufficientPods", checktest.LongAgo)+"}")},
		"a budget that is on its way out": {documents: checktest.Document("policy/v1", "PodDisruptionBudget", `name: web, namespace: `+
			`shop, deletionTimestamp: "2026-01-15T11:00:00Z", `+
			`finalizers: [x]`, "spec: {maxUnavailable: 0}\nstatus: {"+budgetStatus("0", "3", "3", "3", "InsufficientPods",
			checktest.LongAgo)+"}")},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, checktest.Text(t, Checks(), "pdb-blocks-drain", c.documents)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestPDBSelectsNothing(t *testing.T) {
	empty := webBudget("minAvailable: 1", "expectedPods: 0")
	cases := map[string]struct {
		documents string
		unread    []facts.Kind
		want      string
	}{
		"left over": {
			documents: empty,
			want: checktest.Lines(
				"low PodDisruptionBudget/shop/web: PodDisruptionBudget web protects nothing: no Pod in namespace shop has the labels "+
					"app=web.",
				"  spec: selector app=web",
				"  spec: minAvailable: 1"),
		},
		"a workload that is scaled to zero": {documents: empty + checktest.WebDeployment("replicas: 0", "")},
		"a Pod":                             {documents: empty + checktest.WebPod("web-6d4-a", "web-6d4", "True", checktest.LongAgo)},
		"Pods that were not read":           {documents: empty, unread: []facts.Kind{facts.Pod}},
		"workloads that were not read":      {documents: empty, unread: []facts.Kind{facts.Deployment}},
		"a new one": {documents: checktest.Document("policy/v1", "PodDisruptionBudget", `name: web, namespace: `+
			`shop, creationTimestamp: "2026-01-15T11:59:30Z"`, "spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}")},
		"without a selector": {
			documents: checktest.Document("policy/v1", "PodDisruptionBudget", `name: web, namespace: shop`, "spec: {minAvailable: 1}") +
				checktest.WebPod("web-6d4-a", "web-6d4", "True", checktest.LongAgo),
			want: checktest.Lines(
				"low PodDisruptionBudget/shop/web: PodDisruptionBudget web protects nothing: it has no selector, which selects no Pod.",
				"  spec: no selector",
				"  spec: minAvailable: 1"),
		},
		"one for all Pods": {
			documents: checktest.Document("policy/v1", "PodDisruptionBudget", `name: web, namespace: shop`,
				"spec: {minAvailable: 1, selector: {}}"),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, checktest.Text(t, Checks(), "pdb-selects-nothing", c.documents, c.unread...)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestPDBInvalid(t *testing.T) {
	failed := func(since string) string {
		return `conditions: [{type: DisruptionAllowed, status: "False", reason: SyncFailed, lastTransitionTime: "` + since +
			`", message: 'clusters.db.example.com does not implement the scale subresource'}]`
	}
	cases := map[string]struct {
		documents string
		want      string
	}{
		"an owner that cannot be scaled": {
			documents: webBudget("maxUnavailable: 1", failed(checktest.LongAgo)),
			want: checktest.Lines(
				"medium PodDisruptionBudget/shop/web: PodDisruptionBudget web blocks every drain: the disruption controller cannot "+
					"compute it.",
				"  spec: maxUnavailable: 1",
				"  condition: DisruptionAllowed=False (SyncFailed): clusters.db.example.com does not implement the scale subresource"),
		},
		"a selector that cannot be read": {
			documents: checktest.Document("policy/v1", "PodDisruptionBudget", "name: web, namespace: shop", "spec: {minAvailable: 1, "+
				"selector: {matchLabels: {app: 'not a label!'}}}"),
			want: checktest.Lines(
				"medium PodDisruptionBudget/shop/web: PodDisruptionBudget web blocks every drain: the disruption controller cannot "+
					"compute it.",
				"  spec: minAvailable: 1",
				"  spec: selector: "+facts.NewSelector(badSelector()).Invalid),
		},
		"a failure of a moment": {documents: webBudget("maxUnavailable: 1", failed(checktest.JustNow))},
		"too few Pods are no defect": {
			documents: webBudget("maxUnavailable: 1", budgetStatus("0", "2", "2", "3", "InsufficientPods", checktest.LongAgo)),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, checktest.Text(t, Checks(), "pdb-invalid", c.documents)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func badSelector() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"app": "not a label!"}}
}
