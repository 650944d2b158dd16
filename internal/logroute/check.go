package logroute

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/pattern"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
)

// route is a LogBackend that passed every check, in the form that both collectors print.
type route struct {
	*Backend
	// id of its components: letters, digits and _ only.
	id string
	// url without a slash at its end, in ASCII without $, { and }.
	url    string
	target Target
	selection
	// drop holds paths of fields, in segments.
	drop [][]string
	// redact holds expressions in the collector's dialect.
	redact []string
	// authorization is the value of the header, or "".
	authorization string
	pem           certificates
	// vector describes the sink of a route of Vector.
	vector logs.VectorSink
	weight weight
}

// check a LogBackend on its own, without the others.
func check(b *Backend, options Options) (*route, *problem.Problem) {
	if validation.IsDNS1123Label(b.Name.Namespace) != nil || validation.IsDNS1123Subdomain(b.Name.Name) != nil {
		return nil, invalid("the name of the resource is not valid")
	}
	r := &route{Backend: b, id: identity(b)}
	for _, step := range []func(Options) *problem.Problem{r.checkSelection, r.checkURL, r.checkFields, r.checkRedact, r.checkAuth,
		r.checkTLS, r.checkCollector} {
		if p := step(options); p != nil {
			return nil, p
		}
	}
	return r, nil
}

func invalid(format string, args ...any) *problem.Problem {
	return problem.UserError(v1alpha1.ReasonInvalidSpec, nil, format, args...)
}

func (r *route) checkSelection(options Options) (p *problem.Problem) {
	r.selection, p = selectionOf(r.Backend, slices.Contains(options.Everywhere, r.Name.Namespace))
	return p
}

// checkURL holds a URL to the rules that hold for the manager's own requests. What a name resolves to is judged by the network
// policy, since the collector resolves it.
func (r *route) checkURL(options Options) *problem.Problem {
	base, err := provider.CheckURL(r.Endpoint, options.Egress)
	if err != nil {
		if p := problem.As(err); p != nil {
			return p
		}
		return invalid("%s is not a valid URL", r.Endpoint.Fields.URL)
	}
	// $ and {} mean something to Vector's configuration and templates; % of an escape means a date where a URL is a template.
	path := strings.NewReplacer("$", "%24", "{", "%7B", "}", "%7D", "[", "%5B", "]", "%5D", "'", "%27", "#", "%23").
		Replace(base.EscapedPath())
	port, err := portOf(base)
	host := base.Hostname()
	if err != nil || !ascii(path) || (!hostName().MatchString(host) && net.ParseIP(host) == nil) {
		return invalid("%s cannot be used by a collector: it needs an ASCII host name and a port from 1 to 65535", r.Endpoint.Fields.URL)
	}
	r.url = base.Scheme + "://" + strings.TrimSuffix(base.Host, ":") + path
	r.target = Target{Host: host, Port: port}
	return nil
}

// hostName is what every parser of URLs accepts as a host, besides IP addresses: Vector does not start for another.
func hostName() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9.])?$`)
}

func portOf(u *url.URL) (int32, error) {
	if u.Port() == "" {
		if u.Scheme == "https" {
			return 443, nil
		}
		return 80, nil
	}
	port, err := strconv.ParseInt(u.Port(), 10, 32)
	if err != nil || port < 1 || port > 65535 {
		return 0, net.InvalidAddrError("no port")
	}
	return int32(port), nil
}

func ascii(text string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' })
}

// kept are fields that lines are found by: without them nothing could ask for a Pod's lines.
func kept() []string {
	return []string{
		"message", "timestamp", "@timestamp", "kubernetes",
		"kubernetes.pod_namespace", "kubernetes.pod_name", "kubernetes.container_name", "kubernetes.pod_node_name",
	}
}

func (r *route) checkFields(Options) *problem.Problem {
	segment := regexp.MustCompile(`^[A-Za-z0-9_@-]+$`)
	for _, field := range set(r.Collect.DropFields) {
		at := slices.Index(r.Collect.DropFields, field)
		if slices.Contains(kept(), field) {
			return invalid("spec.collect.dropFields[%d] is %s, which queries need; use spec.collect.redact for its content", at, field)
		}
		path := strings.Split(field, ".")
		if !segment.MatchString(path[0]) || slices.ContainsFunc(path, func(name string) bool { return !segment.MatchString(name) }) {
			return invalid(
				"spec.collect.dropFields[%d] is not a field path: use names joined by single dots, such as kubernetes.pod_annotations",
				at,
			)
		}
		r.drop = append(r.drop, path)
	}
	return nil
}

func (r *route) checkRedact(Options) *problem.Problem {
	to := rust
	if r.Collect.Collector == v1alpha1.CollectorFluentd {
		to = ruby
	}
	budget := &pattern.Budget{}
	// The order of expressions is kept: one may match what another left over.
	for i, expression := range r.Collect.Redact {
		translated, err := translate(expression, to, budget)
		if err != nil {
			return invalid("spec.collect.redact[%d] %s", i, err)
		}
		r.redact = append(r.redact, translated)
		r.weight.cost += int64(costOf(expression))
	}
	return nil
}

// checkAuth makes the header. Only letters that mean nothing to any configuration are let through: collectors differ from version
// to version in whether a secret is put into the text of the configuration or into its values.
func (r *route) checkAuth(Options) *problem.Problem {
	token := regexp.MustCompile(`^[A-Za-z0-9._~+/=-]+$`) // token68 of RFC 9110
	bad := func(field string) *problem.Problem {
		return problem.UserError(v1alpha1.ReasonInvalidSecret, nil,
			"%s contains characters that are not valid in a token; check the Secret for spaces and newlines", field)
	}
	switch a := r.Endpoint.Auth; {
	case a.BearerToken != "":
		if !token.MatchString(a.BearerToken) {
			return bad("the token of spec.auth.bearerToken")
		}
		r.authorization = "Bearer " + a.BearerToken
	case a.APIKey != "":
		if !token.MatchString(a.APIKey) {
			return bad("the key of spec.auth.apiKey")
		}
		r.authorization = "ApiKey " + a.APIKey
	case a.Username != "" || a.Password != "":
		r.authorization = "Basic " + base64.StdEncoding.EncodeToString([]byte(a.Username+":"+a.Password))
	}
	return nil
}

// place is what two routes are compared by: two of the same place store the same line twice.
func (r *route) place() string {
	return fmt.Sprintf("%s %s %s", r.Type, strings.ToLower(r.url), r.Target.Storage().Place)
}
