package dashboard

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

// livePage is a browser's end of the socket.
type livePage struct {
	t      *testing.T
	socket *websocket.Conn
}

func openPage(t *testing.T, url string, header http.Header) *livePage {
	t.Helper()
	socket, _, err := websocket.Dial(t.Context(), url+pathLive, &websocket.DialOptions{Subprotocols: []string{protocol}, HTTPHeader: header}) //nolint:bodyclose // the library closes it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.CloseNow() })
	socket.SetReadLimit(4 << 20)
	return &livePage{t, socket}
}

func (p *livePage) send(text string) {
	p.t.Helper()
	if err := p.socket.Write(p.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		p.t.Fatal(err)
	}
}

// next message for which a condition holds, within 20 s.
func (p *livePage) next(what string, holds func(liveMessage) bool) liveMessage {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	for {
		_, content, err := p.socket.Read(ctx)
		if err != nil {
			p.t.Fatalf("no message %s: %v", what, err)
		}
		var message liveMessage
		if err := json.Unmarshal(content, &message); err != nil {
			p.t.Fatalf("%v: %s", err, content)
		}
		if holds(message) {
			return message
		}
	}
}

func ofType(kind string) func(liveMessage) bool {
	return func(m liveMessage) bool { return m.Type == kind }
}

func names(overview *Overview) (found []string) {
	for _, inspection := range overview.Inspections {
		found = append(found, inspection.Namespace+"/"+inspection.Name)
	}
	slices.Sort(found)
	return found
}

func token(user string) http.Header {
	return http.Header{"Authorization": {"Bearer " + user + "-token"}}
}

func TestTheSocketSendsAViewerOnlyWhatRBACAllows(t *testing.T) {
	w := newWorld(t)
	for user, want := range map[string][]string{
		"ada": {"shop/everything"}, "sam": {"lab/lab-everything"}, "olga": {"lab/lab-everything", "shop/everything"}, "nemo": nil,
	} {
		page := openPage(t, w.url, token(user))
		if hello := page.next("hello", ofType("hello")); hello.Build == "" || hello.Heartbeat != 15 {
			t.Errorf("hello: %+v", hello)
		}
		page.send(`{"op":"sub","id":1,"topic":"overview"}`)
		snap := page.next("snap", ofType("snap"))
		if got := names(snap.Overview); !slices.Equal(got, want) || snap.ID != 1 || snap.Cursor == "" {
			t.Errorf("%s sees Inspections %v, want %v", user, got, want)
		}
	}
}

// TestEveryTopicShowsAViewerOnlyWhatRBACAllows subscribes to all topics as viewers with different permissions. A topic without a row here
// fails it.
func TestEveryTopicShowsAViewerOnlyWhatRBACAllows(t *testing.T) {
	w := newWorld(t)
	subscriptions := map[string][]string{
		topicOverview: {``},
		topicRows: {
			`"resource":"configmaps"`, `"resource":"configmaps","namespace":"shop"`, `"resource":"configmaps","namespace":"lab"`, `"resource":"pods"`,
			`"resource":"inspections.kubeops.io"`, `"resource":"pods","q":"cart"`, `"resource":"pods","q":"microscope"`, `"resource":"namespaces"`,
		},
		topicLog: {`"namespace":"shop","name":"cart-1","container":"app"`, `"namespace":"lab","name":"microscope-1","container":"app"`},
	}
	for _, topic := range topics() {
		if len(subscriptions[topic]) == 0 {
			t.Errorf("topic %s is not covered", topic)
		}
	}
	for user, sees := range map[string][]string{"ada": {"shop"}, "sam": {"lab"}, "olga": {"shop", "lab"}, "nemo": nil} {
		page := openPage(t, w.url, token(user))
		id := 0
		shown := "" // of all topics
		for topic, all := range subscriptions {
			for _, about := range all {
				id++
				page.send(strings.Replace(fmt.Sprintf(`{"op":"sub","id":%d,"topic":%q,"window":[0,100],%s}`, id, topic, about), ",}", "}", 1))
				page.next("of "+topic+" "+about, func(m liveMessage) bool {
					content, err := json.Marshal(m)
					if err != nil {
						t.Fatal(err)
					}
					shown += string(content) + "\n"
					return m.ID == id && (m.Type == "end" || m.Overview != nil || m.Rows != nil && (len(m.Rows.Set) > 0 || !m.Rows.Partial))
				})
			}
		}
		for namespace, texts := range marks() {
			for _, text := range texts {
				if !slices.Contains(sees, namespace) && strings.Contains(shown, text) {
					t.Errorf("%s sees %s of namespace %s", user, text, namespace)
				}
			}
			if slices.Contains(sees, namespace) && !strings.Contains(shown, texts[0]+"-config") {
				t.Errorf("%s does not see %s-config", user, texts[0])
			}
		}
	}
}

// TestAChangeArrivesAndARevokedPermissionEndsIt follows a viewer whose only RoleBinding is deleted.
func TestAChangeArrivesAndARevokedPermissionEndsIt(t *testing.T) {
	w := newWorld(t)
	const namespace = "live"
	inspection := &v1alpha1.Inspection{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "first"}}
	w.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	w.create(t, inspection)
	w.bind(t, namespace, rbacv1.UserKind, "lena")
	now := clocktesting.NewFakeClock(time.Now())
	server := w.start(t, Options{Clock: now})
	server.recheckInterval = 100 * time.Millisecond
	web := httptest.NewServer(server.Handler())
	defer web.Close()
	page := openPage(t, web.URL, token("lena"))
	page.send(`{"op":"sub","id":7,"topic":"overview"}`)
	if got := names(page.next("snap", ofType("snap")).Overview); !slices.Equal(got, []string{"live/first"}) {
		t.Fatalf("sees %v", got)
	}

	second := inspection.DeepCopy()
	second.Name, second.ResourceVersion, second.UID = "second", "", ""
	w.create(t, second)
	diff := page.next("about the second Inspection", func(m liveMessage) bool {
		return m.Type == "diff" && slices.Contains(m.Changed, Change{inspections, namespace, "second"})
	})
	if got := names(diff.Overview); diff.ID != 7 || !slices.Equal(got, []string{"live/first", "live/second"}) {
		t.Errorf("sees %v", got)
	}

	binding := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "viewer-lena"}}
	if err := w.client.Delete(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { // the API server forgets a role after a moment
		allowed, err := server.access.review(t.Context(), Viewer{User: "lena"}, own("list", inspections, namespace))
		if err == nil && allowed {
			err = fmt.Errorf("still allowed")
		}
		return err
	})
	now.Step(allowedFor + time.Second)
	page.next("without Inspections", func(m liveMessage) bool {
		return m.Type == "diff" && len(m.Overview.Inspections) == 0
	})
	eventually(t, func() error {
		if size := server.hub.size(); size > 0 {
			return fmt.Errorf("%d watches of a viewer without permissions", size)
		}
		return nil
	})
	for _, object := range []client.Object{inspection, second} {
		if err := w.client.Delete(t.Context(), object); err != nil {
			t.Error(err)
		}
	}
}

func TestViewersShareAWatchAndItContinuesWithoutTheFirst(t *testing.T) {
	w := newWorld(t)
	server := w.start(t, Options{})
	web := httptest.NewServer(server.Handler())
	defer web.Close()
	open := func() *livePage {
		page := openPage(t, web.URL, token("olga"))
		page.send(`{"op":"sub","id":1,"topic":"overview"}`)
		page.next("snap", ofType("snap"))
		return page
	}
	first := open()
	one := server.hub.size()
	second := open()
	if two := server.hub.size(); one != len(kinds()) || two != one {
		t.Errorf("%d watches for one viewer of everything, %d for two, want %d", one, two, len(kinds()))
	}
	if err := first.socket.CloseNow(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		server.hub.mu.Lock()
		defer server.hub.mu.Unlock()
		for at, shared := range server.hub.watches {
			if len(shared.subscribers) != 1 || shared.runsAs != shared.subscribers[0] {
				return fmt.Errorf("the watch of %s has %d subscribers", at.resource, len(shared.subscribers))
			}
		}
		return nil
	})
	inspection := &v1alpha1.Inspection{ObjectMeta: metav1.ObjectMeta{Namespace: "lab", Name: "handed-over"}}
	w.create(t, inspection)
	changed := func(m liveMessage) bool { return slices.Contains(m.Changed, Change{inspections, "lab", "handed-over"}) }
	second.next("about the Inspection", changed)
	if err := w.client.Delete(t.Context(), inspection); err != nil {
		t.Fatal(err)
	}
	second.next("about its deletion", changed)
	second.send(`{"op":"unsub","id":1}`)
	eventually(t, func() error {
		if size := server.hub.size(); size > 0 {
			return fmt.Errorf("%d watches without subscribers", size)
		}
		return nil
	})
}

func TestTheSocketEndsWithTheSession(t *testing.T) {
	w := newWorld(t)
	cookies, err := w.server.sessions.create(session{User: "ada"}, time.Now().Add(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	page := openPage(t, w.url, http.Header{"Cookie": {cookies[0].String()}})
	ended := page.next("of the end", ofType("end"))
	if ended.ID != 0 || ended.Problem.Code != "expired" || ended.Problem.Status != http.StatusUnauthorized {
		t.Errorf("%+v", ended.Problem)
	}
}

func TestMessagesThatTheSocketDoesNotKnow(t *testing.T) {
	w := newWorld(t)
	page := openPage(t, w.url, token("ada"))
	for _, text := range []string{
		`{"op":"sub","id":1,"topic":"pods"}`, `{"op":"sub","id":0,"topic":"overview"}`, `{"op":"sub","id":-1,"topic":"overview"}`,
		`{"op":"delete","id":2}`, `{}`,
	} {
		page.send(text)
		if ended := page.next("of the end", ofType("end")); ended.Problem.Code != "unknown" || ended.Retry {
			t.Errorf("%s: %+v", text, ended)
		}
	}
	for i := range maxSubscriptions {
		page.send(fmt.Sprintf(`{"op":"sub","id":%d,"topic":"overview"}`, i+1))
		page.next("snap", ofType("snap"))
	}
	page.send(`{"op":"sub","id":999,"topic":"overview"}`)
	page.next("of the end", ofType("end"))
	page.send(`not JSON`)
	if _, _, err := page.socket.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("after a message that is not JSON: %v", err)
	}
	other := openPage(t, w.url, token("ada"))
	other.next("hello", ofType("hello"))
	large := `{"op":"` + strings.Repeat("x", maxMessage) + `"}`
	if err := other.socket.Write(t.Context(), websocket.MessageText, []byte(large)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := other.socket.Read(t.Context()); err == nil {
		t.Error("a message over 64 KiB is accepted")
	}
}

func TestOperationsOfASocketHaveTheRateOfRequests(t *testing.T) {
	w := newWorld(t)
	server := w.start(t, Options{})
	web := httptest.NewServer(server.Handler())
	defer web.Close()
	server.requests = newLimiter(1e-6, 3) // the first is the socket itself
	page := openPage(t, web.URL, token("ada"))
	for i := range 2 {
		page.send(fmt.Sprintf(`{"op":"sub","id":%d,"topic":"rows","resource":"configmaps","window":[0,1]}`, i+1))
		page.next("of the rows", ofType("snap"))
	}
	page.send(`{"op":"window","id":1,"window":[0,2]}`)
	if ended := page.next("of the end", ofType("end")); ended.ID != 1 || ended.Problem.Status != http.StatusTooManyRequests || !ended.Retry {
		t.Errorf("%+v", ended)
	}
}
