package dashboard

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// hidden is the value of the Secret in testdata.
const hidden = "hidden-value-of-the-secret"

func decode[T any](t *testing.T, got reply) (body T) {
	t.Helper()
	if got.status != http.StatusOK {
		t.Fatalf("status %d: %s", got.status, got.body)
	}
	if err := json.Unmarshal([]byte(got.body), &body); err != nil {
		t.Fatalf("%v: %s", err, got.body)
	}
	return body
}

func TestKindsAreThoseThatTheViewerCanListAndWatch(t *testing.T) {
	w := newWorld(t)
	byID := func(user, query string) map[string]Kind {
		kinds := map[string]Kind{}
		for _, kind := range decode[Kinds](t, w.get(t, user, "/api/v1/explorer"+query)).Items {
			kinds[kind.ID] = kind
		}
		return kinds
	}
	ada := byID("ada", "")
	if pods := ada["pods"]; pods.Everywhere || strings.Join(pods.Namespaces, ",") != "shop" || pods.Gap != "" || !pods.Namespaced || pods.Kind != "Pod" {
		t.Errorf("Pods: %+v", pods)
	}
	if classes := ada["priorityclasses.scheduling.k8s.io"]; !classes.Everywhere || classes.Namespaced {
		t.Errorf("PriorityClasses: %+v", classes)
	}
	if secrets := ada["secrets"]; !strings.Contains(secrets.Gap, "impersonate-on:user-info:list on secrets (RBAC)") {
		t.Errorf("Secrets: %+v", secrets)
	}
	for _, id := range []string{"nodes", "deployments.apps", "clusterroles.rbac.authorization.k8s.io"} { // Deployments can only be listed
		if _, ok := ada[id]; ok {
			t.Errorf("%s is offered", id)
		}
	}
	if _, ok := byID("ada", "?namespace=lab")["pods"]; ok {
		t.Error("Pods of another namespace are offered")
	}
	if olga := byID("olga", ""); !olga["pods"].Everywhere || len(olga["pods"].Namespaces) > 0 {
		t.Errorf("Pods of all namespaces: %+v", olga["pods"])
	}
}

// TestKindsCostOneReviewForEachNamespace compares what one answer for all kinds says with single reviews, and counts the requests.
func TestKindsCostOneReviewForEachNamespace(t *testing.T) {
	w := newWorld(t)
	var reviews, single atomic.Int64
	counting := rest.CopyConfig(w.dashboard)
	counting.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			switch r.URL.Path {
			case pathRules:
				reviews.Add(1)
			case "/apis/authorization.k8s.io/v1/subjectaccessreviews":
				single.Add(1)
			}
			return next.RoundTrip(r)
		})
	})
	server := w.start(t, Options{Config: counting})
	all, err := server.catalog.all()
	if err != nil {
		t.Fatal(err)
	}
	const everyone = "system:authenticated"
	viewers := []Viewer{
		{User: "ada", Groups: []string{everyone}}, {User: "sam", Groups: []string{"team-lab", everyone}}, {User: "olga", Groups: []string{everyone}},
		{User: "nemo", Groups: []string{everyone}},
	}
	for _, viewer := range viewers {
		for _, namespace := range []string{"", "shop", "none"} {
			single.Store(0)
			reviews.Store(0)
			within, err := server.reachOf(t.Context(), viewer, all, namespace)
			if err != nil || within == nil {
				t.Fatalf("%s in %q: %v %v", viewer.User, namespace, within, err)
			}
			if asked := reviews.Load(); asked > 6 || single.Load() > 0 {
				t.Errorf("%s in %q: %d and %d reviews", viewer.User, namespace, asked, single.Load())
			}
			for id, r := range all {
				want, err := server.scopesFor(t.Context(), viewer, r, namespace)
				if err != nil {
					t.Fatal(err)
				}
				if got := within.scopes(r, namespace); !slices.Equal(got, want) {
					t.Errorf("%s in %q: %s in %q, want %q", viewer.User, namespace, id, got, want)
				}
			}
		}
	}
	reviews.Store(0)
	if again, err := server.reachOf(t.Context(), viewers[0], all, ""); err != nil || again == nil || reviews.Load() > 0 {
		t.Errorf("%d reviews for a page that is opened again: %v", reviews.Load(), err)
	}
}

func TestKindsAreReviewedOneByOneWhereRulesAreNotKnown(t *testing.T) {
	w := newWorld(t)
	for name, answer := range map[string]func(*http.Request) *http.Response{
		"another authorizer": func(r *http.Request) *http.Response {
			return answerTo(r, http.StatusCreated, `{"kind":"SelfSubjectRulesReview","apiVersion":"authorization.k8s.io/v1","status":{"incomplete":true,"resourceRules":[],"nonResourceRules":[]}}`)
		},
		"a tenant with many roles": func(r *http.Request) *http.Response {
			return answerTo(r, http.StatusCreated, `{"kind":"SelfSubjectRulesReview","apiVersion":"authorization.k8s.io/v1","status":{"resourceRules":[`+
				strings.Repeat(`{"verbs":["get"],"apiGroups":[""],"resources":["configmaps"]},`, maxRulesAnswer/60)+`{"verbs":[]}],"nonResourceRules":[]}}`)
		},
		"an older role": func(r *http.Request) *http.Response {
			return answerTo(r, http.StatusForbidden, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,"message":"users \"ada\" is forbidden: `+
				`User \"system:serviceaccount:kubeops-system:kubeops-dashboard\" cannot impersonate-on:user-info:create resource \"selfsubjectrulesreviews\" in API group \"authorization.k8s.io\" at the cluster scope"}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			config := rest.CopyConfig(w.dashboard)
			config.Wrap(func(next http.RoundTripper) http.RoundTripper {
				return roundTripper(func(r *http.Request) (*http.Response, error) {
					if r.URL.Path == pathRules {
						return answer(r), nil
					}
					return next.RoundTrip(r)
				})
			})
			web := httptest.NewServer(w.start(t, Options{Config: config}).Handler())
			defer web.Close()
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL+"/api/v1/explorer?namespace=shop", nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header = token("ada")
			kinds := decode[Kinds](t, do(t, request)).Items
			if !slices.ContainsFunc(kinds, func(k Kind) bool { return k.ID == "pods" && slices.Equal(k.Namespaces, []string{"shop"}) }) {
				t.Errorf("%+v", kinds)
			}
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answerTo(r *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r,
	}
}

func TestRowsAreWhatTheAPIServerPrints(t *testing.T) {
	w := newWorld(t)
	names := func(user, query string) (names []string) {
		for _, row := range decode[Rows](t, w.get(t, user, "/api/v1/explorer/"+query)).Rows {
			names = append(names, row.Namespace+"/"+row.Name)
		}
		return names
	}
	rows := decode[Rows](t, w.get(t, "ada", "/api/v1/explorer/pods"))
	var columns []string
	for _, column := range rows.Columns {
		columns = append(columns, column.Name+" "+column.Type)
	}
	if !strings.HasPrefix(strings.Join(columns, ","), "Name text,Ready text,Status text,Restarts text,Age age") {
		t.Errorf("columns %q", columns)
	}
	if len(rows.Rows) != 1 || rows.Total != 1 || rows.Partial || rows.Rows[0].Cells[1] != "0/2" || !strings.HasSuffix(rows.Rows[0].Cells[4], "Z") {
		t.Errorf("%+v", rows)
	}
	for query, want := range map[string]string{
		"configmaps?q=cart-config": "shop/cart-config", "configmaps?q=CONFIG+shop&sort=-Name": "shop/cart-config", "configmaps?q=none": "",
		"configmaps?namespace=lab": "", "nones": "", "nodes": "", "deployments.apps": "",
	} {
		if got := strings.Join(names("ada", query), ","); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	all := names("olga", "configmaps?q=-config&sort=-namespace")
	if !slices.Equal(all, []string{"shop/cart-config", "lab/microscope-config"}) {
		t.Errorf("as olga: %q", all)
	}
	second := decode[Rows](t, w.get(t, "olga", "/api/v1/explorer/configmaps?q=-config&limit=1&offset=1"))
	if second.Total != 2 || len(second.Rows) != 1 || second.Rows[0].Name != "microscope-config" {
		t.Errorf("the second page: %+v", second)
	}
	if got := w.get(t, "ada", "/api/v1/explorer/secrets"); got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, explorerRole) {
		t.Errorf("Secrets: %d %s", got.status, got.body)
	}
}

func TestAnObjectIsShownWithWhatBelongsToIt(t *testing.T) {
	w := newWorld(t)
	config := decode[ObjectDetail](t, w.get(t, "ada", "/api/v1/namespaces/shop/explorer/configmaps/cart-config"))
	if !strings.Contains(config.YAML, "<script>alert(1)</script>") || strings.Contains(config.YAML, "kR7pQ2vX9mZ4wL8n") || strings.Contains(config.YAML, "managedFields") {
		t.Errorf("YAML: %s", config.YAML)
	}
	if len(config.Owners) != 1 || config.Owners[0].Resource != "pods" || config.Owners[0].Name != "cart-1" || !config.Owners[0].Controller {
		t.Errorf("owners: %+v", config.Owners)
	}
	if len(config.Managers) != 1 || config.Managers[0].Fields == 0 || config.Managers[0].Operation != "Update" {
		t.Errorf("managers: %+v", config.Managers)
	}
	if config.Command != "kubectl -n shop get configmaps cart-config -o yaml" || config.Cut {
		t.Errorf("command %q, cut %v", config.Command, config.Cut)
	}
	pod := decode[ObjectDetail](t, w.get(t, "ada", "/api/v1/namespaces/shop/explorer/pods/cart-1"))
	if strings.Join(pod.Containers, ",") != "app,sidecar" || len(pod.Events) != 1 || pod.Events[0].Reason != "BackOff" || pod.Events[0].Count != 8 {
		t.Errorf("%q %+v", pod.Containers, pod.Events)
	}
	class := decode[ObjectDetail](t, w.get(t, "nemo", "/api/v1/explorer/priorityclasses.scheduling.k8s.io/system-node-critical"))
	if !strings.Contains(class.EventGap, "(RBAC)") || class.Namespace != "" {
		t.Errorf("%+v", class)
	}
}

// TestValuesOfSecretsNeverLeaveTheServer reads as an administrator, without sign-in.
func TestValuesOfSecretsNeverLeaveTheServer(t *testing.T) {
	w := newWorld(t)
	web := httptest.NewServer(w.start(t, Options{Config: w.admin, InsecureLocal: true}).Handler())
	defer web.Close()
	for _, path := range []string{"/api/v1/explorer/secrets", "/api/v1/namespaces/shop/explorer/secrets/cart-db"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := do(t, request)
		if got.status != http.StatusOK || !strings.Contains(got.body, "cart-db") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
		for _, value := range []string{hidden, "aGlkZGVu", `\ndata:`} {
			if strings.Contains(got.body, value) {
				t.Errorf("%s shows %s: %s", path, value, got.body)
			}
		}
	}
}

func TestAHugeObjectIsCut(t *testing.T) {
	w := newWorld(t)
	w.create(t, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "huge"}, Data: map[string]string{"text": strings.Repeat("many lines\n", 60_000)},
	})
	defer func() {
		if err := w.client.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "huge"}}); err != nil {
			t.Error(err)
		}
	}()
	got := decode[ObjectDetail](t, w.get(t, "ada", "/api/v1/namespaces/shop/explorer/configmaps/huge"))
	if !got.Cut || len(got.YAML) > maxYAML || !strings.HasSuffix(got.YAML, "many lines\n") {
		t.Errorf("cut %v, %d bytes", got.Cut, len(got.YAML))
	}
}

func TestRowsAreLive(t *testing.T) {
	w := newWorld(t)
	page := openPage(t, w.url, token("ada"))
	page.send(`{"op":"sub","id":3,"topic":"rows","resource":"configmaps","q":"live","window":[0,50]}`)
	page.next("snap", ofType("snap"))
	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "live-1"}}
	elsewhere := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "lab", Name: "live-2"}}
	shows := func(names ...string) func(liveMessage) bool {
		return func(m liveMessage) bool {
			return m.Type == "diff" && m.ID == 3 && m.Rows != nil && m.Rows.Total == len(names) &&
				(len(names) == 0 || len(m.Rows.Set) > 0 && m.Rows.Set[0].Row.Name == names[0])
		}
	}
	for _, one := range []client.Object{elsewhere, object} {
		if err := w.client.Create(t.Context(), one); err != nil {
			t.Fatal(err)
		}
	}
	if added := page.next("with the new ConfigMap", shows("live-1")); added.Rows.Set[0].Row.Namespace != "shop" {
		t.Errorf("%+v", added.Rows)
	}
	object.Data = map[string]string{"a": "1"}
	if err := w.client.Update(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	page.next("with the changed ConfigMap", func(m liveMessage) bool {
		return m.Type == "diff" && len(m.Rows.Set) == 1 && m.Rows.Set[0].Row.Cells[1] == "1"
	})
	page.send(`{"op":"window","id":3,"q":"none","window":[0,50]}`)
	if moved := page.next("of another search", ofType("snap")); moved.Rows.Total != 0 || moved.Rows.All == 0 {
		t.Errorf("%+v", moved.Rows)
	}
	page.send(`{"op":"window","id":3,"q":"live","window":[0,50]}`)
	page.next("of the first search", ofType("snap"))
	for _, one := range []client.Object{elsewhere, object} {
		if err := w.client.Delete(t.Context(), one); err != nil {
			t.Fatal(err)
		}
	}
	page.next("without the ConfigMap", shows())
}

func TestRowsThatAViewerCannotReadEndTheTopic(t *testing.T) {
	w := newWorld(t)
	page := openPage(t, w.url, token("ada"))
	for i, tc := range []struct{ about, code string }{
		{`"resource":"nodes"`, "revoked"}, {`"resource":"nones"`, "revoked"}, {`"resource":"configmaps","namespace":"lab"`, "revoked"},
		{`"resource":"secrets"`, "unavailable"}, {`"resource":"pods","namespace":"../x"`, "unknown"},
		{`"resource":"pods","window":[0,501]`, "unknown"}, {`"resource":"pods","window":[5,1]`, "unknown"}, {`"resource":"pods","window":[-1,1]`, "unknown"},
		{`"resource":"pods","q":"` + strings.Repeat("x", 201) + `"`, "unknown"},
	} {
		page.send(fmt.Sprintf(`{"op":"sub","id":%d,"topic":"rows",%s}`, i+1, tc.about))
		if ended := page.next("of the end", ofType("end")); ended.Problem.Code != tc.code {
			t.Errorf("%s: %+v, want %s", tc.about, ended.Problem, tc.code)
		}
	}
}

func TestALogOfAPodWithoutANodeIsAGap(t *testing.T) {
	w := newWorld(t)
	log := decode[Log](t, w.get(t, "ada", "/api/v1/namespaces/shop/pods/cart-1/log?container=none"))
	if len(log.Lines) > 0 || !strings.Contains(log.Gap, "container none is not valid for pod cart-1") {
		t.Errorf("%+v", log)
	}
	page := openPage(t, w.url, token("ada"))
	for i, tc := range []struct{ about, code string }{
		{`"namespace":"shop","name":"cart-1","container":"none"`, "gone"}, {`"namespace":"lab","name":"microscope-1"`, "revoked"},
		{`"namespace":"shop","name":"none"`, "revoked"}, {`"namespace":"shop","name":"../x"`, "unknown"}, {`"namespace":"shop","name":"cart-1","tail":5001`, "unknown"},
		{`"namespace":"shop","name":"cart-1","since":"yesterday"`, "unknown"}, {`"name":"cart-1"`, "unknown"},
	} {
		page.send(fmt.Sprintf(`{"op":"sub","id":%d,"topic":"log",%s}`, i+1, tc.about))
		if ended := page.next("of the end", ofType("end")); ended.Problem.Code != tc.code {
			t.Errorf("%s: %+v, want %s", tc.about, ended.Problem, tc.code)
		}
	}
	if got := w.get(t, "ada", "/api/v1/namespaces/shop/pods/cart-1/log?container="+url.QueryEscape("../x")); got.status != http.StatusUnprocessableEntity {
		t.Errorf("a container that is a path: %d", got.status)
	}
}
