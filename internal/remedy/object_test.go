package remedy_test

import (
	"testing"

	"kubeops.io/kubeops/internal/remedy"
)

func TestPlaceholdersAreFilledWithTheObject(t *testing.T) {
	hpa := remedy.Object{Resources: []string{"horizontalpodautoscaler", "hpa"}, Namespace: "shop", Name: "cart"}
	node := remedy.Object{Resources: []string{"node"}, Name: "n 1"}
	for _, c := range []struct {
		object remedy.Object
		text   remedy.Text
		want   remedy.Text
	}{
		{hpa, "See `kubectl describe hpa <name>`.", "See `kubectl -n shop describe hpa cart`."},
		{hpa, "`kubectl edit <kind> <name>`", "`kubectl -n shop edit horizontalpodautoscaler cart`"},
		{hpa, "`kubectl -n <namespace> edit hpa <name>`", "`kubectl -n shop edit hpa cart`"},
		{hpa, "`kubectl logs hpa/<name>`", "`kubectl -n shop logs horizontalpodautoscaler/cart`"},
		{hpa, "`kubectl create configmap <name> --from-file=<file>`", "`kubectl create configmap <name> --from-file=<file>`"},
		{hpa, "The field <name> of `kubectl get hpa`.", "The field <name> of `kubectl get hpa`."},
		{node, "`kubectl drain node <name>`, then `kubectl delete node <name>`", "`kubectl drain node 'n 1'`, then `kubectl delete node 'n 1'`"},
		{remedy.Object{Resources: []string{"clusterrole"}, Name: "-x"}, "`kubectl edit clusterrole <name>`", "`kubectl edit clusterrole <name>`"},
		{remedy.Object{}, "`kubectl edit clusterrole <name>`", "`kubectl edit clusterrole <name>`"},
	} {
		if got := remedy.ForObject(c.text, c.object); got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.text, got, c.want)
		}
	}
}
