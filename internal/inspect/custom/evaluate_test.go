package custom

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
)

// compiled compiles valid checks.
func compiled(t testing.TB, list ...v1alpha1.CustomCheck) []Program {
	t.Helper()
	programs, err := Compile(t.Context(), list)
	if err != nil {
		t.Fatal(err)
	}
	return programs
}

// objects decodes YAML documents as the API client does.
func objects(t testing.TB, documents string) []map[string]any {
	t.Helper()
	var list []map[string]any
	for document := range strings.SplitSeq(documents, "\n---\n") {
		text, err := yaml.YAMLToJSON([]byte(document))
		if err != nil {
			t.Fatal(err)
		}
		var object map[string]any
		if err := utiljson.Unmarshal(text, &object); err != nil {
			t.Fatal(err)
		}
		list = append(list, object)
	}
	return list
}

// summarize prints the findings and gaps of a session, one per line.
func summarize(s *Session) []string {
	var lines []string
	for _, f := range s.Findings() {
		line := fmt.Sprintf("%s %s %s: %s", f.Severity, f.Check, f.Object, f.Message)
		for _, e := range f.Evidence[1:] {
			line += " (" + e.Text + ")"
		}
		lines = append(lines, line)
	}
	for _, g := range s.Gaps() {
		lines = append(lines, fmt.Sprintf("%s, %s: %s", g.Reason, g.Source, g.Message))
	}
	return lines
}

// evaluated runs checks on the objects of YAML documents and prints the result.
func evaluated(t *testing.T, documents string, list []v1alpha1.CustomCheck, unread ...facts.Kind) []string {
	t.Helper()
	s := NewSession(compiled(t, list...), testkit.Graph(t, documents, unread...), nil)
	for _, object := range objects(t, documents) {
		s.Object(t.Context(), object)
	}
	return summarize(s)
}

const shop = `apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {env: production}}
---
apiVersion: v1
kind: Namespace
metadata: {name: play}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
      - {name: api, image: api, envFrom: [{configMapRef: {name: settings}}, {configMapRef: {name: lost}}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: toy, namespace: play}
spec:
  replicas: 1
  selector: {matchLabels: {app: toy}}
  template: {metadata: {labels: {app: toy}}, spec: {containers: [{name: c, image: i}]}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: api-1, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: api, uid: u1, controller: true}]}
spec: {selector: {matchLabels: {app: api}}, template: {metadata: {labels: {app: api}}, spec: {containers: [{name: api, image: api}]}}}
---
apiVersion: v1
kind: Pod
metadata:
  name: api-1-a
  namespace: shop
  labels: {app: api}
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: api-1, uid: u2, controller: true}]
spec: {nodeName: n1, containers: [{name: api, image: api}]}
status:
  phase: Running
  conditions: [{type: Ready, status: "True"}]
  containerStatuses: [{name: api, image: api, imageID: "", ready: true, restartCount: 2}]
---
apiVersion: v1
kind: Pod
metadata:
  name: api-1-b
  namespace: shop
  labels: {app: api}
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: api-1, uid: u2, controller: true}]
spec: {nodeName: n1, containers: [{name: api, image: api}]}
status: {phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: alone, namespace: play}
spec: {containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Pod
metadata: {name: etcd-n1, namespace: kube-system, ownerReferences: [{apiVersion: v1, kind: Node, name: n1, uid: u3, controller: true}]}
spec: {containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Node
metadata: {name: n1}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec: {selector: {app: api}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Event
metadata: {name: e, namespace: shop}
involvedObject: {kind: Pod, namespace: shop, name: api-1-b}
type: Warning
reason: BackOff
message: Back-off restarting
count: 7`

func onPods(expression string, change ...func(*v1alpha1.CustomCheck)) v1alpha1.CustomCheck {
	return onDeployments(expression, append([]func(*v1alpha1.CustomCheck){
		func(c *v1alpha1.CustomCheck) {
			c.ID = "pods"
			c.Resource = v1alpha1.CustomResource{Version: "v1", Resource: "pods"}
		},
	}, change...)...)
}

func on(resource string) func(*v1alpha1.CustomCheck) {
	return func(c *v1alpha1.CustomCheck) {
		c.ID = resource
		c.Resource = v1alpha1.CustomResource{Resource: resource}
	}
}

func TestChecksAreEvaluated(t *testing.T) {
	match := func(text string) func(*v1alpha1.CustomCheck) { return func(c *v1alpha1.CustomCheck) { c.Match = text } }
	message := func(text string) func(*v1alpha1.CustomCheck) {
		return func(c *v1alpha1.CustomCheck) { c.MessageExpression = text }
	}
	for name, tc := range map[string]struct {
		check v1alpha1.CustomCheck
		want  []string
	}{
		"all pass":  {onDeployments("object.spec.replicas == 1"), nil},
		"one fails": {onDeployments("object.metadata.name == 'api'"), []string{"medium custom-owner-label Deployment/play/toy: It is wrong."}},
		"match restricts the check": {
			onDeployments("object.spec.replicas >= 2", match("facts.namespaceLabels[?'env'] == optional.of('production')")),
			[]string{"medium custom-owner-label Deployment/shop/api: It is wrong."},
		},
		"a messageExpression": {
			onDeployments("object.spec.replicas >= 2", message("object.metadata.name + ' has\\n' + string(object.spec.replicas)")),
			[]string{
				"medium custom-owner-label Deployment/play/toy: toy has 1",
				"medium custom-owner-label Deployment/shop/api: api has 1",
			},
		},
		"a failing messageExpression falls back to message": {
			onDeployments("object.metadata.name != 'toy'", message("string(object.nothing)")),
			[]string{"medium custom-owner-label Deployment/play/toy: It is wrong."},
		},
		"a missing field": {
			onDeployments("object.metadata.labels.owner != ''"),
			[]string{"CheckFailed, check custom-owner-label: The custom check owner-label failed on 2 objects, first on " +
				"Deployment/shop/api: no such key: labels."},
		},
		"Pods of a workload share one finding": {
			onPods("false", message("'Pod ' + object.metadata.name")),
			[]string{
				"medium custom-pods Pod/kube-system/etcd-n1: Pod etcd-n1",
				"medium custom-pods Pod/play/alone: Pod alone",
				"medium custom-pods Deployment/shop/api: Pod api-1-a (2 of 2 Pods: api-1-a, api-1-b)",
			},
		},
		"one of two Pods": {
			onPods("object.metadata.name != 'api-1-b'"), []string{"medium custom-pods Deployment/shop/api: It is wrong. (1 of 2 Pods: api-1-b)"},
		},
		"facts of a Deployment": {
			onDeployments("facts == {}", match("object.metadata.name == 'api'"),
				message("string(facts.pods.count) + string(facts.pods.ready) + string(facts.pods.restarts) + "+
					"string(facts.pods.nodes) + facts.cluster + facts.version + string(has(facts.owner)) + facts.dependsOn.map(d, d.kind + '/' "+
					"+ d.name + ' ' + d.edge + ' ' + string(d.exists)).join(',')")),
			[]string{"medium custom-owner-label Deployment/shop/api: 2121testv1.37.2falseConfigMap/settings refers true,ConfigMap/lost " +
				"refers false,Node/n1 runs-on true"},
		},
		"facts of a Pod": {
			onPods("facts.findings == ['pod-crash-looping']", match("object.metadata.name == 'api-1-b'"),
				message("facts.owner.kind + '/' + facts.owner.name + ' ' + facts.events.map(e, e.reason + string(e.count)).join(',')")),
			[]string{"medium custom-pods Deployment/shop/api: Deployment/api BackOff7 (1 of 2 Pods: api-1-b)"},
		},
		"facts of a Service": {
			onDeployments("facts.pods.count == 0", on("services")), []string{"medium custom-services Service/shop/api: It is wrong."},
		},
		"facts of Namespaces": {
			onDeployments("facts.namespaceLabels.size() == 1 && facts.pods.count == 2", on("namespaces")),
			[]string{"medium custom-namespaces Namespace/play: It is wrong."},
		},
		"facts of a Node": {onDeployments("facts.pods.ready == 1 && facts.namespaceLabels == {}", on("nodes")), nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, evaluated(t, shop, []v1alpha1.CustomCheck{tc.check})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFindingsOfOtherChecksAreFactsOfTheObjectAndItsPods(t *testing.T) {
	graph := testkit.Graph(t, shop)
	found := []check.Finding{
		{Check: "pod-oom-killed", Object: facts.Ref{Kind: facts.Deployment, Namespace: "shop", Name: "api"}},
		{Check: "deployment-unavailable", Object: facts.Ref{Kind: facts.Deployment, Namespace: "shop", Name: "api"}},
	}
	s := NewSession(compiled(t, onPods("facts.findings == []"), onDeployments("facts.findings == []", func(c *v1alpha1.CustomCheck) {
		c.MessageExpression = "facts.findings.join(',')"
	})), graph, found)
	for _, object := range objects(t, shop) {
		s.Object(t.Context(), object)
	}
	want := []string{
		"medium custom-pods Deployment/shop/api: It is wrong. (2 of 2 Pods: api-1-a, api-1-b)",
		"medium custom-owner-label Deployment/shop/api: deployment-unavailable,pod-oom-killed",
	}
	if diff := cmp.Diff(want, summarize(s)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUnknownFactsAreGaps(t *testing.T) {
	for fact, unread := range map[string]facts.Kind{"pods": facts.Pod, "events": facts.Event, "namespaceLabels": facts.Namespace} {
		documents := objects(t, shop)[2]
		s := NewSession(compiled(t, onDeployments("facts."+fact+" == facts."+fact)), testkit.Graph(t, "", unread), nil)
		s.Object(t.Context(), documents)
		want := "first on Deployment/shop/api: no such key: " + fact
		if got := strings.Join(summarize(s), "\n"); !strings.Contains(got, want) {
			t.Errorf("got %q, want a gap with %q", got, want)
		}
	}
}

func TestAKindOfAnotherGroupIsNotMistakenForTheBuiltInKind(t *testing.T) {
	const own = `apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: api, namespace: shop}`
	check := onDeployments("facts.dependsOn.size() > 0 || facts.pods.count > 0", func(c *v1alpha1.CustomCheck) {
		c.Resource = v1alpha1.CustomResource{Group: "serving.knative.dev", Resource: "services"}
	})
	findings, err := Evaluate(t.Context(), compiled(t, check), objects(t, own)[0], testkit.Graph(t, shop))
	if err != nil || len(findings) != 1 {
		t.Fatalf("got %v, %v", findings, err)
	}
	if f := findings[0]; f.APIVersion != "serving.knative.dev/v1" || f.Object.Kind != "Service.serving.knative.dev" {
		t.Errorf("got %+v", f)
	}
}

func TestEvaluateReturnsErrorsAndFindings(t *testing.T) {
	programs := compiled(t, onDeployments("object.spec.missing"+" == 1"),
		onDeployments("false", func(c *v1alpha1.CustomCheck) { c.ID = "never" }))
	findings, err := Evaluate(t.Context(), programs, objects(t, shop)[2], testkit.Graph(t, shop))
	if len(findings) != 1 || findings[0].Check != "custom-never" {
		t.Errorf("got %+v", findings)
	}
	if err == nil || !strings.Contains(err.Error(), "no such key: missing") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Evaluate(ctx, programs, objects(t, shop)[2], testkit.Graph(t, shop)); err == nil {
		t.Error("want the error of ctx")
	}
}

func TestCustomChecksAreSelectedLikeBuiltInChecks(t *testing.T) {
	programs := compiled(t, onDeployments("true"), onPods("true"))
	builtin := checks.Builtin()
	for name, tc := range map[string]struct {
		include, exclude []string
		want             string
	}{
		"all":           {nil, nil, "custom-owner-label custom-pods"},
		"by a glob":     {[]string{"custom-*"}, []string{"custom-pods"}, "custom-owner-label"},
		"built-in only": {[]string{"pod-*"}, nil, ""},
		"none":          {nil, []string{"custom-*"}, ""},
		"by id":         {[]string{"pvc-lost", "custom-pods"}, nil, "custom-pods"},
		"an unknown id": {[]string{"custom-pod"}, nil, "unknown check custom-pod (did you mean custom-pods?)"},
	} {
		kept, own, err := Select(builtin, programs, tc.include, tc.exclude)
		var ids []string
		for _, p := range own {
			ids = append(ids, p.ID())
		}
		got := strings.Join(ids, " ")
		if err != nil {
			got = err.Error()
		}
		if got != tc.want {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
		for _, c := range kept {
			if c.Run == nil && c.Compare == nil {
				t.Errorf("%s: %s cannot run", name, c.ID)
			}
		}
	}
}
