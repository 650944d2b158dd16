package dashboard

import (
	"context"
	"errors"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/dashboard/explore"
)

const (
	// firstRowsIn is how long a request waits for the first rows; the rest is still being listed.
	firstRowsIn = 5 * time.Second
	// redactFrom is the length of a cell in bytes from which it can contain a secret.
	redactFrom = 16
)

// Rows of a kind, as the API server prints them.
type Rows struct {
	Columns []explore.Column `json:"columns" nullable:"false" doc:"Columns, as kubectl get has them."`
	Rows    []explore.Row    `json:"rows" nullable:"false" doc:"Rows of this page."`
	Total   int              `json:"total" doc:"Number of rows that match, on all pages."`
	All     int              `json:"all" doc:"Number of rows."`
	Partial bool             `json:"partial" doc:"True while the rest is still being listed."`
	Cut     bool             `json:"cut" doc:"True if rows are left out, since the dashboard keeps at most 200,000 rows of all lists."`
	ReadAt  time.Time        `json:"readAt" doc:"Time of the last answer of the API server."`
}

type rowsInput struct {
	Resource string `path:"resource" maxLength:"253" pattern:"^[a-z][a-z0-9]*([.-][a-z0-9]+)*$" doc:"Resource, with its group."`
	Query
}

type rowsOutput struct{ Body Rows }

// listRows reads rows once. Pages get them by the socket.
func (s *Server) listRows(ctx context.Context, input *rowsInput) (*rowsOutput, error) {
	viewer := identityOf(ctx).viewer
	holder, err := s.holder(viewer)
	if err != nil {
		return nil, failed(err)
	}
	view, err := s.join(ctx, viewer, holder, input.Resource, input.Namespace)
	if err != nil {
		return nil, err
	}
	defer view.Close()
	query := explore.Query{Search: input.Q, Sort: input.Sort, From: input.Offset, To: input.Offset + input.Limit}
	timeout := time.NewTimer(firstRowsIn)
	defer timeout.Stop()
	for {
		window := view.Window(query)
		if window.Err != nil {
			return nil, failed(window.Err)
		}
		if !window.Partial || len(window.Rows) == input.Limit {
			return &rowsOutput{s.rowsOf(window)}, nil
		}
		select {
		case <-holder.Changed():
		case <-timeout.C:
			return &rowsOutput{s.rowsOf(window)}, nil
		case <-ctx.Done():
			return nil, failed(ctx.Err())
		}
	}
}

// holder of tables that are read as a viewer.
func (s *Server) holder(viewer Viewer) (*explore.Holder, error) {
	client, err := s.cluster.any(viewer)
	if err != nil {
		return nil, err
	}
	return explore.NewHolder(viewer.key(), explore.NewReader(client)), nil
}

// any is a client for all paths of the API server that acts as a viewer. It has no timeout.
func (c *cluster) any(viewer Viewer) (rest.Interface, error) {
	config := c.as(viewer)
	config.GroupVersion = &schema.GroupVersion{}
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	return rest.UnversionedRESTClientFor(config)
}

// join the tables of a resource that the viewer can read. For an unknown resource, and for one that the viewer cannot list, there are none.
func (s *Server) join(ctx context.Context, viewer Viewer, holder *explore.Holder, id, namespace string) (*explore.View, error) {
	scopes, err := s.tablesOf(ctx, viewer, id, namespace)
	if err != nil {
		return nil, err
	}
	view, err := s.tables.Join(holder, scopes)
	if errors.Is(err, explore.ErrTooMany) {
		return nil, problem(http.StatusServiceUnavailable, "Too many lists are open. Close some, and try again.")
	}
	return view, err
}

// tablesOf a resource that the viewer can read.
func (s *Server) tablesOf(ctx context.Context, viewer Viewer, id, namespace string) ([]explore.Scope, error) {
	all, err := s.catalog.all()
	if err != nil {
		return nil, failed(err)
	}
	r, ok := all[id]
	if !ok {
		return []explore.Scope{}, nil
	}
	namespaces, err := s.scopesFor(ctx, viewer, r, namespace)
	if err != nil {
		return nil, failed(err)
	}
	if err := s.withoutGap(ctx, viewer, r); err != nil && len(namespaces) > 0 {
		return nil, err
	}
	scopes := make([]explore.Scope, 0, len(namespaces))
	for _, scope := range namespaces {
		at := explore.Scope{Group: r.Group, Version: r.Version, Resource: r.Resource, Namespace: scope}
		if !answersAlike(r.Group) {
			at.Viewer = viewer.key()
		}
		scopes = append(scopes, at)
	}
	return scopes, nil
}

// answersAlike reports whether all viewers who can list a resource of a group get the same rows. It is so for Kubernetes' own groups and
// for KubeOps. Any other group can be that of an aggregated API, which may select rows by who asks: projects of OpenShift, policies of
// Calico.
func answersAlike(group string) bool {
	return scheme.Scheme.IsGroupRegistered(group) || group == v1alpha1.GroupVersion().Group
}

func (s *Server) rowsOf(window explore.Window) Rows {
	view := Rows{
		Columns: notNil(window.Columns), Rows: make([]explore.Row, 0, len(window.Rows)), Total: window.Total, All: window.All,
		Partial: window.Partial, Cut: window.Cut, ReadAt: window.ReadAt.UTC(),
	}
	for _, row := range window.Rows {
		view.Rows = append(view.Rows, s.rowOf(row))
	}
	if view.ReadAt.IsZero() {
		view.ReadAt = s.now()
	}
	return view
}

// rowOf a table, without secrets. The row itself is shared.
func (s *Server) rowOf(row *explore.Row) explore.Row {
	shown := *row
	shown.Cells = make([]string, len(row.Cells))
	for i, cell := range row.Cells {
		if len(cell) >= redactFrom {
			cell = s.redactor.Text(cell)
		}
		shown.Cells[i] = cell
	}
	return shown
}
