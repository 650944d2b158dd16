package trend

import (
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// source is a pair of metrics with which a library, proxy or server counts requests and measures their durations.
type source struct {
	// total counts requests; buckets is the histogram of durations.
	total, buckets string
	// status lists the labels that may hold the outcome; bad matches server errors.
	status []string
	bad    string
	// seconds is the unit of the buckets.
	seconds  float64
	matchers string
	// groups of labels that identify the object, in order of preference: the first complete group is used.
	groups [][]string
	// object returns the object of those labels; nil for target labels.
	object func(r *reader, labels map[string]string) (facts.Ref, bool)
	// unless is the total of another source that counts the same requests; this source is skipped if it exists.
	unless string
}

const serverErrors = "5..|5xx"

// targetGroups are the labels of a target. The server reduces a Pod's name to that of its workload; see owner.
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
			total: "http_request_duration_seconds_count", status: http, bad: serverErrors, groups: targetGroups(),
			unless: "http_requests_total",
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
			status: []string{"status"}, bad: serverErrors, seconds: 1,
			groups: [][]string{{"exported_namespace", "ingress"}, {"namespace", "ingress"}},
		},
		{
			total: "grpc_server_handled_total", buckets: "grpc_server_handling_seconds_bucket", status: []string{"grpc_code"},
			bad: "Unknown|Internal|Unavailable|DataLoss|DeadlineExceeded", seconds: 1, groups: targetGroups(),
		},
		{ // its durations have too many series to query
			total: "apiserver_request_total", status: []string{"code"}, bad: serverErrors, groups: [][]string{{}}, object: apiServer,
		},
	}
}

func destination(r *reader, labels map[string]string) (facts.Ref, bool) {
	return r.scope.Workload(labels["destination_workload_namespace"], labels["destination_workload"])
}

func apiServer(r *reader, _ map[string]string) (facts.Ref, bool) {
	ref := facts.Ref{Kind: facts.Service, Namespace: "default", Name: "kubernetes"}
	return ref, r.scope.Has(ref) && r.scope.Cluster()
}

// shaped is a source with the labels that it has.
type shaped struct {
	source
	// group is the labels to sum by, code the label of the outcome; empty if there is none.
	group []string
	code  string
	// pod is the label that is reduced to the name of the workload; empty if none is.
	pod string
}

// shapeOf fits a source to the labels that it has; false if they identify no object.
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

// namespace returns the label of the namespace; empty if there is none.
func (s shaped) namespace() string {
	if len(s.group) == 0 {
		return ""
	}
	return s.group[0]
}

const (
	ownerLabel = "kubeops_owner"
	// ownerPattern strips the suffix that controllers append to a Pod's name: an ordinal, or five random characters, for
	// Deployments after the hash of the template.
	ownerPattern = `(.+?)(?:-[0-9]+|-` + random + `{6,10}-` + random + `{5}|-` + random + `{5})`
	// random is the alphabet of Kubernetes' generated names (k8s.io/apimachinery/pkg/util/rand).
	random = `[bcdfghjklmnpqrstvwxz2456789]`
)

// owner lets the server reduce the Pod's name, so the response has one series per workload across all its Pods.
func (s shaped) owner(expression string) string {
	if s.pod == "" {
		return expression
	}
	whole := `label_replace(` + expression + `, "` + ownerLabel + `", "$1", "` + s.pod + `", "(.+)")`
	return `label_replace(` + whole + `, "` + ownerLabel + `", "$1", "` + s.pod + `", "` + ownerPattern + `")`
}

// objectOf returns the object that the labels of a result identify.
func (r *reader) objectOf(s shaped, labels map[string]string) (facts.Ref, bool) {
	if s.object != nil {
		return s.object(r, labels)
	}
	if s.pod != "" {
		return r.scope.Owner(labels[s.group[0]], labels[ownerLabel])
	}
	kind := facts.Service
	if s.group[1] == "ingress" {
		kind = facts.Ingress
	}
	ref := facts.Ref{Kind: kind, Namespace: labels[s.group[0]], Name: labels[s.group[1]]}
	return ref, r.scope.Has(ref)
}

func (s shaped) by() string { return strings.Join(s.group, ", ") }
