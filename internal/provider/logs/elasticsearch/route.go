package elasticsearch

import (
	_ "embed" // the target of Fluentd
	"regexp"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/logs"
)

//go:embed fluentd.rb
var fluentd string

// shape of an event. Dots in names are replaced, since a label app and a label app.kubernetes.io/name cannot both be fields.
const shape = `# A label app and a label app.kubernetes.io/name cannot both be fields: one would have to hold the other.
. = map_keys(., recursive: true) -> |key| { replace(key, ".", "_") }
."@timestamp" = .timestamp
# A date has milliseconds. What the runtime wrote within one is sorted by nanoseconds.
nanoseconds, failed = to_unix_timestamp(.timestamp, unit: "nanoseconds")
if failed == null { .kubeops_ns = nanoseconds }
del(.timestamp)
# With an id of its own, a line is created once however often it is sent, in an index and in a data stream alike.
.kubeops_id = uuid_v4()
`

// nanosecondsField is the time of a line in nanoseconds since 1970, which both collectors send.
const nanosecondsField = "kubeops_ns"

// route is where collectors write.
type route struct {
	index string
	// typed reports that a bulk request names the type of a document, as Elasticsearch 6 requires.
	typed bool
}

// RouteTarget implements logs.Routable.
func (c Config) RouteTarget(server logs.Server) (logs.RouteTarget, error) {
	if !regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,254}$`).MatchString(c.writeIndex()) {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
			"%s is not a valid name of an index or data stream", server.Endpoint.Fields.Setting("writeIndex"))
	}
	if server.Version == "" {
		return nil, problem.Waiting(v1alpha1.ReasonProgressing, 0,
			"waiting for the version of the server, which the format of requests depends on")
	}
	return route{index: c.writeIndex(), typed: strings.HasPrefix(server.Version, "6.") && server.Flavor != flavorOpenSearch}, nil
}

// Storage implements logs.RouteTarget.
func (r route) Storage() logs.Storage { return logs.Storage{Place: r.index} }

// Vector implements logs.RouteTarget. The version is given, since its detection by Vector would need the server to respond
// whenever a collector starts.
func (r route) Vector(to logs.VectorRoute) (logs.VectorSink, error) {
	version := "v8"
	if r.typed {
		version = "v6"
	}
	options := logs.Options{
		{Name: "endpoints", Value: []string{to.URL}},
		{Name: "mode", Value: "bulk"},
		{Name: "api_version", Value: version},
		{Name: "bulk", Value: logs.Options{{Name: "action", Value: "create"}, {Name: "index", Value: r.index}}},
		{Name: "id_key", Value: "kubeops_id"},
		{Name: "compression", Value: "gzip"},
		// Only the documents of a bulk request that were rejected for now are sent again.
		{Name: "request_retry_partial", Value: true},
	}
	if to.Authorization != "" {
		headers := logs.Options{{Name: "Authorization", Value: to.Authorization}}
		options = append(options, logs.Option{Name: "request", Value: logs.Options{{Name: "headers", Value: headers}}})
	}
	return logs.VectorSink{Type: "elasticsearch", Options: options, Program: shape}, nil
}

// Fluentd implements logs.RouteTarget.
func (r route) Fluentd() logs.FluentdOutput {
	settings := map[string]any{"index": r.index}
	if r.typed {
		settings["typed"] = true
	}
	return logs.FluentdOutput{Settings: settings, Ruby: fluentd}
}
