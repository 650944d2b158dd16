package facts_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/internal/inspect/facts"
)

func warning(namespace, name, reason string, count int32, first, last time.Time) *facts.EventNode {
	return &facts.EventNode{
		About:  facts.Ref{Kind: facts.Pod, Namespace: namespace, Name: name},
		Reason: reason,
		Count:  count,
		First:  first,
		Last:   last,
	}
}

func configMap(namespace, name string, keys ...string) *facts.ConfigNode {
	return &facts.ConfigNode{Meta: facts.Meta{Ref: facts.Ref{Kind: facts.ConfigMap, Namespace: namespace, Name: name}}, Keys: keys}
}

func TestANodeThatIsAddedAgainReplacesTheFirst(t *testing.T) {
	builder := facts.NewBuilder("c", at(12, 0, 0))
	builder.Add(configMap("shop", "a", "old"), nil, "no node", configMap("shop", "a", "new"))
	graph := builder.Graph()
	if diff := cmp.Diff([]*facts.ConfigNode{configMap("shop", "a", "new")}, graph.Configs); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
}

func TestEventsOfOneObjectAndReasonAreJoined(t *testing.T) {
	builder := facts.NewBuilder("c", at(12, 0, 0))
	builder.Add(warning("shop", "p", "BackOff", 2, at(10, 0, 0), at(10, 30, 0)),
		warning("shop", "p", "BackOff", 3, at(9, 0, 0), at(11, 0, 0)), warning("shop", "p", "BackOff", 1, at(8, 0, 0), at(8, 0, 0)),
		warning("shop", "p", "Failed", 1, at(7, 0, 0), at(7, 0, 0)))
	want := []*facts.EventNode{
		warning("shop", "p", "BackOff", 6, at(8, 0, 0), at(11, 0, 0)),
		warning("shop", "p", "Failed", 1, at(7, 0, 0), at(7, 0, 0)),
	}
	if diff := cmp.Diff(want, builder.Graph().Events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestEventsOfAnEarlierObjectOfTheSameNameAreLeftOut(t *testing.T) {
	builder := facts.NewBuilder("c", at(12, 0, 0))
	pod := &facts.PodNode{Meta: facts.Meta{Ref: facts.Ref{Kind: facts.Pod, Namespace: "shop", Name: "p"}, UID: "new"}}
	old, current, unsaid := warning("shop", "p", "A", 1, at(9, 0, 0), at(9, 0, 0)), warning("shop", "p", "B", 1, at(8, 0, 0), at(8, 0, 0)), warning("shop", "p", "C", 1, at(7, 0, 0), at(7, 0, 0))
	old.AboutUID, current.AboutUID = "old", "new"
	builder.Add(pod, old, current, unsaid)
	if diff := cmp.Diff([]*facts.EventNode{current, unsaid}, builder.Graph().EventsOf(pod.Ref)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestForgetRemovesTheNodesOfARestartedList(t *testing.T) {
	for name, tc := range map[string]struct {
		kind       facts.Kind
		namespace  string
		wantNodes  []string
		wantEvents int
	}{
		"of one kind everywhere":        {facts.ConfigMap, "", []string{"Service/shop/a"}, 3},
		"of one kind and one namespace": {facts.ConfigMap, "shop", []string{"Service/shop/a", "ConfigMap/team/a"}, 3},
		"of events everywhere":          {facts.Event, "", []string{"ConfigMap/shop/a", "Service/shop/a", "ConfigMap/team/a"}, 0},
		"of events of one namespace":    {facts.Event, "shop", []string{"ConfigMap/shop/a", "Service/shop/a", "ConfigMap/team/a"}, 2},
		"of events about Nodes too":     {facts.Event, "default", []string{"ConfigMap/shop/a", "Service/shop/a", "ConfigMap/team/a"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			builder := facts.NewBuilder("c", at(12, 0, 0))
			builder.Add(configMap("shop", "a"), configMap("team", "a"),
				&facts.ServiceNode{Meta: facts.Meta{Ref: facts.Ref{Kind: facts.Service, Namespace: "shop", Name: "a"}}},
				warning("shop", "p", "A", 1, at(9, 0, 0), at(9, 0, 0)), warning("team", "p", "A", 1, at(9, 0, 0), at(9, 0, 0)),
				&facts.EventNode{About: facts.Ref{Kind: facts.Node, Name: "n"}})
			builder.Forget(tc.kind, tc.namespace)
			graph := builder.Graph()
			var nodes []string
			for _, ref := range []facts.Ref{
				{Kind: facts.ConfigMap, Namespace: "shop", Name: "a"}, {Kind: facts.Service, Namespace: "shop", Name: "a"},
				{Kind: facts.ConfigMap, Namespace: "team", Name: "a"},
			} {
				if graph.Has(ref) {
					nodes = append(nodes, ref.String())
				}
			}
			if diff := cmp.Diff(tc.wantNodes, nodes); diff != "" || len(graph.Events) != tc.wantEvents {
				t.Errorf("%d events, want %d; nodes (-want +got):\n%s", len(graph.Events), tc.wantEvents, diff)
			}
		})
	}
}

func TestCoverageRecordsWhatWasRead(t *testing.T) {
	builder := facts.NewBuilder("c", at(12, 0, 0))
	builder.Covered(facts.Pod, "")
	builder.Covered(facts.Service, "shop")
	graph := builder.Graph()
	type answer struct{ Shop, Team, Read bool }
	got := map[facts.Kind]answer{}
	for _, kind := range []facts.Kind{facts.Pod, facts.Service, facts.Node} {
		got[kind] = answer{graph.Complete(kind, "shop"), graph.Complete(kind, "team"), graph.Read(kind)}
	}
	want := map[facts.Kind]answer{facts.Pod: {true, true, true}, facts.Service: {true, false, true}, facts.Node: {}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("coverage (-want +got):\n%s", diff)
	}
}

func TestCyclicOwnersEndTheWalk(t *testing.T) {
	a, b := facts.Ref{
		Kind:      facts.ReplicaSet,
		Namespace: "shop",
		Name:      "a",
	}, facts.Ref{
		Kind:      facts.ReplicaSet,
		Namespace: "shop",
		Name:      "b",
	}
	pod := facts.Ref{Kind: facts.Pod, Namespace: "shop", Name: "p"}
	builder := facts.NewBuilder("c", at(12, 0, 0))
	builder.Add(&facts.WorkloadNode{Meta: facts.Meta{Ref: a, Owner: b}}, &facts.WorkloadNode{Meta: facts.Meta{Ref: b, Owner: a}},
		&facts.PodNode{Meta: facts.Meta{Ref: pod, Owner: a}})
	graph := builder.Graph()
	if top := graph.TopOwner(pod); top != a && top != b {
		t.Errorf("top owner %v", top)
	}
	if pods := graph.PodsOf(b); len(pods) != 1 {
		t.Errorf("%d Pods of %v, want 1", len(pods), b)
	}
}

func TestEqualValuesAreStoredOnce(t *testing.T) {
	builder := facts.NewBuilder("c", at(12, 0, 0))
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := range 50 {
				builder.Add(facts.Reduce(podOfAWorkload(worker*50 + i)))
			}
		})
	}
	group.Wait()
	graph := builder.Graph()
	if len(graph.Pods) != 200 {
		t.Fatalf("%d Pods, want 200", len(graph.Pods))
	}
	first := graph.Pods[0]
	for _, pod := range graph.Pods[1:] {
		if pod.Spec != first.Spec {
			t.Fatal("the spec is kept for each Pod")
		}
		if unsafe.StringData(pod.Containers[0].Image) != unsafe.StringData(first.Containers[0].Image) {
			t.Fatal("the image's name is kept for each Pod")
		}
		pod.Labels["probe"] = "shared"
		if first.Labels["probe"] != "shared" {
			t.Fatal("the labels are kept for each Pod")
		}
	}
}

// podOfAWorkload is one of many Pods that differ in name, node and times, as an API server returns them.
func podOfAWorkload(i int) *corev1.Pod {
	controller := true
	when := metav1.Time{Time: time.Date(2026, 1, 15, 10, 0, i%60, 0, time.UTC)}
	text := func(format string, args ...any) string { return fmt.Sprintf(format, args...) } // a fresh copy, as decoding makes
	limit := resource.MustParse("64Mi")
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: text("api-5d8f7c9b4-%05d",
				i), Namespace: text("shop"), UID: "6f1c9e5a-0000-4000-8000-000000000000", CreationTimestamp: when,
			Labels: map[string]string{text("app"): text("api"), text("pod-template-hash"): text("5d8f7c9b4")},
			OwnerReferences: []metav1.OwnerReference{
				{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: text("api-5d8f7c9b4"), Controller: &controller},
			},
		},
		Spec: corev1.PodSpec{
			NodeName: text("node-%d", i%100), ServiceAccountName: text("api"),
			Containers: []corev1.Container{{
				Name: text(
					"api",
				), Image: text("registry.example/shop/api:7"), Ports: []corev1.ContainerPort{{Name: text("http"), ContainerPort: 8080}},
				Env: []corev1.EnvVar{
					{Name: text("URL"), ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{Key: text("url")}}},
				},
				Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: limit}},
			}},
			Volumes: []corev1.Volume{{Name: text("data"), VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{}}}},
		},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, StartTime: &when,
			ContainerStatuses: []corev1.ContainerStatus{
				{Name: text("api"), Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: when}}},
			},
		},
	}
	for _, condition := range []corev1.PodConditionType{
		"PodScheduled", "PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready",
	} {
		pod.Status.Conditions = append(pod.Status.Conditions,
			corev1.PodCondition{Type: condition, Status: "True", LastTransitionTime: when})
	}
	return pod
}

// BenchmarkReduceAPageOfPods reduces 500 Pods into a graph, as one page of a list is.
func BenchmarkReduceAPageOfPods(b *testing.B) {
	const page = 500
	pods := make([]*corev1.Pod, page)
	for i := range pods {
		pods[i] = podOfAWorkload(i)
	}
	b.ReportAllocs()
	for b.Loop() {
		builder := facts.NewBuilder("c", at(12, 0, 0))
		for _, pod := range pods {
			builder.Add(facts.Reduce(pod))
		}
	}
}

// BenchmarkMemoryOfAPod measures the memory of a Pod of a large cluster after its page is dropped.
func BenchmarkMemoryOfAPod(b *testing.B) {
	const pods = 10_000
	var bytes uint64
	for b.Loop() {
		before := heap()
		builder := facts.NewBuilder("c", at(12, 0, 0))
		for i := range pods {
			builder.Add(facts.Reduce(podOfAWorkload(i)))
		}
		graph := builder.Graph()
		bytes = heap() - before
		runtime.KeepAlive(graph)
	}
	b.ReportMetric(float64(bytes)/pods, "bytes/pod")
}

func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
