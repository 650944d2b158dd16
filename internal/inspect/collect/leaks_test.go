package collect

import (
	"net/http"
	"testing"

	"k8s.io/utils/clock"

	"kubeops.io/kubeops/internal/inspect/facts"
)

func TestSecretsAreSearchedOnlyWhereTheScopeSaysSo(t *testing.T) {
	const list = `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{},"items":[{"metadata":{"name":"a","namespace":"shop"},"data":{"db.password":"hunter` + `2"}}]}`
	for _, asked := range []bool{true, false} {
		_, source := serve(t, map[string][]http.HandlerFunc{"/api/v1/configmaps": {body(http.StatusOK, "application/json", list)}})
		collected, err := All(t.Context(), source, Scope{Leaks: asked}, []facts.Kind{facts.ConfigMap}, clock.RealClock{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		node, ok := facts.Lookup[*facts.ConfigNode](collected.Graph, facts.Ref{Kind: facts.ConfigMap, Namespace: "shop", Name: "a"})
		if !ok || (len(node.Leaks) == 1) != asked {
			t.Errorf("asked %v, found %v", asked, node)
		}
	}
}
