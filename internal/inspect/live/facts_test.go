package live

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"

	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// now is the time of all graphs of these tests.
func now() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// server is what a cluster holds, and the events of its changes.
type server struct {
	random  *rand.Rand
	version int
	objects map[List]map[string]collect.Object
	events  map[List][]collect.Event
}

// lists of the tests: kinds that share a list of the graph, one with Events, and a custom resource.
func lists() []List {
	return []List{{Kind: facts.Pod}, {Kind: facts.Deployment}, {Kind: facts.ReplicaSet}, {Kind: facts.Event}, {Kind: "Widget.example.com"}}
}

func newServer(seed uint64) *server {
	s := &server{random: rand.New(rand.NewPCG(seed, 0)), objects: map[List]map[string]collect.Object{}, events: map[List][]collect.Event{}}
	for _, l := range lists() {
		s.objects[l] = map[string]collect.Object{}
	}
	return s
}

// change adds, updates or deletes an object.
func (s *server) change() {
	of := lists()[s.random.IntN(len(lists()))]
	name := "o" + strconv.Itoa(s.random.IntN(12))
	s.version++
	object := collect.Object{Namespace: "n", Name: name, Version: strconv.Itoa(s.version), Node: s.node(of.Kind, name)}
	_, exists := s.objects[of][name]
	event := collect.Event{Type: watch.Added, Object: object}
	switch {
	case exists && s.random.IntN(3) == 0:
		event.Type = watch.Deleted
		delete(s.objects[of], name)
	case exists:
		event.Type = watch.Modified
		s.objects[of][name] = object
	default:
		s.objects[of][name] = object
	}
	s.events[of] = append(s.events[of], event)
}

func (s *server) node(kind facts.Kind, name string) any {
	value := strconv.Itoa(s.random.IntN(4))
	meta := facts.Meta{
		Ref: facts.Ref{Kind: kind, Namespace: "n", Name: name}, UID: value, Labels: map[string]string{"app": value},
		Owner: facts.Ref{Kind: "Widget.example.com", Namespace: "n", Name: "o" + value},
	}
	switch kind {
	case facts.Pod:
		if value == "3" {
			return nil // as an object without a node
		}
		return &facts.PodNode{Meta: meta, Phase: "Running", NodeName: "node-" + value, Spec: &facts.PodSpec{}}
	case facts.Event:
		return &facts.EventNode{
			About: facts.Ref{Kind: facts.Pod, Namespace: "n", Name: "o" + value}, Reason: "Failed", Message: name + " failed: " + value,
			Count: int32(s.random.IntN(9)), Last: now().Add(time.Duration(s.version) * time.Second), //nolint:gosec // small
		}
	case facts.Deployment, facts.ReplicaSet:
		return &facts.WorkloadNode{Meta: meta}
	default:
		return &facts.CustomNode{Meta: meta, Phase: value, APIVersion: "example.com/v1"}
	}
}

// list reads a list in pages of three.
func (s *server) list(f *Facts, of List) {
	reading := f.Read(of)
	if s.random.IntN(2) == 0 { // the first attempt is interrupted
		for _, o := range s.objects[of] {
			reading.Take([]collect.Object{o})
			break
		}
		reading.Restart()
	}
	for _, o := range s.objects[of] {
		reading.Take([]collect.Object{o})
	}
	reading.Done(strconv.Itoa(s.version))
}

// fresh are the facts of a list that is read now.
func (s *server) fresh() *Facts {
	f := &Facts{}
	for _, of := range lists() {
		reading := f.Read(of)
		for _, o := range s.objects[of] {
			reading.Take([]collect.Object{o})
		}
		reading.Done(strconv.Itoa(s.version))
	}
	return f
}

func graphOf(f *Facts) *facts.Graph {
	return f.Graph(Source{Cluster: "c", Version: "v1.37.0", Now: now(), Covered: lists()})
}

func compare(t *testing.T, got, want *Facts) {
	t.Helper()
	if diff := cmp.Diff(graphOf(want), graphOf(got), cmpopts.IgnoreUnexported(facts.Graph{}), cmpopts.EquateEmpty(),
		cmpopts.EquateComparable(facts.Selector{})); diff != "" {
		t.Fatal(diff)
	}
	if got.Size() != want.Size() {
		t.Fatalf("the account says %+v, but %+v is kept", got.Size(), want.Size())
	}
}

func TestFactsOfAWatchAreThoseOfAFreshList(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			s := newServer(seed)
			f := &Facts{}
			sent := map[List]int{}
			for _, of := range lists() {
				s.list(f, of)
			}
			for range 300 {
				s.change()
				of := lists()[s.random.IntN(len(lists()))]
				switch s.random.IntN(20) {
				case 0: // 410 Gone: the list is read again, and its old events are void
					f.Expire(of)
					if f.Version(of) != "" {
						t.Fatal("an expired list is not read again")
					}
					s.list(f, of)
					sent[of] = len(s.events[of])
				case 1: // a watch that is resumed delivers events again
					sent[of] = max(0, sent[of]-s.random.IntN(5))
				case 2:
					f.Apply(of, collect.Event{Type: watch.Bookmark, Object: collect.Object{Version: f.Version(of)}})
				case 3: // an old event out of order
					if known := s.events[of][:sent[of]]; len(known) > 0 {
						f.Apply(of, known[s.random.IntN(len(known))])
					}
				default:
					for ; sent[of] < len(s.events[of]) && s.random.IntN(4) > 0; sent[of]++ {
						f.Apply(of, s.events[of][sent[of]])
					}
				}
				if s.random.IntN(50) == 0 {
					graphOf(f) // a judgement in between changes nothing
				}
			}
			for _, of := range lists() {
				for ; sent[of] < len(s.events[of]); sent[of]++ {
					f.Apply(of, s.events[of][sent[of]])
				}
			}
			compare(t, f, s.fresh())
		})
	}
}

// replica is a Pod of a workload whose Pods are all equal. Each is decoded on its own.
func replica(i, version int) collect.Object {
	name := "p" + strconv.Itoa(i)
	return collect.Object{Namespace: "n", Name: name, Version: strconv.Itoa(version), Node: &facts.PodNode{
		Meta: facts.Meta{Ref: facts.Ref{Kind: facts.Pod, Namespace: "n", Name: name}, Owner: facts.Ref{Kind: facts.ReplicaSet, Namespace: "n", Name: "r"}},
		Spec: &facts.PodSpec{Lean: &corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "shop:1"}}}}, Phase: strconv.Itoa(version),
	}}
}

func TestANodeThatHasChangedSharesTheValuesOfTheOthers(t *testing.T) {
	t.Parallel()
	const replicas = 100
	pods := List{Kind: facts.Pod}
	f := &Facts{}
	reading := f.Read(pods)
	for i := range replicas {
		reading.Take([]collect.Object{replica(i, 1)})
	}
	reading.Done("1")
	check := func(when string) {
		t.Helper()
		uses := graphOf(f).Specs()
		if len(uses) != 1 || uses[0].Pods != replicas {
			t.Errorf("%s: %d specs, of which the first has %d Pods", when, len(uses), uses[0].Pods)
		}
	}
	check("listed")
	values := f.values
	for i := range replicas {
		f.Apply(pods, collect.Event{Type: watch.Modified, Object: replica(i, 2+i)})
		if i == 2 { // each is a removal and an addition
			check("a few have changed")
			if f.values != values {
				t.Error("values are compared again after a few changes")
			}
		}
	}
	check("all have changed")
	if f.values == values {
		t.Error("values that no node has are kept")
	}
}

func TestAListKeepsItsFactsWhileItIsReadAgain(t *testing.T) {
	s := newServer(1)
	for range 100 {
		s.change()
	}
	f := s.fresh()
	pods := List{Kind: facts.Pod}
	before := len(graphOf(f).Pods)
	f.Expire(pods)
	reading := f.Read(pods)
	if got := len(graphOf(f).Pods); got != before || before == 0 {
		t.Errorf("%d Pods while the list is read again, before %d", got, before)
	}
	reading.Done("1000")
	if got := len(graphOf(f).Pods); got != 0 {
		t.Errorf("%d Pods after an empty list", got)
	}
}

func TestAnUpdateWithoutANewFactIsNoChange(t *testing.T) {
	f := &Facts{}
	of := List{Kind: facts.Node}
	node := func(phase string) any {
		return &facts.PodNode{Meta: facts.Meta{Ref: facts.Ref{Kind: facts.Node, Name: "a"}}, Phase: phase}
	}
	f.Read(of).Done("1")
	for i, step := range []struct {
		phase string
		want  bool
	}{{"Running", true}, {"Running", false}, {"Failed", true}} {
		changed, room := f.Apply(of, collect.Event{
			Type: watch.Modified, Object: collect.Object{Name: "a", Version: strconv.Itoa(i + 2), Node: node(step.phase)},
		})
		if changed != step.want || !room {
			t.Errorf("step %d: changed %v, room %v", i, changed, room)
		}
	}
}

func TestListsThatAreNotCoveredAreLeftOut(t *testing.T) {
	s := newServer(2)
	for range 100 {
		s.change()
	}
	g := s.fresh().Graph(Source{Now: now(), Covered: []List{{Kind: facts.Deployment}}, Absent: []facts.Kind{facts.Certificate}})
	if len(g.Pods) > 0 || g.Complete(facts.Pod, "n") || len(g.Workloads) == 0 || !g.Complete(facts.Deployment, "n") ||
		!g.Complete(facts.Certificate, "n") {
		t.Errorf("%d Pods, %d workloads", len(g.Pods), len(g.Workloads))
	}
}

func TestCustomResourcesBeyondTheLimitAreRefused(t *testing.T) {
	f := &Facts{}
	of := List{Kind: "Widget.example.com"}
	object := func(i int) collect.Object {
		name := strconv.Itoa(i)
		return collect.Object{Name: name, Version: strconv.Itoa(i + 2), Node: &facts.CustomNode{
			Meta: facts.Meta{Ref: facts.Ref{Kind: of.Kind, Name: name}},
		}}
	}
	reading := f.Read(of)
	for i := range collect.MaxCustomObjects {
		if !reading.Take([]collect.Object{object(i)}) {
			t.Fatal("refused within the limit at", i)
		}
	}
	if reading.Take([]collect.Object{object(collect.MaxCustomObjects)}) {
		t.Error("a list may exceed the limit")
	}
	reading.Restart()
	for i := range collect.MaxCustomObjects {
		reading.Take([]collect.Object{object(i)})
	}
	reading.Done("1")
	if _, room := f.Apply(of, collect.Event{Type: watch.Added, Object: object(collect.MaxCustomObjects)}); room {
		t.Error("a watch may exceed the limit")
	}
	if version := f.Version(of); version != "" || !f.Has(of) {
		t.Errorf("the list is watched from version %q, after the object that was refused", version)
	}
}

func TestAListThatIsReadAgainIsKnownAllTheTime(t *testing.T) {
	f := &Facts{}
	of := List{Kind: facts.Pod}
	page := make([]collect.Object, 20_000) // whose exchange takes long enough for others to wait for it
	for i := range page {
		name := strconv.Itoa(i)
		page[i] = collect.Object{Name: name, Version: "1", Node: &facts.PodNode{Meta: facts.Meta{Ref: facts.Ref{Kind: facts.Pod, Name: name}}}}
	}
	read := func() {
		reading := f.Read(of)
		reading.Take(page)
		reading.Done("1")
	}
	read()
	ended := make(chan struct{})
	var readers sync.WaitGroup
	for range 8 { // enough for the mutex to be handed to one of them
		readers.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
				}
				if size := f.Size(); !f.Has(of) || size.Objects != len(page) {
					t.Error("the list was unknown for a moment")
					return
				}
			}
		})
	}
	for range 20 {
		read()
	}
	close(ended)
	readers.Wait()
}
