package victorialogs

import (
	_ "embed" // the target of Fluentd
	"regexp"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/logs"
)

//go:embed fluentd.rb
var fluentd string

// route is where collectors write.
type route struct{ account, project string }

// RouteTarget implements logs.Routable.
func (c Config) RouteTarget(server logs.Server) (logs.RouteTarget, error) {
	if c.Tenant != "" && !regexp.MustCompile(`^[0-9]{1,10}(:[0-9]{1,10})?$`).MatchString(c.Tenant) {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
			"%s must be accountID or accountID:projectID", server.Endpoint.Fields.Setting("tenant"))
	}
	account, project := c.ids()
	return route{account: account, project: project}, nil
}

// Storage implements logs.RouteTarget.
func (r route) Storage() logs.Storage { return logs.Storage{Place: r.account + ":" + r.project} }

// Vector implements logs.RouteTarget, by the sink that VictoriaLogs' documentation recommends.
func (r route) Vector(to logs.VectorRoute) (logs.VectorSink, error) {
	var headers logs.Options
	if to.Authorization != "" {
		headers = logs.Options{{Name: "Authorization", Value: to.Authorization}}
	}
	headers = append(headers, logs.Option{Name: "AccountID", Value: r.account}, logs.Option{Name: "ProjectID", Value: r.project})
	return logs.VectorSink{Type: "elasticsearch", Options: logs.Options{
		{Name: "endpoints", Value: []string{to.URL + "/insert/elasticsearch/"}},
		{Name: "mode", Value: "bulk"},
		{Name: "api_version", Value: "v8"},
		{Name: "query", Value: logs.Options{
			{Name: "_msg_field", Value: "message"},
			{Name: "_time_field", Value: "timestamp"},
			{
				Name:  "_stream_fields",
				Value: "kubernetes.pod_namespace,kubernetes.pod_name,kubernetes.container_name,kubernetes.pod_node_name,stream",
			},
		}},
		{Name: "compression", Value: "gzip"},
		{Name: "request_retry_partial", Value: false},
		{Name: "request", Value: logs.Options{{Name: "headers", Value: headers}}},
	}}, nil
}

// Fluentd implements logs.RouteTarget.
func (r route) Fluentd() logs.FluentdOutput {
	return logs.FluentdOutput{Headers: map[string]string{"AccountID": r.account, "ProjectID": r.project}, Ruby: fluentd}
}
