package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/problem"
)

// apiServer has Pods and Namespaces, of which a test decides what lists and watches return.
type apiServer struct {
	mutex sync.Mutex
	// lists and watches are the requests by resource; from are the versions that watches of Pods began at.
	lists, watches map[string]int
	from           []string
	pods           []string
	version        int
	// refuse is the status of requests for Pods; 0 allows them.
	refuse int
	// events of the watches of Pods, as JSON. A watch ends after "end".
	events chan string
}

func newAPIServer(t *testing.T, pods ...string) (*apiServer, *rest.Config) {
	t.Helper()
	a := &apiServer{lists: map[string]int{}, watches: map[string]int{}, pods: pods, version: 10, events: make(chan string)}
	server := httptest.NewServer(a)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return a, &rest.Config{Host: server.URL}
}

func (a *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/version" {
		_, _ = fmt.Fprint(w, `{"gitVersion":"v1.37.2"}`)
		return
	}
	resource := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	watching := r.URL.Query().Get("watch") == "true"
	a.mutex.Lock()
	refuse := a.refuse
	if resource != "pods" {
		refuse = 0
	}
	switch {
	case watching:
		a.watches[resource]++
		if resource == "pods" && refuse == 0 {
			a.from = append(a.from, r.URL.Query().Get("resourceVersion"))
		}
	default:
		a.lists[resource]++
	}
	a.mutex.Unlock()
	switch {
	case refuse != 0:
		w.WriteHeader(refuse)
		_ = json.NewEncoder(w).Encode(metav1.Status{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Reason: metav1.StatusReasonForbidden,
			Code: int32(refuse), Message: "refused", //nolint:gosec // a status
		})
	case watching:
		a.watch(w, r, resource)
	default:
		_ = json.NewEncoder(w).Encode(a.list(resource))
	}
}

func (a *apiServer) list(resource string) any {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	meta := metav1.ListMeta{ResourceVersion: fmt.Sprint(a.version)}
	if resource != "pods" {
		return &corev1.NamespaceList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "NamespaceList"}, ListMeta: meta}
	}
	list := &corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, ListMeta: meta}
	for _, name := range a.pods {
		list.Items = append(list.Items, corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: name, ResourceVersion: "9"}})
	}
	return list
}

func (a *apiServer) watch(w http.ResponseWriter, r *http.Request, resource string) {
	flush := http.NewResponseController(w)
	w.WriteHeader(http.StatusOK)
	_ = flush.Flush()
	events := a.events
	if resource != "pods" {
		events = nil
	}
	for {
		select {
		case event := <-events:
			if event == "end" {
				return
			}
			_, _ = fmt.Fprintln(w, event)
			_ = flush.Flush()
		case <-r.Context().Done():
			return
		}
	}
}

// set changes what lists and requests return.
func (a *apiServer) set(how func()) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	how()
}

func (a *apiServer) requests() (podLists, namespaceLists, podWatches int, from []string) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.lists["pods"], a.lists["namespaces"], a.watches["pods"], append([]string(nil), a.from...)
}

// movedClock is the real clock, some time ahead.
type movedClock struct {
	clock.RealClock
	ahead atomic.Int64
}

func (c *movedClock) Now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func startSession(t *testing.T, config *rest.Config) (*Session, *movedClock) {
	t.Helper()
	moved := &movedClock{}
	s, err := Start(t.Context(), Options{
		Source: collect.Source{Cluster: "c", Config: config}, Kinds: []facts.Kind{facts.Pod, facts.Namespace}, Clock: moved,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Wait)
	<-s.Tried()
	return s, moved
}

// eventually waits for the facts.
func eventually(t *testing.T, s *Session, holds func(collect.Collected) error) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		collected, err := s.Collected()
		if err == nil {
			err = holds(collected)
		}
		if err == nil {
			return
		}
		select {
		case <-s.Changed():
		case <-time.After(50 * time.Millisecond):
		case <-deadline:
			t.Fatal(err)
		}
	}
}

// onlyPods wants these Pods and no gap.
func onlyPods(names ...string) func(collect.Collected) error {
	return func(c collect.Collected) error {
		var got []string
		for _, pod := range c.Graph.Pods {
			got = append(got, pod.Name)
		}
		if strings.Join(got, ",") != strings.Join(names, ",") || len(c.Gaps) > 0 || !c.Graph.Complete(facts.Pod, "n") {
			return fmt.Errorf("Pods %v, gaps %+v; want %v", got, c.Gaps, names)
		}
		return nil
	}
}

func added(name, version string) string {
	return fmt.Sprintf(`{"type":"ADDED","object":{"metadata":{"namespace":"n","name":%q,"resourceVersion":%q}}}`, name, version)
}

func TestAWatchContinuesFromItsLastEventOrBookmark(t *testing.T) {
	a, config := newAPIServer(t, "a")
	s, _ := startSession(t, config)
	eventually(t, s, onlyPods("a"))
	a.events <- added("b", "11")
	a.events <- `{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"15"}}}`
	a.events <- "end"
	a.events <- added("c", "16") // taken by the next watch
	eventually(t, s, onlyPods("a", "b", "c"))
	lists, _, _, from := a.requests()
	if lists != 1 || strings.Join(from, ",") != "10,15" {
		t.Errorf("%d lists, watches from %v", lists, from)
	}
}

func TestAnExpiredVersionReadsOnlyItsOwnListAgain(t *testing.T) {
	a, config := newAPIServer(t, "a")
	s, _ := startSession(t, config)
	eventually(t, s, onlyPods("a"))
	a.set(func() {
		a.pods = []string{"b", "c"}
		a.version = 100
	})
	a.events <- `{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410}}`
	eventually(t, s, onlyPods("b", "c"))
	pods, namespaces, _, _ := a.requests()
	if pods != 2 || namespaces != 1 {
		t.Errorf("%d lists of Pods, %d of Namespaces", pods, namespaces)
	}
}

func TestFactsThatAreForbiddenForTheMomentAreKept(t *testing.T) {
	a, config := newAPIServer(t, "a")
	s, clock := startSession(t, config)
	eventually(t, s, onlyPods("a"))
	eventually(t, s, func(collect.Collected) error {
		if _, _, _, accepted := a.requests(); len(accepted) == 0 {
			return errors.New("Pods are not watched") // a watch that is refused takes no event
		}
		return nil
	})
	a.set(func() { a.refuse = http.StatusForbidden })
	a.events <- "end"
	_, _, before, _ := a.requests()
	eventually(t, s, func(collect.Collected) error {
		if _, _, now, _ := a.requests(); now < before+3 {
			return errors.New("the watch is not tried again")
		}
		return nil
	})
	eventually(t, s, onlyPods("a")) // a moment
	clock.ahead.Store(int64(2 * grace))
	eventually(t, s, func(c collect.Collected) error {
		if len(c.Gaps) != 1 || c.Gaps[0].Reason != v1alpha1.GapForbidden || len(c.Graph.Pods) != 0 || c.Graph.Complete(facts.Pod, "n") {
			return fmt.Errorf("%d Pods, gaps %+v", len(c.Graph.Pods), c.Gaps)
		}
		return nil
	})
	a.set(func() { a.refuse = 0 })
	eventually(t, s, onlyPods("a"))
	if lists, _, _, _ := a.requests(); lists != 1 {
		t.Errorf("%d lists", lists)
	}
}

func TestACallerThatMayReadNothingIsAProblem(t *testing.T) {
	a, config := newAPIServer(t, "a")
	a.refuse = http.StatusForbidden
	s, err := Start(t.Context(), Options{
		Source: collect.Source{Cluster: "c", Config: config}, Kinds: []facts.Kind{facts.Pod}, Clock: &movedClock{},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Wait)
	<-s.Tried()
	_, err = s.Collected()
	if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonForbidden || !strings.Contains(p.Message, "cannot list and watch pods") {
		t.Errorf("error %v", err)
	}
}
