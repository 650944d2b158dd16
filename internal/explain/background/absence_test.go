package background_test

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/internal/explain/aibench"
)

// paged has more Services than one page.
type paged struct{ *aibench.Cluster }

func (p paged) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	err := p.Cluster.List(ctx, list, options...)
	if services, is := list.(*corev1.ServiceList); is {
		services.Continue = "more"
	}
	return err
}

const broker = `
apiVersion: v1
kind: Pod
metadata: {name: cart-0, namespace: shop, labels: {app: cart}}
spec:
  hostAliases: [{ip: 10.0.0.7, hostnames: [mainframe]}]
  containers: [{name: app, image: x, env: [{name: A_HOST, value: shop-0.shop}, {name: B_HOST, value: mainframe}, {name: C_HOST, value: gone}]}]
status: {phase: Running, containerStatuses: [{name: app, image: x, imageID: "", ready: false, restartCount: 0, state: {running: {}}}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: shop}
spec: {clusterIP: None, selector: {app: shop}, ports: [{port: 80}]}
`

func TestOnlyServicesThatCannotExistAreSaidNotTo(t *testing.T) {
	cluster := aibench.NewCluster(objects(t, broker), nil)
	text := whole(gather(t, cluster, problemOf("Pod", "cart-0")))
	if strings.Count(text, "so the name does not resolve") != 1 || !strings.Contains(text, "No Service gone exists in namespace shop") {
		t.Errorf("got\n%s", text)
	}
	text = whole(gather(t, &paged{cluster}, problemOf("Pod", "cart-0")))
	if strings.Contains(text, "does not resolve") {
		t.Errorf("an incomplete list has proved that something is absent:\n%s", text)
	}
}
