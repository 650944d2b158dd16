package explore

import (
	"time"
)

// Query selects and orders rows.
type Query struct {
	// Search has words that all must be in a row, ignoring case.
	Search string
	// Sort is the name of a column, or namespace. A leading - sorts descending. Default: name.
	Sort string
	// From and To are the first row and the one after the last.
	From, To int
}

// Window is a part of the rows that match.
type Window struct {
	Columns []Column
	Rows    []*Row
	// Total is the number of rows that match, and All of all rows.
	Total, All int
	// Partial is true while the rest is still being listed, and Cut if rows are left out since there are too many.
	Partial, Cut bool
	// Err is why the API server cannot be read at the moment.
	Err error
	// ReadAt is the time of the oldest answer of the API server that is part of it. Zero before the first one.
	ReadAt time.Time
	// Version changes with every change.
	Version uint64
}

// View of a holder on one or more tables. A View is not for concurrent use.
type View struct {
	pool   *Pool
	holder *Holder
	scopes []Scope
	key    string // the same for views of the same scopes
	tables []*table
}

// Close leaves the tables.
func (v *View) Close() {
	for _, at := range v.scopes {
		v.pool.leave(at, v.holder)
	}
	v.scopes = nil
}

// Scopes of the view.
func (v *View) Scopes() []Scope { return v.scopes }

// Window returns rows. Rows must not be changed.
func (v *View) Window(query Query) Window {
	window := Window{}
	for _, t := range v.tables {
		t.mu.RLock()
		if len(t.columns) > 0 {
			window.Columns = t.columns
		}
		window.All += len(t.rows)
		window.Partial = window.Partial || !t.complete
		window.Cut = window.Cut || t.cut
		window.Version += t.version
		if t.err != nil {
			window.Err = t.err
		}
		if refused := t.refused[v.holder.Viewer]; refused != nil {
			window.Err = refused
		}
		if window.ReadAt.IsZero() || t.readAt.Before(window.ReadAt) {
			window.ReadAt = t.readAt
		}
		t.mu.RUnlock()
	}
	key := orderKey{v.key, query.Sort, query.Search}
	window.Total, window.Rows = v.pool.orders.get(key, v.pool.clock.Now()).window(v.tables, window.Columns, query.From, query.To)
	v.pool.orders.trim(key, window.Total)
	return window
}
