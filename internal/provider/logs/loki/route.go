package loki

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
type route struct{ tenant string }

// RouteTarget implements logs.Routable.
func (c Config) RouteTarget(server logs.Server) (logs.RouteTarget, error) {
	if c.Tenant != "" && !regexp.MustCompile(`^[a-zA-Z0-9!._*'()-]{1,150}$`).MatchString(c.Tenant) {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
			"%s is not a valid name of a tenant", server.Endpoint.Fields.Setting("tenant"))
	}
	return route{tenant: c.Tenant}, nil
}

// Storage implements logs.RouteTarget.
func (r route) Storage() logs.Storage { return logs.Storage{Place: r.tenant, WholeJSON: true} }

// Vector implements logs.RouteTarget.
func (r route) Vector(to logs.VectorRoute) (logs.VectorSink, error) {
	if to.Authorization != "" && to.Version < logs.VectorCustomAuth {
		return logs.VectorSink{}, problem.UserError(v1alpha1.ReasonCollectorUnsupported, nil,
			"Vector %s cannot send the credentials of spec.auth to Loki; set logCollection.images.vector in the manager's configuration "+
				"to an image of Vector %s or newer, or spec.collect.collector to fluentd", to.Version, logs.VectorCustomAuth)
	}
	options := logs.Options{{Name: "endpoint", Value: to.URL}}
	if r.tenant != "" {
		options = append(options, logs.Option{Name: "tenant_id", Value: r.tenant})
	}
	if to.Authorization != "" {
		auth := logs.Options{{Name: "strategy", Value: "custom"}, {Name: "value", Value: to.Authorization}}
		options = append(options, logs.Option{Name: "auth", Value: auth})
	}
	labels := logs.Options{
		{Name: "namespace", Value: "{{ kubernetes.pod_namespace }}"},
		{Name: "pod", Value: "{{ kubernetes.pod_name }}"},
		{Name: "container", Value: "{{ kubernetes.container_name }}"},
		{Name: "node", Value: "{{ kubernetes.pod_node_name }}"},
		{Name: "stream", Value: "{{ stream }}"},
	}
	sink := logs.VectorSink{Type: "loki"}
	if to.ParseJSON {
		labels = append(labels, logs.Option{Name: "level", Value: "{{ level }}"})
		sink.Program = "if is_null(.level) { .level = \"unknown\" }\n"
	}
	sink.Options = append(options,
		logs.Option{Name: "labels", Value: labels},
		logs.Option{Name: "out_of_order_action", Value: "accept"},
		logs.Option{Name: "compression", Value: "gzip"},
		logs.Option{Name: "encoding", Value: logs.Options{{Name: "codec", Value: "text"}}},
	)
	if to.Version >= logs.VectorConfinement {
		// Labels are names that Kubernetes checked, and levels of a list. They cannot select another tenant.
		sink.Options = append(sink.Options, logs.Option{Name: "dangerously_allow_unconfined_template_resolution", Value: true})
	}
	return sink, nil
}

// Fluentd implements logs.RouteTarget.
func (r route) Fluentd() logs.FluentdOutput {
	output := logs.FluentdOutput{Ruby: fluentd}
	if r.tenant != "" {
		output.Headers = map[string]string{tenantHeader: r.tenant}
	}
	return output
}
