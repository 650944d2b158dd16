package background_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/explain/aibench"
	"kubeops.io/kubeops/internal/explain/background"
	"kubeops.io/kubeops/internal/testkit"
)

// pods of a workload without an owner, as kubectl prints them.
const waiting = `
apiVersion: v1
kind: Pod
metadata: {name: cart-b, namespace: shop, labels: {app: cart}}
spec:
  nodeName: n1
  containers:
  - name: app
    image: registry.example/cart:1
    env: [{name: DB_HOST, value: cart-db}, {name: API_TOKEN, value: not-to-be-shown}, {name: WORKERS, value: "4"}]
status:
  phase: Running
  containerStatuses:
  - name: app
    image: x
    imageID: ""
    ready: false
    restartCount: %d
    state: {waiting: {reason: %s, message: back-off 5m0s restarting failed container=app pod=cart-b_shop(8d0c7f0e-9d0d-4a4c-9d5c-0a1b2c3d4e5f)}}
    lastState: {terminated: {exitCode: 3, reason: Error, startedAt: "%s", finishedAt: "2026-01-15T11:59:00Z"}}
---
apiVersion: v1
kind: Pod
metadata:
  name: cart-a
  namespace: shop
  labels: {app: cart}
  deletionTimestamp: "2026-01-15T11:59:00Z"
  finalizers: [example.com/x]
spec: {containers: [{name: app, image: x}]}
status:
  phase: Failed
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: cart-dbs, namespace: shop}
spec: {selector: {app: db}, ports: [{port: 5432, targetPort: 5432}]}
`

func objects(t *testing.T, documents string) []client.Object {
	t.Helper()
	var all []client.Object
	for _, object := range testkit.Objects(t, documents) {
		own, ok := object.(client.Object)
		if !ok {
			t.Fatalf("%T is no object", object)
		}
		all = append(all, own)
	}
	return all
}

func crashing(restarts int, reason, started string) string {
	return fmt.Sprintf(waiting, restarts, reason, started)
}

func problemOf(kind, name string) v1alpha1.Finding {
	return v1alpha1.Finding{ID: "f1", Object: v1alpha1.ObjectReference{Kind: kind, Namespace: "shop", Name: name}}
}

func gather(t *testing.T, cluster background.Cluster, f v1alpha1.Finding) background.Facts {
	t.Helper()
	return background.Gather(t.Context(), cluster, f, nil, testkit.Now())
}

// whole is the text of all entries.
func whole(facts background.Facts) string {
	var b strings.Builder
	for _, e := range facts.Entries {
		fmt.Fprintf(&b, "%s %s\n%s\n", e.ID, e.About, e.Text)
	}
	return b.String()
}

func TestTheWorstPodIsDescribedWithoutNoise(t *testing.T) {
	cluster := aibench.NewCluster(objects(t, crashing(7, "CrashLoopBackOff", "2026-01-15T11:58:00Z")), map[string]string{
		"shop/cart-b/app": "starting\nFATAL: no such table: carts\nbye\n",
	})
	text := whole(gather(t, cluster, problemOf("Service", "cart")))
	for _, want := range []string{
		"state1 Pod shop/cart-b", "terminated with exit code 3", "Explaining line: FATAL: no such table: carts", "env WORKERS: 4",
		"env API_TOKEN: a literal value", "Service cart-dbs has a similar name", "version1 version of Kubernetes\nv1.37.2",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the background lacks %q:\n%s", want, text)
		}
	}
	for _, noise := range []string{"cart-a", "8d0c7f0e", "back-off 5m0s", "not-to-be-shown"} {
		if strings.Contains(text, noise) {
			t.Errorf("the background contains %q:\n%s", noise, text)
		}
	}
}

func TestKeysDoNotChangeWhileAPodCrashesOn(t *testing.T) {
	keys := func(restarts int, reason, started, log string) string {
		endpoints := fmt.Sprintf("---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\naddressType: IPv4\nmetadata: {name: cart-1, namespace: "+
			"shop, labels: {kubernetes.io/service-name: cart}}\nendpoints: [{addresses: [10.0.0.1], conditions: {ready: %v}}]\n", restarts > 9)
		cluster := aibench.NewCluster(objects(t, crashing(restarts, reason, started)+endpoints), map[string]string{"shop/cart-b/app": log})
		var all []string
		for _, e := range gather(t, cluster, problemOf("Service", "cart")).Entries {
			if e.Key != "" {
				all = append(all, e.ID+" "+e.Key)
			}
		}
		return strings.Join(all, "\n")
	}
	first := keys(7, "CrashLoopBackOff", "2026-01-15T11:58:00Z", "2026-01-15T11:58:00Z starting\nFATAL: no such table: carts\n")
	later := keys(19, "Error", "2026-01-15T11:50:00Z", "2026-01-15T11:59:31Z starting\nworker 1 up\nFATAL: no such table: carts\n")
	other := keys(19, "Error", "2026-01-15T11:50:00Z", "FATAL: no such table: orders\n")
	if first != later {
		t.Errorf("the keys changed from\n%s\nto\n%s", first, later)
	}
	if first == other {
		t.Error("another failure has the same keys")
	}
}

// counting counts requests and can refuse kinds.
type counting struct {
	*aibench.Cluster
	reads int
}

func (c *counting) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	c.reads++
	return c.Cluster.Get(ctx, key, object, options...)
}

func (c *counting) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	c.reads++
	switch list.(type) {
	case *networkingv1.NetworkPolicyList:
		return apierrors.NewForbidden(schema.GroupResource{Resource: "networkpolicies"}, "", nil)
	case *corev1.NodeList:
		<-ctx.Done() // hangs until the deadline
		return ctx.Err()
	}
	return c.Cluster.List(ctx, list, options...)
}

func TestReadsAreBounded(t *testing.T) {
	pod := objects(t, crashing(7, "CrashLoopBackOff", "2026-01-15T11:58:00Z"))[0].(*corev1.Pod)
	for i := range 40 {
		name := fmt.Sprint("secret-", i)
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
			Secret: &corev1.SecretVolumeSource{SecretName: name},
		}})
		pod.Spec.Containers[0].Env = append(pod.Spec.Containers[0].Env, corev1.EnvVar{Name: fmt.Sprint("HOST_", i), Value: fmt.Sprintf("h%d.ns%d.svc:80", i, i)})
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, corev1.Container{Name: fmt.Sprint("init-", i)})
		pod.Status.InitContainerStatuses = append(pod.Status.InitContainerStatuses, corev1.ContainerStatus{
			Name: fmt.Sprint("init-", i), State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1}},
		})
	}
	cluster := &counting{Cluster: aibench.NewCluster([]client.Object{pod}, nil)}
	facts := gather(t, cluster, problemOf("Pod", "cart-b"))
	if reads := cluster.reads + cluster.Reads; reads > background.MaxReads || cluster.Reads > 2*background.MaxLogs {
		t.Errorf("%d reads, %d of logs", reads, cluster.Reads)
	}
	if len(facts.NotRead) != 1 || facts.NotRead[0] != "networkpolicies (RBAC)" {
		t.Errorf("not read: %v", facts.NotRead)
	}
}

func TestAnUnreadableClusterHasNoBackground(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	<-ctx.Done()
	facts := background.Gather(ctx, &counting{Cluster: aibench.NewCluster(nil, nil)}, problemOf("Deployment", "gone"), nil, testkit.Now())
	if text := whole(facts); strings.Contains(text, "gone") {
		t.Errorf("got %s", text)
	}
}
