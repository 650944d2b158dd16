package visual

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"kubeops.io/kubeops/internal/provider"
)

// DataView of Kibana, or index pattern of OpenSearch Dashboards: which indices people look at, and by which time.
type DataView struct {
	// ID by which it is found again; the same backend has the same one.
	ID string
	// Pattern of indices, as Elasticsearch reads it.
	Pattern string
	// Name that people see, where the product has names.
	Name string
	// TimeField of the documents.
	TimeField string
}

// DashboardsProduct is the product that holds data views. Each has an API of its own:
// https://www.elastic.co/docs/api/doc/kibana/group/endpoint-data-views from Kibana 8 on; saved objects of type index-pattern for
// older Kibanas and OpenSearch Dashboards, which has kept that API of Kibana 7.
type DashboardsProduct string

// Products.
const (
	Kibana               DashboardsProduct = "Kibana"
	OldKibana            DashboardsProduct = "Kibana before 8"
	OpenSearchDashboards DashboardsProduct = "OpenSearch Dashboards"
)

// ProductFor is what belongs to a server of a flavor and version: both are released together.
func ProductFor(flavor, version string) DashboardsProduct {
	if flavor == "opensearch" {
		return OpenSearchDashboards
	}
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err == nil && n < 8 {
		return OldKibana
	}
	return Kibana
}

// stored is a data view as the products show it.
type stored struct {
	Title         string `json:"title"`
	Name          string `json:"name,omitempty"`
	TimeFieldName string `json:"timeFieldName"`
}

// Put makes the data view, or corrects it where it differs; it writes nothing where it is as it should be. Errors are problems.
// Only title, name and time field are compared: what people add, such as formats of fields, stays.
func (v DataView) Put(ctx context.Context, client *provider.Client, product DashboardsProduct) error {
	want := stored{Title: v.Pattern, TimeFieldName: v.TimeField}
	if product != Kibana {
		return v.putSaved(ctx, client, want, product)
	}
	want.Name = v.Name
	const path = "/api/data_views/data_view"
	var shown struct {
		DataView stored `json:"data_view"`
	}
	found, err := read(ctx, client, path+"/"+url.PathEscape(v.ID), &shown)
	if err != nil || found && shown.DataView == want {
		return err
	}
	if found {
		return write(ctx, client, path+"/"+url.PathEscape(v.ID), object{"data_view": want}, product)
	}
	return write(ctx, client, path, object{"data_view": object{
		"id": v.ID, "title": want.Title, "name": want.Name, "timeFieldName": want.TimeFieldName,
	}}, product)
}

func (v DataView) putSaved(ctx context.Context, client *provider.Client, want stored, product DashboardsProduct) error {
	path := "/api/saved_objects/index-pattern/" + url.PathEscape(v.ID)
	var shown struct {
		Attributes stored `json:"attributes"`
	}
	found, err := read(ctx, client, path, &shown)
	if err != nil || found && shown.Attributes == want {
		return err
	}
	if found { // an update keeps what it does not name
		return send(ctx, client, http.MethodPut, path, object{"attributes": want}, product)
	}
	return write(ctx, client, path, object{"attributes": want}, product)
}

// read says whether there is something at the path.
func read(ctx context.Context, client *provider.Client, path string, into any) (bool, error) {
	answer, err := client.Do(ctx, provider.Request{Operation: "read-data-view", Path: path})
	if err != nil {
		return false, err
	}
	defer func() { _ = answer.Body.Close() }()
	switch {
	case answer.Status == http.StatusNotFound:
		return false, nil
	case answer.Status != http.StatusOK:
		return false, client.Refused(answer)
	}
	if err := answer.Decoder().Decode(into); err != nil {
		return false, client.DecodeProblem(err)
	}
	return true, nil
}

func write(ctx context.Context, client *provider.Client, path string, content any, product DashboardsProduct) error {
	return send(ctx, client, http.MethodPost, path, content, product)
}

func send(ctx context.Context, client *provider.Client, method, path string, content any, product DashboardsProduct) error {
	body, err := json.Marshal(content)
	if err != nil {
		return err
	}
	// Without this header both refuse what writes, so that no page of another site can.
	header := http.Header{"Kbn-Xsrf": {"kubeops"}}
	if product == OpenSearchDashboards {
		header = http.Header{"Osd-Xsrf": {"kubeops"}}
	}
	return client.JSON(ctx, provider.Request{
		Operation: "write-data-view", Method: method, Path: path, Header: header, Body: body, ContentType: "application/json",
	}, nil)
}
