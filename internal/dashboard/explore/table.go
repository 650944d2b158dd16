// Package explore keeps lists of any kind as the API server prints them: one list and one watch for each scope, however many viewers look
// at it. Rows are there as soon as the first page is, and stay current until the last viewer has left.
package explore

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// Column of a table.
type Column struct {
	Name string `json:"name" doc:"Name, for example Ready."`
	Type string `json:"type" enum:"text,number,age" doc:"Type of the cells. Cells of type age are times, or texts such as <none>."`
	Wide bool   `json:"wide" doc:"True for a column that kubectl shows only with -o wide."`
}

// Row of a table.
type Row struct {
	UID       string   `json:"uid" doc:"UID of the object."`
	Version   string   `json:"version" doc:"Resource version of the object."`
	Namespace string   `json:"namespace" doc:"Namespace. Empty for an object of the cluster."`
	Name      string   `json:"name" doc:"Name."`
	Cells     []string `json:"cells" nullable:"false" doc:"Cells in the order of the columns."`
}

// text that is searched.
func (r *Row) text() string {
	return strings.ToLower(r.Namespace + "/" + r.Name + " " + strings.Join(r.Cells, " "))
}

// table is what is known of one scope.
type table struct {
	mu       sync.RWMutex
	columns  []Column
	rows     map[string]*Row // by namespace and name
	complete bool
	closed   bool
	cut      bool // rows were left out, since there are too many
	err      error
	refused  map[string]error // viewers to whom the API server refused it, until they join again
	readAt   time.Time
	version  uint64
	// changes are the last ones, so that orderings can follow. The first of them has the number firstChange.
	changes     []change
	firstChange uint64
}

// change of a row. Before is nil for a new row, and after for one that is gone.
type change struct{ before, after *Row }

// maxChanges that are kept. Who has seen fewer of them sorts again.
const maxChanges = 1024

// note a change. The caller holds the lock.
func (t *table) note(before, after *Row) {
	if len(t.changes) == maxChanges {
		t.changes = slices.Delete(t.changes, 0, maxChanges/2)
		t.firstChange += maxChanges / 2
	}
	t.changes = append(t.changes, change{before, after})
}

// next is the number of the next change. The caller holds the lock.
func (t *table) next() uint64 { return t.firstChange + uint64(len(t.changes)) }

func newTable() *table { return &table{rows: map[string]*Row{}, refused: map[string]error{}} }

// begin a list, of which add notes what is seen. What was there before stays until finish.
func (t *table) begin() (seen map[string]bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cut = false
	return map[string]bool{}
}

// add rows of a page or of a watch. It returns the number of new rows, and leaves out those for which there is no room.
func (t *table) add(columns []Column, rows []*Row, seen map[string]bool, room func(int) bool, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	if len(columns) > 0 {
		t.columns = columns
	}
	for _, row := range rows {
		key := row.Namespace + "/" + row.Name
		if seen != nil {
			seen[key] = true
		}
		before := t.rows[key]
		if before == nil && !room(1) {
			t.cut = true
			continue
		}
		t.rows[key] = row
		t.note(before, row)
	}
	t.touch(now)
}

// remove a row.
func (t *table) remove(row *Row, room func(int) bool, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := row.Namespace + "/" + row.Name
	if before := t.rows[key]; before != nil {
		delete(t.rows, key)
		t.note(before, nil)
		room(-1)
	}
	t.touch(now)
}

// finish a list: rows that were not seen are gone.
func (t *table) finish(seen map[string]bool, room func(int) bool, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, before := range t.rows {
		if !seen[key] {
			delete(t.rows, key)
			t.note(before, nil)
			room(-1)
		}
	}
	t.complete = true
	t.touch(now)
}

// touch notes that the API server was read. The caller holds the lock.
func (t *table) touch(now time.Time) {
	t.version++
	t.readAt = now
	t.err = nil
}

// fail notes that the API server cannot be read. The rows stay.
func (t *table) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.version++
	t.err = err
}

// refuse notes that the API server refused a viewer. Others may still read.
func (t *table) refuse(viewer string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.version++
	t.refused[viewer] = err
}

// accept forgets that a viewer was refused: the permission has been reviewed again. It returns whether there was a refusal.
func (t *table) accept(viewer string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, was := t.refused[viewer]
	delete(t.refused, viewer)
	return was
}

func (t *table) refusal(viewer string) error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.refused[viewer]
}

// close returns the number of rows that were there. There are none any more.
func (t *table) close() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	count := len(t.rows)
	t.rows = map[string]*Row{}
	t.changes = nil
	t.closed = true
	return count
}
