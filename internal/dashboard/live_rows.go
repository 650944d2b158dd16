package dashboard

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"k8s.io/apimachinery/pkg/util/validation"

	"kubeops.io/kubeops/internal/dashboard/explore"
)

const (
	// topicRows sends rows of a kind, as the API server prints them.
	topicRows = "rows"
	// maxWindow of rows that a page shows at the same time.
	maxWindow = 500
	// maxText of a search and of the name of a column, in bytes.
	maxText = 200
)

// liveRows is a part of the rows, or what changed of it.
type liveRows struct {
	Columns []explore.Column `json:"columns,omitempty"`
	Total   int              `json:"total"`
	All     int              `json:"all"`
	Partial bool             `json:"partial"`
	Cut     bool             `json:"cut"`
	// From is the first row of the window, and Length the number of its rows.
	From   int      `json:"from"`
	Length int      `json:"length"`
	Set    []setRow `json:"set"`
}

// setRow is the row at a position.
type setRow struct {
	At  int         `json:"i"`
	Row explore.Row `json:"row"`
}

// rowsTopic is one subscription to rows. It remembers what the page shows, and not the rows.
type rowsTopic struct {
	op      operation
	view    *explore.View
	sent    []string // uid and version of each row of the window
	version uint64
}

func (t *rowsTopic) query() explore.Query {
	return explore.Query{Search: t.op.Q, Sort: t.op.Sort, From: t.op.Window[0], To: t.op.Window[1]}
}

// valid limits what a page asks for.
func (o operation) valid() bool {
	from, to := o.Window[0], o.Window[1]
	return from >= 0 && to >= from && to-from <= maxWindow && len(o.Q) <= maxText && len(o.Sort) <= maxText && isNamespace(o.Namespace)
}

// isNamespace reports whether a text is empty or can be the name of a namespace.
func isNamespace(text string) bool { return text == "" || len(validation.IsDNS1123Label(text)) == 0 }

func (c *connection) subscribeRows(ctx context.Context, op operation) error {
	if !op.valid() {
		return c.invalid(ctx, op.ID)
	}
	readCtx, cancel := context.WithTimeout(ctx, requestTimeout)
	view, err := c.server.join(readCtx, c.viewer, c.holder, op.Resource, op.Namespace)
	cancel()
	if err != nil {
		return c.endTopic(ctx, op.ID, err)
	}
	if len(view.Scopes()) == 0 {
		return c.send(ctx, end(op.ID, http.StatusNotFound, "revoked", notFound, false))
	}
	topic := &rowsTopic{op: op, view: view}
	c.rows[op.ID] = topic
	return c.sendRows(ctx, topic, "snap")
}

// move changes the window, the search or the order of a subscription.
func (c *connection) move(ctx context.Context, op operation) error {
	if !op.valid() {
		return c.invalid(ctx, op.ID)
	}
	topic := c.rows[op.ID]
	topic.op.Window = op.Window
	topic.op.Q = op.Q
	topic.op.Sort = op.Sort
	return c.sendRows(ctx, topic, "snap")
}

func (c *connection) invalid(ctx context.Context, id int) error {
	return c.send(ctx, end(id, http.StatusUnprocessableEntity, "unknown", "The window has at most 500 rows, and texts 200 bytes.", false))
}

// flushRows sends what changed.
func (c *connection) flushRows(ctx context.Context) error {
	if err := c.pause(ctx); err != nil {
		return err
	}
	for _, topic := range c.rows {
		if err := c.sendRows(ctx, topic, "diff"); err != nil {
			return err
		}
	}
	return nil
}

// sendRows sends all rows of the window, or those that differ from what the page shows.
func (c *connection) sendRows(ctx context.Context, topic *rowsTopic, kind string) error {
	window := topic.view.Window(topic.query())
	switch {
	case window.Err != nil:
		c.leave(topic.op.ID)
		return c.endTopic(ctx, topic.op.ID, failed(window.Err))
	case kind == "diff" && window.Version == topic.version:
		return nil
	}
	rows := &liveRows{
		Total: window.Total, All: window.All, Partial: window.Partial, Cut: window.Cut, From: topic.op.Window[0], Length: len(window.Rows),
		Set: []setRow{},
	}
	if kind == "snap" || topic.version == 0 || len(topic.sent) == 0 {
		rows.Columns = window.Columns
		topic.sent = nil
	}
	shown := make([]string, len(window.Rows))
	for i, row := range window.Rows {
		shown[i] = row.UID + " " + row.Version
		if i >= len(topic.sent) || topic.sent[i] != shown[i] {
			rows.Set = append(rows.Set, setRow{rows.From + i, c.server.rowOf(row)})
		}
	}
	topic.sent = shown
	topic.version = window.Version
	at := c.server.now()
	if !window.ReadAt.IsZero() && window.Partial {
		at = window.ReadAt
	}
	return c.send(ctx, liveMessage{Type: kind, ID: topic.op.ID, At: at.UnixMilli(), Rows: rows})
}

// endTopic says why a subscription ended.
func (c *connection) endTopic(ctx context.Context, id int, reason error) error {
	var found *huma.ErrorModel
	if !errors.As(reason, &found) {
		found = problem(http.StatusBadGateway, "The API server cannot be read.")
	}
	if found.Status == http.StatusNotFound {
		return c.send(ctx, end(id, found.Status, "revoked", found.Detail, false))
	}
	// What the dashboard lacks, or has too much of, does not change within seconds.
	return c.send(ctx, end(id, found.Status, "unavailable", found.Detail, found.Status != http.StatusServiceUnavailable))
}

// recheckRows ends subscriptions whose viewer cannot read the same as before. The page subscribes again, to what is left.
func (c *connection) recheckRows(ctx context.Context) error {
	for id, topic := range c.rows {
		readCtx, cancel := context.WithTimeout(ctx, requestTimeout)
		scopes, err := c.server.tablesOf(readCtx, c.viewer, topic.op.Resource, topic.op.Namespace)
		cancel()
		switch {
		case err != nil:
			c.leave(id)
			err = c.endTopic(ctx, id, err)
		case !slices.Equal(scopes, topic.view.Scopes()):
			c.leave(id)
			err = c.send(ctx, end(id, http.StatusNotFound, "revoked", notFound, len(scopes) > 0))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
