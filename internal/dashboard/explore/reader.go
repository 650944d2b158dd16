package explore

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
)

const (
	// asTable asks for what `kubectl get` prints.
	asTable = "application/json;as=Table;v=v1;g=meta.k8s.io"
	// firstPage is small, so that the first rows are there at once.
	firstPage = 100
	pageSize  = 500
	// maxCell in runes.
	maxCell = 300
	// listTimeout of one page.
	listTimeout = 30 * time.Second
)

// Page of a list.
type Page struct {
	Columns           []Column
	Rows              []*Row
	Continue, Version string
}

// Event of a watch. Without a row it is a bookmark. Columns are set only if they were sent.
type Event struct {
	Columns []Column
	Row     *Row
	Deleted bool
}

// Reader reads tables as one viewer.
type Reader interface {
	// List returns a page, the first one without a token.
	List(ctx context.Context, at Scope, token string) (Page, error)
	// Watch from a version until it ends. It returns the version to continue from.
	Watch(ctx context.Context, at Scope, version string, visit func(Event)) (string, error)
}

// NewReader that sends requests with a client. The client must not have a timeout, which would end watches.
func NewReader(client rest.Interface) Reader { return &reader{client, newCells(), clock.RealClock{}} }

type reader struct {
	client rest.Interface
	cells  cells
	clock  clock.PassiveClock
}

// Path of a resource on the API server, and of an object of it with a name.
func (s Scope) Path(name string) []string {
	segments := []string{"apis", s.Group, s.Version}
	if s.Group == "" {
		segments = []string{"api", s.Version}
	}
	if s.Namespace != "" {
		segments = append(segments, "namespaces", s.Namespace)
	}
	segments = append(segments, s.Resource)
	if name != "" {
		segments = append(segments, name)
	}
	return segments
}

// List implements Reader.
func (r *reader) List(ctx context.Context, at Scope, token string) (Page, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	size := pageSize
	request := r.client.Get().AbsPath(at.Path("")...).SetHeader("Accept", asTable).Param("includeObject", "Metadata")
	if token == "" {
		size = firstPage
	} else {
		request = request.Param("continue", token)
	}
	body, err := request.Param("limit", strconv.Itoa(size)).Stream(ctx)
	if err != nil {
		return Page{}, err
	}
	defer func() { _ = body.Close() }()
	return decodePage(body, at.Resource, r.cells.at(r.clock.Now()))
}

// Watch implements Reader.
func (r *reader) Watch(ctx context.Context, at Scope, version string, visit func(Event)) (string, error) {
	body, err := r.client.Get().AbsPath(at.Path("")...).SetHeader("Accept", asTable).Param("includeObject", "Metadata").
		Param("watch", "true").Param("allowWatchBookmarks", "true").Param("resourceVersion", version).Stream(ctx)
	if err != nil {
		return version, err
	}
	defer func() { _ = body.Close() }()
	var columns []Column
	decoder := json.NewDecoder(body)
	for {
		var event struct {
			Type   watch.EventType `json:"type"`
			Object json.RawMessage `json:"object"`
		}
		switch err := decoder.Decode(&event); {
		case errors.Is(err, io.EOF), ctx.Err() != nil:
			return version, nil
		case err != nil:
			return version, err
		}
		if event.Type == watch.Error {
			var status metav1.Status
			if err := json.Unmarshal(event.Object, &status); err != nil {
				return version, err
			}
			return version, &apierrors.StatusError{ErrStatus: status}
		}
		var found struct {
			Columns []metav1.TableColumnDefinition `json:"columnDefinitions"`
			Rows    []printed                      `json:"rows"`
		}
		if err := json.Unmarshal(event.Object, &found); err != nil {
			return version, err
		}
		sent := columnsOf(found.Columns) // only the first event has them
		if len(sent) > 0 {
			columns = sent
		}
		for i := range found.Rows {
			row, err := found.Rows[i].row(columns, r.cells.at(r.clock.Now()))
			if err != nil {
				return version, err
			}
			version = row.Version
			if event.Type == watch.Bookmark {
				row = nil
			}
			visit(Event{Columns: sent, Row: row, Deleted: event.Type == watch.Deleted})
		}
	}
}
