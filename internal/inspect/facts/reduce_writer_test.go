package facts_test

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
)

func TestWritersAreReadFromManagedFields(t *testing.T) {
	const fields = `managedFields: [
  {manager: kubectl-create, operation: Update, apiVersion: v1, time: "2026-01-01T00:00:00Z", fieldsType: FieldsV1, fieldsV1: {"f:data": {}}},
  {manager: labeller, operation: Update, apiVersion: v1, time: "2026-01-03T00:00:00Z", fieldsType: FieldsV1, fieldsV1: {"f:metadata": {}}},
  {manager: my-operator, operation: Update, apiVersion: v1, time: "2026-01-02T00:00:00Z", fieldsType: FieldsV1, fieldsV1: {"f:data": {}}}]`
	for name, tc := range map[string]struct {
		document, writer string
		sought           bool
	}{
		"a ConfigMap by who wrote its data last": {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, " + fields + "}", "my-operator", false},
		"a Secret by who wrote its data last":    {"apiVersion: v1\nkind: Secret\nmetadata: {name: c, " + fields + "}", "my-operator", false},
		"an account by who wrote it last": {
			"apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: c, " + fields + "}", "labeller", false,
		},
		"a dashboard": {
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, labels: {grafana_dashboard: '1'}}", "", true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			node, _ := facts.Reduce(testkit.Objects(t, tc.document)[0]).(*facts.ConfigNode)
			if node == nil || node.Writer != tc.writer || node.Sought != tc.sought {
				t.Errorf("got %+v, want writer %q, sought %t", node, tc.writer, tc.sought)
			}
		})
	}
}

func TestExactLabelsOfASelector(t *testing.T) {
	const document = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: p}\n" +
		"spec: {selector: {matchLabels: {app: a}, matchExpressions: [" +
		"{key: tier, operator: In, values: [web]}, {key: zone, operator: In, values: [a, b]}, {key: old, operator: DoesNotExist}]}}"
	node, _ := facts.Reduce(testkit.Objects(t, document)[0]).(*facts.PDBNode)
	if diff := cmp.Diff(map[string]string{"app": "a", "tier": "web"}, maps.Collect(node.Selector.Exact())); diff != "" {
		t.Errorf("exact labels (-want +got):\n%s", diff)
	}
	if exact := maps.Collect((facts.Selector{}).Exact()); len(exact) > 0 {
		t.Errorf("the selector that matches nothing demands %v", exact)
	}
}
