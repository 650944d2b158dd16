package facts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
)

// reduceOne reads one YAML document through its reducer.
func reduceOne(t *testing.T, document string) any {
	t.Helper()
	objects := testkit.Objects(t, document)
	if len(objects) != 1 {
		t.Fatalf("%d objects, want 1", len(objects))
	}
	return facts.Reduce(objects[0])
}

// sameSelectors compares selectors by what they select.
func sameSelectors() cmp.Option {
	return cmp.Comparer(func(a, b facts.Selector) bool { return a.String() == b.String() && a.Invalid == b.Invalid })
}

// at is a time of the day on which the objects of these tests live.
func at(hour, minute, second int) time.Time {
	return time.Date(2026, 1, 15, hour, minute, second, 0, time.UTC)
}

func TestAPodIsReducedToWhatChecksNeed(t *testing.T) {
	got := reduceOne(t, `
apiVersion: v1
kind: Pod
metadata:
  name: api-5d8f-x2
  namespace: shop
  uid: u1
  creationTimestamp: "2026-01-15T11:00:00Z"
  labels: {app: api}
  annotations: {note: dropped}
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: api-5d8f, uid: r1, controller: true}]
spec:
  nodeName: node-1
  serviceAccountName: api
  priorityClassName: high
  nodeSelector: {zone: b, disk: ssd}
  imagePullSecrets: [{name: pull}]
  initContainers:
  - name: migrate
    image: shop/migrate:1
    envFrom: [{configMapRef: {name: migrate}}, {secretRef: {name: db, optional: true}}]
  - name: proxy
    image: mesh/proxy:2
    restartPolicy: Always
    ports: [{name: metrics, containerPort: 9901}]
  containers:
  - name: api
    image: shop/api:7
    ports: [{name: http, containerPort: 8080, protocol: TCP, hostPort: 80}]
    env:
    - {name: MODE, value: fast}
    - {name: DB_URL, valueFrom: {configMapKeyRef: {name: api, key: url}}}
    - {name: DB_PASSWORD, valueFrom: {secretKeyRef: {name: db, key: password}}}
    - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
    resources: {limits: {memory: 64Mi, cpu: 250m}}
    readinessProbe: {httpGet: {path: /, port: 80}}
    livenessProbe: {httpGet: {path: /, port: 80}}
  volumes:
  - {name: config, configMap: {name: api, items: [{key: a, path: a}, {key: b, path: b}], optional: true}}
  - {name: tls, secret: {secretName: api-tls}}
  - {name: data, persistentVolumeClaim: {claimName: api-data}}
  - {name: scratch, ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}}}
  - name: all
    projected:
      sources:
      - configMap: {name: ca}
      - secret: {name: extra, items: [{key: k, path: k}]}
      - serviceAccountToken: {path: token}
  - {name: files, azureFile: {secretName: azure, shareName: s}}
  - {name: vault, csi: {driver: d, nodePublishSecretRef: {name: vault-login}}}
  - {name: tmp, emptyDir: {}}
status:
  phase: Running
  startTime: "2026-01-15T11:00:05Z"
  conditions:
  - {type: Ready, status: "False", reason: ContainersNotReady, message: "containers with unready status: [api]", lastTransitionTime: "2026-01-15T11:30:00Z"}
  initContainerStatuses:
  - {name: proxy, image: x, imageID: "", ready: true, started: true, restartCount: 0, state: {running: {startedAt: "2026-01-15T11:00:10Z"}}}
  containerStatuses:
  - name: api
    image: x
    imageID: ""
    ready: false
    restartCount: 4
    state: {waiting: {reason: CrashLoopBackOff, message: back-off 1m20s}}
    lastState: {terminated: {reason: OOMKilled, exitCode: 137, signal: 9, startedAt: "2026-01-15T11:29:00Z", finishedAt: "2026-01-15T11:30:00Z"}}
`)
	want := &facts.PodNode{
		Meta: facts.Meta{
			Ref: facts.Ref{Kind: facts.Pod, Namespace: "shop", Name: "api-5d8f-x2"}, UID: "u1", Created: at(11, 0, 0), Observed: -1,
			Labels: map[string]string{
				"app": "api",
			}, Owner: facts.Ref{Kind: facts.ReplicaSet, Namespace: "shop", Name: "api-5d8f"}, Owned: true,
			Conditions: []facts.Condition{{
				Type: "Ready", Status: "False", Reason: "ContainersNotReady", Message: "containers with unready status: [api]", Since: at(11, 30, 0),
			}},
		},
		NodeName: "node-1", Phase: "Running", ReadySince: at(11, 30, 0), Started: at(11, 0, 5),
		InitContainers: []facts.Container{
			{Name: "migrate", Image: "shop/migrate:1"},
			{
				Name: "proxy", Image: "mesh/proxy:2", Sidecar: true, Ready: true, Started: true,
				State: facts.ContainerState{Status: facts.StateRunning, Started: at(11, 0, 10)},
			},
		},
		Containers: []facts.Container{{
			Name: "api", Image: "shop/api:7", Restarts: 4, MemoryLimit: 64 << 20, CPULimit: 250, HasReadiness: true, HasLiveness: true,
			State: facts.ContainerState{Status: facts.StateWaiting, Reason: "CrashLoopBackOff", Message: "back-off 1m20s"},
			Previous: &facts.ContainerState{
				Status: facts.StateTerminated, Reason: "OOMKilled", ExitCode: 137, Signal: 9, Started: at(11, 29, 0), Finished: at(11, 30, 0),
			},
		}},
		Spec: &facts.PodSpec{
			ServiceAccount: "api", PriorityClass: "high", NodeSelector: []string{"disk=ssd", "zone=b"},
			CPURequest: 250, MemoryRequest: 64 << 20,
			Refs: []facts.SpecRef{
				{Kind: facts.ConfigMap, Name: "migrate", Field: "envFrom of container migrate"},
				{Kind: facts.Secret, Name: "db", Optional: true, Field: "envFrom of container migrate"},
				{Kind: facts.ConfigMap, Name: "api", Key: "url", Field: "env DB_URL of container api"},
				{Kind: facts.Secret, Name: "db", Key: "password", Field: "env DB_PASSWORD of container api"},
				{Kind: facts.ConfigMap, Name: "api", Key: "a", Optional: true, Field: "volume config"},
				{Kind: facts.ConfigMap, Name: "api", Key: "b", Optional: true, Field: "volume config"},
				{Kind: facts.Secret, Name: "api-tls", Field: "volume tls"},
				{Kind: facts.PVC, Name: "api-data", Field: "volume data"},
				{Kind: facts.PVC, Name: "api-5d8f-x2-scratch", Field: "volume scratch"},
				{Kind: facts.ConfigMap, Name: "ca", Field: "volume all"},
				{Kind: facts.Secret, Name: "extra", Key: "k", Field: "volume all"},
				{Kind: facts.Secret, Name: "azure", Field: "volume files"},
				{Kind: facts.Secret, Name: "vault-login", Field: "volume vault"},
				{Kind: facts.Secret, Name: "pull", Optional: true, Field: "imagePullSecrets"},
			},
			Ports: []facts.ContainerPort{
				{Name: "http", Port: 8080, Protocol: "TCP", HostPort: 80}, {Name: "metrics", Port: 9901},
			},
		},
	}
	if diff := cmp.Diff(want, got, leanApart()); diff != "" {
		t.Errorf("node (-want +got):\n%s", diff)
	}
}

func TestRequestsAreSummedAsTheSchedulerDoes(t *testing.T) {
	const head = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\nspec:\n"
	for name, tc := range map[string]struct {
		spec            string
		wantCPU, wantMi int64
	}{
		"containers add up": {
			"  containers: [{name: a, resources: {requests: {cpu: 100m, memory: 1Mi}}}, {name: b, resources: {requests: {cpu: 200m, memory: 2Mi}}}]",
			300, 3,
		},
		"a larger init container counts alone": {
			"  initContainers: [{name: i, resources: {requests: {cpu: 500m, memory: 1Mi}}}]\n" +
				"  containers: [{name: a, resources: {requests: {cpu: 100m, memory: 2Mi}}}]", 500, 2,
		},
		"a sidecar runs beside containers and later init containers": {
			"  initContainers: [{name: s, restartPolicy: Always, resources: {requests: {cpu: 100m}}}, {name: i, resources: {requests: {cpu: " +
				"500m}}}]\n" +
				"  containers: [{name: a, resources: {requests: {cpu: 100m}}}]", 600, 0,
		},
		"a sidecar after an init container does not add to it": {
			"  initContainers: [{name: i, resources: {requests: {cpu: 500m}}}, {name: s, restartPolicy: Always, resources: {requests: {cpu: " +
				"100m}}}]\n" +
				"  containers: [{name: a, resources: {requests: {cpu: 100m}}}]", 500, 0,
		},
		"overhead of the runtime is added": {
			"  overhead: {cpu: 50m, memory: 1Mi}\n  containers: [{name: a, resources: {requests: {cpu: 100m}}}]", 150, 1,
		},
		"the Pod's own request wins": {
			"  resources: {requests: {cpu: '1'}}\n  containers: [{name: a, resources: {requests: {cpu: 100m, memory: 1Mi}}}]", 1000, 1,
		},
		"a limit alone is a request":                {"  containers: [{name: a, resources: {limits: {cpu: 100m}}}]", 100, 0},
		"a request of nothing stays, despite limit": {"  containers: [{name: a, resources: {requests: {cpu: '0'}, limits: {cpu: 100m}}}]", 0, 0},
		"nothing asked for":                         {"  containers: [{name: a}]", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			pod := reduceOne(t, head+tc.spec).(*facts.PodNode)
			if pod.Spec.CPURequest != tc.wantCPU || pod.Spec.MemoryRequest != tc.wantMi<<20 {
				t.Errorf("got %dm and %d bytes, want %dm and %dMi", pod.Spec.CPURequest, pod.Spec.MemoryRequest, tc.wantCPU, tc.wantMi)
			}
		})
	}
}

func TestKindsOfTheSameNameInOtherGroupsAreDistinguished(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "n"}}
	for name, tc := range map[string]struct {
		apiVersion, kind string
		want             facts.Kind
	}{
		"ours":                   {"apps/v1", "StatefulSet", facts.StatefulSet},
		"an older version":       {"apps/v1beta2", "StatefulSet", facts.StatefulSet},
		"of another group":       {"apps.kruise.io/v1beta1", "StatefulSet", "StatefulSet.apps.kruise.io"},
		"unknown":                {"argoproj.io/v1alpha1", "Rollout", "Rollout.argoproj.io"},
		"without a group":        {"", "Job", facts.Job},
		"core kind, other group": {"serving.knative.dev/v1", "Service", "Service.serving.knative.dev"},
		"not of the core group":  {"v1", "Deployment", "Deployment.core"},
	} {
		t.Run(name, func(t *testing.T) {
			controller := true
			pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: tc.apiVersion, Kind: tc.kind, Name: "o", Controller: &controller}}
			if got := facts.Reduce(pod).(*facts.PodNode).Owner.Kind; got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestFinalizersAreKeptOnlyForObjectsBeingDeleted(t *testing.T) {
	const document = "apiVersion: v1\nkind: PersistentVolumeClaim\n" +
		"metadata: {name: c, namespace: shop, finalizers: [kubernetes.io/pvc-protection]%s}\n"
	staying := reduceOne(t, strings.ReplaceAll(document, "%s", "")).(*facts.PVCNode)
	going := reduceOne(t, strings.ReplaceAll(document, "%s", `, deletionTimestamp: "2026-01-15T11:00:00Z"`)).(*facts.PVCNode)
	if staying.Finalizers != nil || !staying.Deleting.IsZero() {
		t.Errorf("an object that stays keeps finalizers %v, deleting %v", staying.Finalizers, staying.Deleting)
	}
	if diff := cmp.Diff([]string{"kubernetes.io/pvc-protection"}, going.Finalizers); diff != "" || !going.Deleting.Equal(at(11, 0, 0)) {
		t.Errorf("deleting %v, finalizers (-want +got):\n%s", going.Deleting, diff)
	}
}

func TestLongMessagesAreClippedByRunes(t *testing.T) {
	pod := &corev1.Pod{Status: corev1.PodStatus{
		Message: strings.Repeat("é", 1<<20),
		ContainerStatuses: []corev1.ContainerStatus{
			{Name: "a", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Message: strings.Repeat("x", 1<<20)}}},
		},
		Conditions: []corev1.PodCondition{{Message: strings.Repeat("\xff", 1<<20)}},
	}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a"}}}}
	node := facts.Reduce(pod).(*facts.PodNode)
	for where, got := range map[string]string{
		"status": node.Message, "container": node.Containers[0].State.Message, "condition": node.Conditions[0].Message,
	} {
		if runes := []rune(got); len(runes) != 1024 || !strings.HasSuffix(got, "...") {
			t.Errorf("the message of the %s has %d runes and ends in %q", where, len(runes), got[len(got)-6:])
		}
	}
}

func TestObjectsWithoutAReducerAreIgnored(t *testing.T) {
	for name, object := range map[string]any{
		"nil": nil, "text": "Pod", "a Pod by value": corev1.Pod{}, "another kind": &corev1.PodTemplate{},
		"a normal event": &corev1.Event{Type: corev1.EventTypeNormal}, "an event of no type": &corev1.Event{},
	} {
		t.Run(name, func(t *testing.T) {
			if got := facts.Reduce(object); got != nil { // an untyped nil: a typed one would not compare equal
				t.Errorf("got %#v", got)
			}
		})
	}
}
