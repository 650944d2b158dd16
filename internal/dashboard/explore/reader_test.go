package explore

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

const header = `{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"7","continue":"next"},` +
	`"columnDefinitions":[{"name":"Name","type":"string"},{"name":"Restarts","type":"integer"},{"name":"IP","type":"string","priority":1},` +
	`{"name":"Age","type":"string"}],"rows":[`

func tableRow(name, version string) string {
	return `{"cells":["` + name + `",3,null,"5m"],"object":{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"` + name +
		`","namespace":"shop","uid":"u-` + name + `","resourceVersion":"` + version + `","creationTimestamp":"2026-11-28T09:00:00Z"}}}`
}

// serve answers all requests with one body.
func serve(t *testing.T, status int, body string, asked *http.Request) Reader {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = *r
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if _, err := w.Write([]byte(body)); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(web.Close)
	client, err := rest.UnversionedRESTClientFor(&rest.Config{Host: web.URL, ContentConfig: rest.ContentConfig{
		GroupVersion: &schema.GroupVersion{}, NegotiatedSerializer: scheme.Codecs.WithoutConversion(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return NewReader(client)
}

func TestAPageHasTheColumnsAndRowsOfATable(t *testing.T) {
	var asked http.Request
	page, err := serve(t, http.StatusOK, header+tableRow("cart-\\u001b[31m1", "5")+`]}`, &asked).List(t.Context(), Scope{Group: "apps", Version: "v1", Resource: "deployments", Namespace: "shop"}, "")
	if err != nil || len(page.Rows) != 1 {
		t.Fatalf("%+v %v", page, err)
	}
	if page.Continue != "next" || page.Version != "7" || page.Columns[1].Type != typeNumber || !page.Columns[2].Wide || page.Columns[3].Type != typeAge {
		t.Errorf("%+v", page)
	}
	if row := page.Rows[0]; strings.Join(row.Cells, "|") != `cart-\x1b[31m1|3||2026-11-28T09:00:00Z` || row.UID == "" || row.Version != "5" || row.Namespace != "shop" {
		t.Errorf("%+v", row)
	}
	query := asked.URL.Query()
	if asked.URL.Path != "/apis/apps/v1/namespaces/shop/deployments" || query.Get("limit") != "100" || query.Get("includeObject") != "Metadata" ||
		asked.Header.Get("Accept") != asTable {
		t.Errorf("%s %v", asked.URL, asked.Header)
	}
	if _, err := serve(t, http.StatusOK, header+`]}`, &asked).List(t.Context(), Scope{Version: "v1", Resource: "pods"}, "next"); err != nil {
		t.Fatal(err)
	}
	if query := asked.URL.Query(); asked.URL.Path != "/api/v1/pods" || query.Get("continue") != "next" || query.Get("limit") != "500" {
		t.Errorf("the second page: %s", asked.URL)
	}
}

func TestAPageCanBeLargerThanTheMemoryOfTheDashboard(t *testing.T) {
	const rows = 80
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		note := `"metadata":{"annotations":{"note":"` + strings.Repeat("x", 1<<20) + `"},` // what anyone can write
		one := strings.Replace(strings.Replace(tableRow("a", "5"), `"metadata":{`, note, 1), ",3,", ",12345678,", 1)
		for i := range rows {
			if _, err := w.Write([]byte(map[bool]string{true: header, false: ","}[i == 0] + one)); err != nil {
				return
			}
		}
		_, _ = w.Write([]byte("]}"))
	}))
	t.Cleanup(web.Close)
	client, err := rest.UnversionedRESTClientFor(&rest.Config{Host: web.URL, ContentConfig: rest.ContentConfig{
		GroupVersion: &schema.GroupVersion{}, NegotiatedSerializer: scheme.Codecs.WithoutConversion(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	page, err := NewReader(client).List(t.Context(), Scope{Version: "v1", Resource: "configmaps"}, "")
	if err != nil || len(page.Rows) != rows || page.Rows[rows-1].Name != "a" || page.Rows[0].Cells[1] != "12345678" {
		t.Fatalf("%d rows, %v", len(page.Rows), err)
	}
}

func TestAnswersThatAreNoTableAreErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		body   string
		is     func(error) bool
	}{
		"forbidden":         {http.StatusForbidden, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}`, apierrors.IsForbidden},
		"a list":            {http.StatusOK, `{"kind":"PodList","apiVersion":"v1","items":[]}`, func(err error) bool { return apierrors.ReasonForError(err) != "" }},
		"not JSON":          {http.StatusOK, `<html>`, func(err error) bool { return err != nil }},
		"half of a table":   {http.StatusOK, header, func(err error) bool { return err != nil }},
		"rows without any":  {http.StatusOK, header + `{"cells":["x"]}]}`, func(err error) bool { return err != nil }},
		"nothing":           {http.StatusOK, ``, func(err error) bool { return err != nil }},
		"another structure": {http.StatusOK, `[1]`, func(err error) bool { return err != nil }},
	} {
		var asked http.Request
		if page, err := serve(t, tc.status, tc.body, &asked).List(t.Context(), Scope{Version: "v1", Resource: "pods"}, ""); err == nil || !tc.is(err) {
			t.Errorf("%s: %+v %v", name, page, err)
		}
	}
}

func TestAWatchSendsRowsUntilItEnds(t *testing.T) {
	var asked http.Request
	event := func(kind, name, version string) string {
		return `{"type":"` + kind + `","object":` + header + tableRow(name, version) + `]}}` + "\n"
	}
	later := strings.Replace(event("MODIFIED", "b", "9"), header, `{"kind":"Table","columnDefinitions":null,"rows":[`, 1)
	stream := event("ADDED", "a", "8") + later + event("BOOKMARK", "", "10") + event("DELETED", "a", "11")
	var seen []string
	visit := func(e Event) {
		switch {
		case e.Row == nil:
			seen = append(seen, "bookmark")
		case e.Deleted:
			seen = append(seen, "deleted "+e.Row.Name)
		default:
			seen = append(seen, e.Row.Name+" "+e.Row.Cells[3])
		}
	}
	version, err := serve(t, http.StatusOK, stream, &asked).Watch(t.Context(), Scope{Version: "v1", Resource: "pods"}, "7", visit)
	if err != nil || version != "11" || strings.Join(seen, ", ") != "a 2026-11-28T09:00:00Z, b 2026-11-28T09:00:00Z, bookmark, deleted a" {
		t.Errorf("version %s, %v, events %q", version, err, seen)
	}
	if query := asked.URL.Query(); query.Get("resourceVersion") != "7" || query.Get("watch") != "true" || query.Get("allowWatchBookmarks") != "true" {
		t.Errorf("it asks for %s", asked.URL)
	}
	gone := `{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410}}`
	version, err = serve(t, http.StatusOK, event("ADDED", "a", "8")+gone, &asked).Watch(t.Context(), Scope{Version: "v1", Resource: "pods"}, "7", visit)
	if !apierrors.IsResourceExpired(err) || version != "8" {
		t.Errorf("version %s, %v", version, err)
	}
	for _, broken := range []string{`{"type":`, `{"type":"ADDED","object":7}`, `{"type":"ERROR","object":7}`, `{"type":"ADDED","object":{"rows":[{"object":7}]}}`} {
		if _, err := serve(t, http.StatusOK, broken, &asked).Watch(t.Context(), Scope{Version: "v1", Resource: "pods"}, "7", visit); err == nil || errors.Is(err, t.Context().Err()) {
			t.Errorf("%s: %v", broken, err)
		}
	}
}
