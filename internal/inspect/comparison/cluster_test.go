package comparison_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/comparison"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
)

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop, generation: 2}
spec:
  replicas: 2
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec: {containers: [{name: app, image: "registry.example.com/cart:1.0"}]}
status: {observedGeneration: OBSERVED, replicas: 2, updatedReplicas: 2, readyReplicas: READY, availableReplicas: READY}
`

func replace(text string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(text) }

func of(t *testing.T, documents string, problems map[facts.Ref]string, unread ...facts.Kind) *comparison.Cluster {
	t.Helper()
	return comparison.Of(testkit.Graph(t, documents, unread...), problems)
}

func TestTheStateOfAWorkload(t *testing.T) {
	cart := facts.Ref{Kind: facts.Deployment, Namespace: "shop", Name: "cart"}
	problem := map[facts.Ref]string{cart: "no available Pods"}
	for name, tc := range map[string]struct {
		observed, ready string
		problems        map[facts.Ref]string
		unread          []facts.Kind
		want            comparison.State
	}{
		"all ready":                       {"2", "2", nil, nil, comparison.Healthy},
		"a problem":                       {"2", "2", problem, nil, comparison.Broken},
		"not all ready, without problems": {"2", "1", nil, nil, comparison.Unknown},
		"rolling out":                     {"1", "2", nil, nil, comparison.Unknown},
		"a problem while rolling out":     {"1", "0", problem, nil, comparison.Unknown},
		"Pods not read":                   {"2", "2", nil, []facts.Kind{facts.Pod}, comparison.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			c := of(t, replace(deployment, "OBSERVED", tc.observed, "READY", tc.ready), tc.problems, tc.unread...)
			if len(c.Workloads) != 1 || c.Workloads[0].State != tc.want || c.Workloads[0].Images != "app=registry.example.com/cart:1.0" {
				t.Errorf("%+v, want %s", c.Workloads, tc.want)
			}
		})
	}
}

func TestDefinitionsKeepServedVersions(t *testing.T) {
	const crd = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: w.example.com}
spec:
  group: example.com
  names: {kind: W, plural: w}
  versions: [{name: v1, served: true, storage: true}, {name: v1alpha1, served: false}]
`
	c := of(t, crd, nil)
	want := []comparison.Definition{{Name: "w.example.com", Served: []comparison.ServedVersion{{Name: "v1"}}}}
	if diff := cmp.Diff(want, c.Definitions); diff != "" || !c.DefinitionsRead {
		t.Errorf("read %v, -want +got:\n%s", c.DefinitionsRead, diff)
	}
	if c := of(t, crd, nil, facts.CRD); c.DefinitionsRead {
		t.Error("definitions that were not read count as read")
	}
}
