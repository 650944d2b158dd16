package visual_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/visual"
)

// dashboards is a strict Kibana or OpenSearch Dashboards, from their documentation: it stores one data view, and fails the test
// on anything that the product would refuse.
type dashboards struct {
	t       *testing.T
	product visual.DashboardsProduct
	view    map[string]any
	writes  []string
}

func (d *dashboards) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const data, saved = "/kibana/api/data_views/data_view", "/kibana/api/saved_objects/index-pattern/kubeops-logging-main"
	base := data
	envelope := "data_view"
	one := data + "/kubeops-logging-main"
	header := "kbn-xsrf"
	if d.product != visual.Kibana {
		base = saved
		envelope = "attributes"
		one = saved
	}
	if d.product == visual.OpenSearchDashboards {
		header = "osd-xsrf"
	}
	w.Header().Set("Content-Type", "application/json")
	if r.Method == http.MethodGet && r.URL.Path == one {
		if d.view == nil {
			http.Error(w, `{"statusCode":404,"error":"Not Found"}`, http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{envelope: d.view, "id": "kubeops-logging-main", "references": []any{}})
		return
	}
	update := d.product == visual.Kibana && r.URL.Path == one && r.Method == http.MethodPost || d.product != visual.Kibana &&
		r.Method == http.MethodPut
	if r.URL.Path != base && !update || r.Method != http.MethodPost && !update || r.Header.Get(header) == "" ||
		r.Header.Get("Content-Type") != "application/json" {
		d.t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		http.Error(w, "{}", http.StatusBadRequest)
		return
	}
	var body map[string]map[string]any
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || len(body) != 1 || body[envelope] == nil {
		d.t.Errorf("%v %v", body, err)
	}
	if update != (d.view != nil) {
		d.t.Errorf("%s %s where there is %v", r.Method, r.URL, d.view)
	}
	if d.product == visual.Kibana && !update && body[envelope]["id"] != "kubeops-logging-main" {
		d.t.Errorf("created with the id %v", body[envelope]["id"])
	}
	if d.view == nil {
		d.view = map[string]any{"fieldFormats": map[string]any{}}
	}
	for key, value := range body[envelope] {
		d.view[key] = value
	}
	d.writes = append(d.writes, r.Method)
	_ = json.NewEncoder(w).Encode(map[string]any{envelope: d.view})
}

func put(t *testing.T, handler http.Handler, view visual.DataView, product visual.DashboardsProduct) error {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	client, err := provider.NewClient(provider.Endpoint{URL: server.URL + "/kibana"},
		provider.Options{Type: "dashboards", Egress: provider.Egress{AllowLoopback: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	return view.Put(t.Context(), client, product)
}

func logsView() visual.DataView {
	return visual.DataView{ID: "kubeops-logging-main", Pattern: "logs-*", Name: "KubeOps logging/main", TimeField: "@timestamp"}
}

func TestADataViewIsMadeOnceAndCorrectedWhereItDiffers(t *testing.T) {
	t.Parallel()
	for _, product := range []visual.DashboardsProduct{visual.Kibana, visual.OldKibana, visual.OpenSearchDashboards} {
		t.Run(string(product), func(t *testing.T) {
			t.Parallel()
			d := &dashboards{t: t, product: product}
			for range 2 {
				if err := put(t, d, logsView(), product); err != nil {
					t.Fatal(err)
				}
			}
			if len(d.writes) != 1 || d.view["title"] != "logs-*" || d.view["timeFieldName"] != "@timestamp" {
				t.Errorf("%v: %v", d.writes, d.view)
			}
			d.view["fieldFormats"] = map[string]any{"bytes": "of a person"}
			d.view["title"] = "changed by hand"
			if err := put(t, d, logsView(), product); err != nil || len(d.writes) != 2 || d.view["title"] != "logs-*" {
				t.Errorf("%v, %v: %v", err, d.writes, d.view)
			}
			if formats, ok := d.view["fieldFormats"].(map[string]any); !ok || formats["bytes"] == nil {
				t.Errorf("what a person added is gone: %v", d.view)
			}
		})
	}
}

func TestWhatRefusesADataViewIsNamed(t *testing.T) {
	t.Parallel()
	for reason, answer := range map[string]http.HandlerFunc{
		v1alpha1.ReasonUnauthorized:    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
		v1alpha1.ReasonForbidden:       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		v1alpha1.ReasonServerError:     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		v1alpha1.ReasonInvalidResponse: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>log in")) },
	} {
		p := problem.As(put(t, answer, logsView(), visual.Kibana))
		if p == nil || p.Reason != reason || !strings.Contains(p.Message, "127.0.0.1") {
			t.Errorf("%s: %v", reason, p)
		}
	}
}

func TestTheProductFollowsTheServer(t *testing.T) {
	t.Parallel()
	for server, want := range map[[2]string]visual.DashboardsProduct{
		{"elasticsearch", "6.8.23"}: visual.OldKibana, {"elasticsearch", "7.17.0"}: visual.OldKibana, {"elasticsearch", "8.0.0"}: visual.Kibana,
		{"elasticsearch", "10.1"}: visual.Kibana, {"opensearch", "2.19.1"}: visual.OpenSearchDashboards, {"", ""}: visual.Kibana,
	} {
		if got := visual.ProductFor(server[0], server[1]); got != want {
			t.Errorf("%v: %s", server, got)
		}
	}
}
