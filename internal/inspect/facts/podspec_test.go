package facts_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
)

// leanApart leaves the lean spec out of a comparison: its types belong to the API and it has its own tests.
func leanApart() cmp.Option { return cmpopts.IgnoreFields(facts.PodSpec{}, "Lean") }

func TestALeanSpecHasNoValuesCommandsOrHeaders(t *testing.T) {
	pod := reduceOne(t, `
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: shop}
spec:
  nodeName: n1
  tolerations:
  - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 300}
  - {key: gpu, operator: Exists}
  volumes:
  - name: kube-api-access-x7
    projected: {sources: [{serviceAccountToken: {path: token}}]}
  - {name: host, hostPath: {path: /var/run}}
  initContainers: [{name: i, command: [hidden-1], args: [hidden-2]}]
  containers:
  - name: c
    command: [hidden-3]
    args: [hidden-4]
    env: [{name: A, value: hidden-5}, {name: B, valueFrom: {secretKeyRef: {name: s, key: k}}}]
    volumeMounts: [{name: kube-api-access-x7, mountPath: /t}, {name: host, mountPath: /h}]
    livenessProbe: {httpGet: {path: /, port: 80, httpHeaders: [{name: Authorization, value: hidden-6}]}}
    lifecycle: {preStop: {httpGet: {path: /, port: 80, httpHeaders: [{name: Authorization, value: hidden-7}]}}}
`).(*facts.PodNode)
	lean := pod.Spec.Lean
	if text := lean.String(); strings.Contains(text, "hidden") {
		t.Errorf("a value stayed: %s", text)
	}
	if len(lean.Volumes) != 1 || lean.Volumes[0].HostPath == nil || len(lean.Containers[0].VolumeMounts) != 1 {
		t.Errorf("volumes: %v", lean.Volumes)
	}
	if len(lean.Tolerations) != 1 || lean.Tolerations[0].Key != "gpu" {
		t.Errorf("tolerations: %v", lean.Tolerations)
	}
	if len(lean.Containers[0].Env) != 2 || lean.Containers[0].Env[1].ValueFrom == nil || lean.NodeName != "" {
		t.Errorf("containers: %v", lean.Containers)
	}
}

func TestPodsOfAWorkloadShareOneSpecWithTheirOwner(t *testing.T) {
	documents := `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: a}]}}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web-1, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: u, controller: true}]}
spec: {selector: {matchLabels: {app: web}}}
---
apiVersion: v1
kind: Pod
metadata: {name: done, namespace: shop}
spec: {containers: [{name: c, image: z}]}
status: {phase: Succeeded}
---
`
	for i := range 20 {
		documents += fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: web-1-%d, namespace: shop, labels: {app: web}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: u, controller: true}]}
spec:
  nodeName: n%d
  terminationGracePeriodSeconds: 30
  volumes: [{name: kube-api-access-%d, projected: {sources: [{serviceAccountToken: {path: token}}, {configMap: {name: kube-root-ca.crt}}]}}]
  containers: [{name: c, image: a, volumeMounts: [{name: kube-api-access-%d, mountPath: /t}]}]
status: {phase: Running}
---
`, i, i, i, i)
	}
	specs := testkit.Graph(t, documents).Specs()
	web := facts.Ref{Kind: facts.Deployment, Namespace: "shop", Name: "web"}
	if len(specs) != 2 || specs[0].Owner != web || !specs[0].Template || specs[0].Pods != 0 || specs[1].Owner != web ||
		specs[1].Template ||
		specs[1].Pods != 20 {
		t.Errorf("specs: %+v", specs)
	}
}

func TestLeaksHaveTheFieldAndNeverTheValue(t *testing.T) {
	reducer := facts.Reducer{Scan: func(text string) string {
		if strings.Contains(text, "hidden") {
			return "some-rule"
		}
		return ""
	}}
	deployment := testkit.Objects(t, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      initContainers: [{name: i, args: [--fine, --password, hidden]}]
      containers: [{name: c, env: [{name: GOOD, value: x}, {name: BAD, value: hidden}], command: [run, hidden]}]
`)[0]
	want := []facts.Leak{
		{"args of container i", "some-rule"},
		{"env BAD of container c", "some-rule"},
		{"command of container c", "some-rule"},
	}
	if diff := cmp.Diff(want, reducer.Reduce(deployment).(*facts.WorkloadNode).Template.Leaks); diff != "" {
		t.Errorf("leaks (-want +got):\n%s", diff)
	}
	config := testkit.Objects(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: w, namespace: shop}\ndata: {a: x, b: hidden}")[0]
	if diff := cmp.Diff([]facts.Leak{{"data b", "some-rule"}}, reducer.Reduce(config).(*facts.ConfigNode).Leaks); diff != "" {
		t.Errorf("leaks (-want +got):\n%s", diff)
	}
	if leaks := facts.Reduce(config).(*facts.ConfigNode).Leaks; leaks != nil {
		t.Errorf("found without a scanner: %v", leaks)
	}
}
