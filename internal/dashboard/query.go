package dashboard

import (
	"context"
	"net/http"
	"strings"
	"time"

	"kubeops.io/kubeops/internal/printable"
	backendproblem "kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/secretref"
)

const (
	// maxQueries of one viewer, maxTenantQueries of the backends of one namespace, and maxAllQueries, at the same time. Who writes a
	// backend decides how long it takes to answer, and can be several viewers. The bytes of answers have a limit of their own.
	maxQueries       = 2
	maxTenantQueries = 3
	maxAllQueries    = 12
	// maxQueryBytes of an answer of a MetricsBackend, whatever its budget allows.
	maxQueryBytes = 4 << 20
	// queryTimeout of one question to a backend.
	queryTimeout = 20 * time.Second
	tooManyQuery = "Too many queries of backends are in progress. Try again."
)

// Question to a backend about one namespace.
type Question struct {
	Namespace string `path:"namespace" maxLength:"63" pattern:"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" doc:"Namespace of the backend."`
	Name      string `path:"name" maxLength:"253" pattern:"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$" doc:"Name."`
	About     string `query:"about" maxLength:"63" pattern:"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$" doc:"Namespace of the data."`
	Minutes   int    `query:"minutes" minimum:"1" maximum:"1440" default:"60" doc:"Length of the time until now."`
}

// about is the namespace of what is asked for.
func (q *Question) about() string {
	if q.About != "" {
		return q.About
	}
	return q.Namespace
}

// mayAsk checks the permission on what is asked for, beside that on the backend: a backend stores the data of everyone. It reserves a place
// for the query of a backend in a namespace, which must be released.
func (s *Server) mayAsk(ctx context.Context, namespace string, p permission) (release func(), err error) {
	viewer := identityOf(ctx).viewer
	allowed, err := s.access.allowed(ctx, viewer, p)
	if err != nil {
		return nil, failed(err)
	}
	if !allowed {
		return nil, problem(http.StatusNotFound, notFound)
	}
	release, ok := s.queries.acquire(viewer.key(), namespace)
	if !ok {
		return nil, problem(http.StatusTooManyRequests, tooManyQuery)
	}
	return release, nil
}

// queryPlaces limit the queries at the same time.
type queryPlaces struct{ viewers, tenants, all *counter }

func newQueryPlaces() *queryPlaces {
	return &queryPlaces{viewers: newCounter(maxQueries), tenants: newCounter(maxTenantQueries), all: newCounter(maxAllQueries)}
}

// acquire a place for a query of a viewer to a backend in a namespace. It is false if there is none.
func (q *queryPlaces) acquire(viewer, namespace string) (release func(), ok bool) {
	release, full := acquireAll(place{q.viewers, viewer}, place{q.tenants, namespace}, place{of: q.all})
	return release, full < 0
}

// queryGap is why a backend cannot be queried by the dashboard at all. Empty if it can.
func (s *Server) queryGap(kind, namespace, name string, spec any) string {
	if s.options.Backends == nil {
		return "Queries of backends are disabled: start the dashboard with --query-backends."
	}
	if secrets := secretref.Names(spec); len(secrets) > 0 {
		return kind + " " + namespace + "/" + name + " refers to Secrets (" + strings.Join(secrets, ", ") +
			"), which the dashboard cannot read. Open the server itself, or use a backend without credentials."
	}
	return ""
}

// answerGap is why a backend did not answer. Its messages never quote a response.
func (s *Server) answerGap(err error) string {
	if p := backendproblem.As(err); p != nil {
		return printable.Line(s.redactor.Text(p.Message))
	}
	return "The backend did not answer as expected."
}
