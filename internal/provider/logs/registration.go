package logs

import (
	"strconv"

	"kubeops.io/kubeops/internal/provider"
)

// Backend is what a type of log backend registers.
type Backend = provider.Backend[Settings, Provider]

// Config is the decoded settings of one log backend. The interfaces below are optional.
type Config = provider.Config[Settings, Provider]

// Registry of log backends.
type Registry = provider.Registry[Settings, Provider]

// Server is what is known of a backend besides the settings of its type.
type Server struct {
	Endpoint provider.Endpoint
	Fields   Fields
	// Version and Flavor that the last probe found; empty before the first.
	Version, Flavor string
}

// GrafanaSourcer is a Config that has more to say about its data source of Grafana than its endpoint.
type GrafanaSourcer interface {
	GrafanaSource(server Server) provider.GrafanaSource
}

// DataView of the dashboards that belong to a backend: which indices people look at, and by which time.
type DataView struct {
	// URL of the dashboards, and the name of the setting that holds it.
	URL, Setting string
	// Pattern of indices, and the field of the time.
	Pattern, TimeField string
}

// DataViewer is a Config that may ask for a data view.
type DataViewer interface {
	DataViewFor(server Server) (view DataView, wanted bool)
}

// Routable is a Config whose backend takes the lines of Pods from a log collector.
type Routable interface {
	// RouteTarget returns a problem where the settings cannot be used by a collector, or where the version of the server must be
	// known first.
	RouteTarget(server Server) (RouteTarget, error)
}

// RouteTarget is where a collector sends lines, and in which form. What it returns becomes part of the configuration of the
// collector as it is: nothing in it may be secret, and every name in it must have been checked.
type RouteTarget interface {
	Storage() Storage
	// Vector returns a problem where the version of Vector cannot send to the backend.
	Vector(route VectorRoute) (VectorSink, error)
	Fluentd() FluentdOutput
}

// Storage says where and how a backend stores lines.
type Storage struct {
	// Place below the URL, such as an index or a tenant: two routes to the same URL and place store the same line twice.
	Place string
	// WholeJSON keeps a parsed line as a whole in the message. Otherwise the message is the text of the field message or msg.
	WholeJSON bool
}

// VectorRoute is what the sink of a route must know.
type VectorRoute struct {
	// URL without a trailing slash.
	URL string
	// Authorization refers to the value of the header; empty without credentials.
	Authorization string
	// ParseJSON reports that lines were parsed, and may have a level.
	ParseJSON bool
	// Version of Vector that reads the sink. It refuses to start for options that it does not know.
	Version VectorVersion
}

// VectorVersion is the minor version of Vector 0: 57 is 0.57.
type VectorVersion int

// Versions of Vector that brought what sinks need.
const (
	// VectorCustomAuth has the strategy custom for the credentials of a sink, which sends any header.
	VectorCustomAuth VectorVersion = 52
	// VectorConfinement rejects templates that begin with a field, unless a sink allows them.
	VectorConfinement VectorVersion = 57
)

// String is the version as its releases are named, without the patch.
func (v VectorVersion) String() string { return "0." + strconv.Itoa(int(v)) }

// VectorSink is a sink of Vector (https://vector.dev/docs/reference/configuration/sinks/). Inputs, TLS, buffer and health check
// are added to it.
type VectorSink struct {
	Type    string
	Options Options
	// Program in VRL that gives an event its final form. Without $ and {{, which Vector would replace.
	Program string
}

// Option of a sink: a string, bool, int, []string or Options.
type Option struct {
	Name  string
	Value any
}

// Options of a sink, in the order in which they are printed.
type Options []Option

// FluentdOutput is how the plug-in of Fluentd sends lines.
type FluentdOutput struct {
	// Headers of each request.
	Headers map[string]string
	// Settings for the program.
	Settings map[string]any
	// Ruby is a program that registers a target for the type, see KubeOps::TARGETS in internal/logroute/ruby/kubeops_targets.rb.
	Ruby string
}
