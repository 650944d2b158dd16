// Package elasticsearch is the log backend for Elasticsearch 6.8 to 9 and OpenSearch 1 to 3. It speaks plain HTTP in the part of
// the API that all of them share; where they differ, it goes by the version that the server tells. Times are whole milliseconds,
// which these servers sort by.
package elasticsearch

import (
	"context"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
)

// known is how long a server's description of itself and its fields is trusted.
const known = time.Minute

// Flavors of servers.
const (
	flavorElasticsearch = "elasticsearch"
	flavorOpenSearch    = "opensearch"
	flavorUnknown       = "unknown"
)

// Provider is a log backend. It implements every optional interface of the contract.
type Provider struct {
	client            *provider.Client
	index, writeIndex string
	fields            logs.Fields

	mu       sync.Mutex
	server   server
	serverAt time.Time
	mapping  *mapping
	docType  string
}

var (
	_ logs.Provider        = (*Provider)(nil)
	_ logs.Writer          = (*Provider)(nil)
	_ logs.Tailer          = (*Provider)(nil)
	_ logs.Histogrammer    = (*Provider)(nil)
	_ logs.LabelLister     = (*Provider)(nil)
	_ logs.RetentionReader = (*Provider)(nil)
)

// Close closes idle connections.
func (p *Provider) Close() { p.client.Close() }

// server is what the root of the API tells. The zero value is one that does not allow it: it is taken for a recent one.
type server struct {
	flavor, version string
	major, minor    int
}

// before reports that it is an Elasticsearch older than a version.
func (s server) before(major, minor int) bool {
	return s.flavor == flavorElasticsearch && (s.major < major || (s.major == major && s.minor < minor))
}

// typed reports that documents have a type.
func (s server) typed() bool { return s.before(7, 0) }

// interval is the name of a histogram's fixed width.
func (s server) interval() string {
	if s.before(7, 2) {
		return "interval"
	}
	return "fixed_interval"
}

// foldsCase reports that wildcard queries can ignore the case.
func (s server) foldsCase() bool { return !s.before(7, 10) }

// about reads version and flavor, or gives back what was read within the last minute. Credentials that cannot read them get
// the zero server.
func (p *Provider) about(ctx context.Context, fresh bool) (server, error) {
	p.mu.Lock()
	cached, at := p.server, p.serverAt
	p.mu.Unlock()
	if !fresh && time.Since(at) < known {
		return cached, nil
	}
	var answer struct {
		Tagline string
		Version struct{ Number, Distribution string }
	}
	err := p.client.JSON(ctx, provider.Request{Operation: "info", Path: "/", MaxBytes: provider.ProbeBytes}, &answer)
	var found server
	switch {
	case reason(err) == v1alpha1.ReasonForbidden:
	case err != nil:
		return server{}, err
	default:
		number := regexp.MustCompile(`^([0-9]{1,4})\.([0-9]{1,4})[0-9A-Za-z.+-]{0,40}$`).FindStringSubmatch(answer.Version.Number)
		if number == nil {
			return server{}, p.client.Invalid(nil)
		}
		found = server{version: number[0], flavor: flavorElasticsearch}
		found.major, _ = strconv.Atoi(number[1])
		found.minor, _ = strconv.Atoi(number[2])
		// OpenSearch can be configured to report itself as Elasticsearch 7.10.2; its tagline stays.
		if answer.Version.Distribution == flavorOpenSearch || strings.Contains(answer.Tagline, "OpenSearch") {
			found.flavor = flavorOpenSearch
		}
	}
	p.mu.Lock()
	p.server = found
	p.serverAt = time.Now()
	p.mu.Unlock()
	return found, nil
}

// reason of a problem, or "".
func reason(err error) string {
	if p := problem.As(err); p != nil {
		return p.Reason
	}
	return ""
}

// untold reports that a server does not have what was asked for: another version or distribution answers 400, 404 or 405.
func untold(err error) bool {
	r := reason(err)
	return r == v1alpha1.ReasonNotFound || r == v1alpha1.ReasonInvalidQuery
}

// post is a request with a JSON body.
func post(operation, path string, body []byte) provider.Request {
	return provider.Request{Operation: operation, Method: http.MethodPost, Path: path, Body: body, ContentType: "application/json"}
}
