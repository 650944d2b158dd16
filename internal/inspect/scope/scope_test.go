package scope_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/testkit"
)

const objects = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web, namespace: a, uid: w}
spec: {serviceName: web, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: app, image: i}], initContainers: [{name: init, image: i}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: a, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: web, uid: w, controller: true}]}
spec: {containers: [{name: app, image: i}]}
---
apiVersion: v1
kind: Pod
metadata: {name: bare, namespace: a}
spec: {containers: [{name: tool, image: i}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: a}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: Node
metadata: {name: n1}
---
apiVersion: v1
kind: Namespace
metadata: {name: a}
---
apiVersion: v1
kind: Namespace
metadata: {name: ab}
`

// graph of objects with the lists of a namespace-bound account, without the kinds in unread, and with some cluster-scoped kinds.
func graph(t *testing.T, unread []facts.Kind, clusterScoped ...facts.Kind) *facts.Graph {
	t.Helper()
	builder := facts.NewBuilder("local", testkit.Now())
	for _, object := range testkit.Objects(t, objects) {
		node := facts.Reduce(object)
		switch n := node.(type) {
		case *facts.NodeNode:
			if slices.Contains(clusterScoped, facts.Node) {
				builder.Add(n)
			}
		case *facts.NamespaceNode:
			if slices.Contains(clusterScoped, facts.Namespace) {
				builder.Add(n)
			}
		default:
			builder.Add(node)
		}
	}
	for _, kind := range testkit.Kinds() {
		switch {
		case slices.Contains(unread, kind):
		case kind.Namespaced():
			builder.Covered(kind, "a")
		case slices.Contains(clusterScoped, kind):
			builder.Covered(kind, "")
		}
	}
	return builder.Graph()
}

func labelled(text string) map[string]string {
	labels := map[string]string{}
	for _, pair := range strings.Fields(text) {
		name, value, _ := strings.Cut(pair, "=")
		labels[name] = value
	}
	return labels
}

func TestLabelsNameOnlyObjectsThatWereRead(t *testing.T) {
	bound := graph(t, nil)
	nodes := graph(t, nil, facts.Node, facts.Namespace)
	for labels, want := range map[string]struct {
		graph *facts.Graph
		want  string
	}{
		"namespace=a pod=web-1":                               {bound, "StatefulSet/a/web"},
		"namespace=a pod=web-10":                              {bound, "StatefulSet/a/web"}, // deleted
		"namespace=a pod=web-1x":                              {bound, "Namespace/a"},
		"namespace=ab pod=web-1":                              {bound, ""},
		"namespace=a":                                         {bound, "Namespace/a"},
		"namespace=ab":                                        {bound, ""},
		"namespace=A pod=web-1":                               {bound, ""},
		"namespace=a|ab pod=web-1":                            {bound, ""},
		"namespace=a exported_namespace=ab pod=web-1":         {bound, ""},
		"namespace=ab exported_namespace=a pod=web-1":         {bound, "StatefulSet/a/web"},
		"kubernetes_namespace=ab pod=web-1":                   {bound, ""},
		"pod=web-1":                                           {bound, ""},
		"node=n1":                                             {bound, ""},
		"job=billing":                                         {bound, ""},
		"namespace=a persistentvolume=pv-1":                   {bound, ""},
		"node=n1 x=y":                                         {nodes, "Node/n1"},
		"node=n2":                                             {nodes, ""},
		"node=n1 namespace=ab pod=web-1":                      {nodes, ""},
		"node=n1 namespace=ab":                                {nodes, ""},
		"node=n1 kubernetes_namespace=ab":                     {nodes, ""},
		"node=n1 destination_workload_namespace=ab":           {nodes, ""},
		"namespace=ab deployment=web":                         {nodes, ""},
		"namespace=ab x=y":                                    {nodes, ""},
		"namespace=a x=y":                                     {nodes, "Namespace/a"},
		"namespace=a service=web x=y":                         {nodes, "Service/a/web"},
		"namespace=ab job=node-exporter node=n1 instance=n:1": {nodes, ""},
	} {
		got, ok := scope.New(want.graph, nil).Object(labelled(labels))
		if text := got.String(); ok != (want.want != "") || ok && text != want.want {
			t.Errorf("%s: got %s, %v, want %q", labels, text, ok, want.want)
		}
	}
}

func TestAKindThatWasNotReadHidesWhatNamesIt(t *testing.T) {
	f := scope.New(graph(t, []facts.Kind{facts.Pod}), nil)
	for labels, want := range map[string]bool{"namespace=a pod=gone-x2k4p": false, "namespace=a pod=web-3": false, "namespace=a pod=web-1": true} {
		if got, ok := f.Object(labelled(labels)); ok != want {
			t.Errorf("%s: got %s, %v", labels, got, ok)
		}
	}
	if _, ok := f.Pod("a", "web-1"); !ok {
		t.Error("a Pod that was read is not admitted")
	}
	for _, name := range []string{"web-3", "web", ""} {
		if ref, ok := f.Pod("a", name); ok {
			t.Errorf("%q is taken for a deleted Pod of %s, although not all Pods were read", name, ref)
		}
	}
}

func TestAPodIsNotItsNamesake(t *testing.T) {
	f := scope.New(graph(t, nil), nil)
	if ref, ok := f.Pod("a", "web"); ok { // a Pod of this name is not of the StatefulSet
		t.Errorf("got %s", ref)
	}
	if ref, ok := f.Owner("a", "web"); !ok || ref.Kind != facts.StatefulSet {
		t.Errorf("got %s, %v", ref, ok)
	}
	if _, ok := f.Workload("ab", "web"); ok {
		t.Error("a workload of another namespace")
	}
}

func TestQueriesSelectTheNamespacesThatWereRead(t *testing.T) {
	bound := graph(t, nil)
	everything := testkit.Graph(t, objects)
	for name, tc := range map[string]struct {
		filter *scope.Filter
		want   scope.Selection
		whole  bool
	}{
		"a namespace-bound account":      {scope.New(bound, nil), scope.Selection{Names: []string{"a"}}, false},
		"a namespace that is not read":   {scope.New(bound, []string{"a", "ab"}), scope.Selection{Names: []string{"a"}}, false},
		"only such":                      {scope.New(bound, []string{"ab"}), scope.Selection{}, false},
		"everything":                     {scope.New(everything, nil), scope.Selection{All: true}, true},
		"some of everything":             {scope.New(everything, []string{"ab"}), scope.Selection{Names: []string{"ab"}}, false},
		"all but Nodes":                  {scope.New(testkit.Graph(t, objects, facts.Node), nil), scope.Selection{All: true}, false},
		"nothing":                        {scope.New(testkit.Graph(t, "", testkit.Kinds()...), nil), scope.Selection{}, false},
		"an account that lists no Pods,": {scope.New(graph(t, []facts.Kind{facts.Pod}), nil), scope.Selection{Names: []string{"a"}}, false},
	} {
		got := tc.filter.Within(scope.Workloads()...)
		if diff := cmp.Diff(tc.want, got); diff != "" && len(got.Names)+len(tc.want.Names) > 0 || got.All != tc.want.All {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if tc.filter.Whole() != tc.whole || tc.filter.Unattached(nil) != tc.whole {
			t.Errorf("%s: whole is %v", name, tc.filter.Whole())
		}
	}
}

func TestShownLabelsNameWhatWasRead(t *testing.T) {
	labels := labelled("alertname=X namespace=a pod=web-1 container=app service=web node=n1 affected=ab/web customer=acme deployment=acme")
	web := facts.Ref{Kind: facts.StatefulSet, Namespace: "a", Name: "web"}
	want := []string{"container=app", "namespace=a", "pod=web-1", "service=web"}
	if diff := cmp.Diff(want, scope.New(graph(t, nil), nil).Shown(web, labels)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	exported := labelled("namespace=ab exported_namespace=a pod=ksm-0 exported_pod=web-1 container=ksm")
	want = []string{"exported_namespace=a", "exported_pod=web-1"}
	if diff := cmp.Diff(want, scope.New(graph(t, nil), nil).Shown(web, exported)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := scope.New(testkit.Graph(t, objects), nil).Shown(web, labels); len(got) != len(labels) {
		t.Errorf("a run that read everything shows %q", got)
	}
}

func TestTargetsAreNamedByObjectsThatWereRead(t *testing.T) {
	for labels, want := range map[string][2]string{ // instance and job
		"namespace=a pod=web-1 instance=10.9.8.7:80 job=kubernetes-pods": {"web-1:80", ""},
		"namespace=a service=web instance=other.ab:http job=web":         {"web", "web"},
		"namespace=a instance=10.9.8.7:80 job=ab/web":                    {"", ""},
		"namespace=a pod=x instance=web-1 job=a/web":                     {"", "a/web"},
		"namespace=a pod=bare job=serviceMonitor/a/web/0":                {"bare", "serviceMonitor/a/web/0"},
		"namespace=a pod=bare job=serviceMonitor/ab/web/0":               {"bare", ""},
	} {
		f := scope.New(graph(t, nil), nil)
		if got := [2]string{f.Instance(labelled(labels)), f.Job(labelled(labels))}; got != want {
			t.Errorf("%s: got %q, want %q", labels, got, want)
		}
	}
	whole := scope.New(testkit.Graph(t, objects), nil)
	labels := labelled("instance=10.9.8.7:80 job=billing")
	if whole.Instance(labels) != "10.9.8.7:80" || whole.Job(labels) != "billing" {
		t.Error("a run that read everything shows addresses and jobs")
	}
}

func TestContainersAreThoseOfTheWorkload(t *testing.T) {
	f := scope.New(graph(t, nil), nil)
	web := facts.Ref{Kind: facts.StatefulSet, Namespace: "a", Name: "web"}
	bare := facts.Ref{Kind: facts.Pod, Namespace: "a", Name: "bare"}
	for _, c := range []struct {
		workload facts.Ref
		name     string
		want     bool
	}{{web, "app", true}, {web, "init", true}, {web, "tool", false}, {bare, "tool", true}, {bare, "app", false}, {web, "", false}} {
		if name, ok := f.Container(c.workload, c.name); ok != c.want || ok && name != c.name || !ok && name != "" {
			t.Errorf("%s %s: got %q, %v", c.workload, c.name, name, ok)
		}
	}
}

func FuzzOnlyOurNamespaceIsAdmitted(f *testing.F) {
	f.Add("namespace", "ab", "pod", "web-1")
	f.Add("exported_namespace", "a", "node", "n1")
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		labels := map[string]string{name1: value1, name2: value2}
		filter := scope.New(graph(t, nil), nil)
		object, ok := filter.Object(labels)
		if !ok {
			return
		}
		if object.Namespace != "a" && object != (facts.Ref{Kind: facts.Namespace, Name: "a"}) {
			t.Errorf("%q is taken for %s", labels, object)
		}
		for _, shown := range filter.Shown(object, labels) {
			if _, value, _ := strings.Cut(shown, "="); !slices.Contains([]string{"a", "web", "web-1", "bare", "app", "init", "tool"}, value) &&
				!strings.HasPrefix(value, "web-") {
				t.Errorf("%q is shown", shown)
			}
		}
	})
}
