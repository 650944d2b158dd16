package trend

import (
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// source is a pair of metrics by which some library, proxy or server counts requests and measures how long they take.
type source struct {
	// total counts requests; buckets is the histogram of their durations.
	total, buckets string
	// status are the labels that may hold the outcome, bad matches those that are the server's fault.
	status []string
	bad    string
	// seconds is the unit of the buckets.
	seconds  float64
	matchers string
	// groups are the labels that name the object, in the order of preference: the first that are all there count.
	groups [][]string
	// object is what the values of those labels name; nil for what targets are labelled with.
	object func(r *reader, labels map[string]string) (facts.Ref, bool)
	// instead names a source by whose presence this one would count the same requests again.
	instead string
}

const serverErrors = "5..|5xx"

// targetGroups are the labels of a target. A Pod's name is cut to that of its workload by the server; see owner.
func targetGroups() [][]string {
	return [][]string{
		{"exported_namespace", "exported_service"}, {"namespace", "service"}, {"kubernetes_namespace", "kubernetes_name"},
		{"namespace", "pod"}, {"kubernetes_namespace", "kubernetes_pod_name"},
	}
}

func sources() []source {
	http := []string{"code", "status", "status_code", "response_code", "http_status_code", "http_response_status_code"}
	return []source{
		{
			total: "http_requests_total", buckets: "http_request_duration_seconds_bucket", status: http, bad: serverErrors, seconds: 1,
			groups: targetGroups(),
		},
		{
			total: "http_request_duration_seconds_count", status: http, bad: serverErrors, groups: targetGroups(), instead: "http_requests_total",
		},
		{ // OpenTelemetry's semantic conventions
			total: "http_server_request_duration_seconds_count", buckets: "http_server_request_duration_seconds_bucket", status: http,
			bad: serverErrors, seconds: 1, groups: targetGroups(),
		},
		{
			total: "istio_requests_total", buckets: "istio_request_duration_milliseconds_bucket", status: []string{"response_code"},
			bad: serverErrors, seconds: 0.001, matchers: `reporter=~"destination|waypoint",`,
			groups: [][]string{{"destination_workload_namespace", "destination_workload"}}, object: destination,
		},
		{
			total: "nginx_ingress_controller_requests", buckets: "nginx_ingress_controller_request_duration_seconds_bucket",
			status: []string{"status"}, bad: serverErrors, seconds: 1, groups: [][]string{{"exported_namespace", "ingress"}, {"namespace", "ingress"}},
		},
		{
			total: "grpc_server_handled_total", buckets: "grpc_server_handling_seconds_bucket", status: []string{"grpc_code"},
			bad: "Unknown|Internal|Unavailable|DataLoss|DeadlineExceeded", seconds: 1, groups: targetGroups(),
		},
		{ // its durations have too many series to be asked for
			total: "apiserver_request_total", status: []string{"code"}, bad: serverErrors, groups: [][]string{{}}, object: apiServer,
		},
	}
}

func destination(r *reader, labels map[string]string) (facts.Ref, bool) {
	return r.labeled.Workload(labels["destination_workload_namespace"], labels["destination_workload"])
}

func apiServer(r *reader, _ map[string]string) (facts.Ref, bool) {
	ref := facts.Ref{Kind: facts.Service, Namespace: "default", Name: "kubernetes"}
	return ref, r.in.Graph.Has(ref)
}

// shape is how one source is asked for, by the labels that it has.
type shaped struct {
	source
	// group are the labels to sum by, code the label of the outcome; empty where there is none.
	group []string
	code  string
	// pod is the label that is cut to the name of the workload; empty where none is.
	pod string
}

// shapeOf fits a source to the labels that it has; false where none names an object.
func shapeOf(s source, labels []string) (shaped, bool) {
	has := func(name string) bool { return slices.Contains(labels, name) }
	fit := shaped{source: s}
	for _, name := range s.status {
		if fit.code == "" && has(name) {
			fit.code = name
		}
	}
	for _, group := range s.groups {
		if slices.ContainsFunc(group, func(name string) bool { return !has(name) }) {
			continue
		}
		fit.group = slices.Clone(group)
		if n := len(group); n > 0 && (group[n-1] == "pod" || group[n-1] == "kubernetes_pod_name") {
			fit.pod = group[n-1]
			fit.group[n-1] = ownerLabel
		}
		return fit, true
	}
	return shaped{}, false
}

// namespace is the label of the namespace; empty where there is none.
func (s shaped) namespace() string {
	if len(s.group) == 0 {
		return ""
	}
	return s.group[0]
}

const (
	ownerLabel = "kubeops_owner"
	// ownerPattern takes from a Pod's name what controllers append: an ordinal, or five random letters, for Deployments with the
	// hash of the template before them.
	ownerPattern = `(.+?)(?:-[0-9]+|-[bcdfghjklmnpqrstvwxz2456789]{6,10}-[bcdfghjklmnpqrstvwxz2456789]{5}|-[bcdfghjklmnpqrstvwxz2456789]{5})`
)

// owner lets the server cut the Pod's name, so that it answers with one series for a workload, through all its Pods.
func (s shaped) owner(expression string) string {
	if s.pod == "" {
		return expression
	}
	whole := `label_replace(` + expression + `, "` + ownerLabel + `", "$1", "` + s.pod + `", "(.+)")`
	return `label_replace(` + whole + `, "` + ownerLabel + `", "$1", "` + s.pod + `", "` + ownerPattern + `")`
}

// objectOf is the object that the labels of an answer name.
func (r *reader) objectOf(s shaped, labels map[string]string) (facts.Ref, bool) {
	if s.object != nil {
		return s.object(r, labels)
	}
	if s.pod != "" {
		return r.labeled.Workload(labels[s.group[0]], labels[ownerLabel])
	}
	kind := facts.Service
	if s.group[1] == "ingress" {
		kind = facts.Ingress
	}
	ref := facts.Ref{Kind: kind, Namespace: labels[s.group[0]], Name: labels[s.group[1]]}
	return ref, r.in.Graph.Has(ref)
}

func (s shaped) by() string { return strings.Join(s.group, ", ") }
