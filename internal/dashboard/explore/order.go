package explore

import (
	"cmp"
	"container/list"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// maxOrderings that are kept, and maxOrdered rows of all of them together, 8 bytes each.
	maxOrderings = 1024
	maxOrdered   = 2_000_000
	// orderingFor is how long an ordering is kept that no one uses: it follows no changes, and its rows of before stay in memory.
	orderingFor = time.Minute
)

// ordering is the rows that match a search, in the order of a column. Views that ask the same share it. It follows the changes of its
// tables: a change costs a search in what is sorted already, however many views look at it.
type ordering struct {
	sort, search string

	mu      sync.Mutex
	tables  []*table
	seen    []uint64 // number of the next change of each table
	columns []Column
	rows    []*Row
	compare func(a, b *Row) int
	match   func(*Row) bool
}

// window brings the ordering up to date. It returns how many rows match, and those of a part.
func (o *ordering) window(tables []*table, columns []Column, from, to int) (total int, rows []*Row) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.Equal(o.tables, tables) || !slices.Equal(o.columns, columns) || !o.follow() {
		o.rebuild(tables, columns)
	}
	from = min(max(from, 0), len(o.rows))
	return len(o.rows), slices.Clone(o.rows[from:max(from, min(to, len(o.rows)))])
}

// rebuild from all rows.
func (o *ordering) rebuild(tables []*table, columns []Column) {
	o.tables = slices.Clone(tables)
	o.columns = slices.Clone(columns)
	o.compare = comparison(columns, o.sort)
	o.match = matching(o.search)
	o.seen = make([]uint64, len(tables))
	o.rows = nil
	for i, t := range tables {
		t.mu.RLock()
		o.seen[i] = t.next()
		for _, row := range t.rows {
			if o.match(row) {
				o.rows = append(o.rows, row)
			}
		}
		t.mu.RUnlock()
	}
	slices.SortFunc(o.rows, o.compare)
}

// follow the changes since the last time. It is false if a table no longer has them all.
func (o *ordering) follow() bool {
	for i, t := range o.tables {
		if !o.followTable(i, t) {
			return false
		}
	}
	return true
}

func (o *ordering) followTable(i int, t *table) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if o.seen[i] < t.firstChange || o.seen[i] > t.next() {
		return false
	}
	for _, change := range t.changes[o.seen[i]-t.firstChange:] {
		if change.before != nil && o.match(change.before) {
			at, found := slices.BinarySearchFunc(o.rows, change.before, o.compare)
			if !found {
				return false
			}
			o.rows = slices.Delete(o.rows, at, at+1)
		}
		if change.after != nil && o.match(change.after) {
			at, _ := slices.BinarySearchFunc(o.rows, change.after, o.compare)
			o.rows = slices.Insert(o.rows, at, change.after)
		}
	}
	o.seen[i] = t.next()
	return true
}

// orderings are those that were used last.
type orderings struct {
	mu    sync.Mutex
	used  *list.List // of *kept, the last used first
	byKey map[orderKey]*list.Element
	rows  int
}

type orderKey struct{ scopes, sort, search string }

// kept ordering, with the number of its rows when it was used last.
type kept struct {
	*ordering
	key  orderKey
	rows int
	used time.Time
}

func newOrderings() *orderings {
	return &orderings{used: list.New(), byKey: map[orderKey]*list.Element{}}
}

// get an ordering. A new one has no rows yet. Those that were not used for a while are forgotten.
func (o *orderings) get(key orderKey, now time.Time) *ordering {
	o.mu.Lock()
	defer o.mu.Unlock()
	found := o.byKey[key]
	if found == nil {
		found = o.used.PushFront(&kept{ordering: &ordering{sort: key.sort, search: key.search}, key: key})
		o.byKey[key] = found
	}
	about := found.Value.(*kept)
	about.used = now
	o.used.MoveToFront(found)
	for now.Sub(o.used.Back().Value.(*kept).used) > orderingFor {
		o.forgetLast()
	}
	return about.ordering
}

// forgetLast forgets the one that was used longest ago. The caller holds the lock.
func (o *orderings) forgetLast() {
	last := o.used.Remove(o.used.Back()).(*kept)
	o.rows -= last.rows
	delete(o.byKey, last.key)
}

// trim what was used longest ago, after an ordering has got a number of rows. The one that is in use stays, however large.
func (o *orderings) trim(key orderKey, rows int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if found := o.byKey[key]; found != nil {
		about := found.Value.(*kept)
		o.rows += rows - about.rows
		about.rows = rows
	}
	for o.used.Len() > 1 && (o.rows > maxOrdered || o.used.Len() > maxOrderings) {
		o.forgetLast()
	}
}

// clear forgets all.
func (o *orderings) clear() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.used.Init()
	clear(o.byKey)
	o.rows = 0
}

// matching reports whether all words of a search are in a row, ignoring case.
func matching(search string) func(*Row) bool {
	words := strings.Fields(strings.ToLower(search))
	return func(row *Row) bool {
		if len(words) == 0 {
			return true
		}
		text := row.text()
		return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) })
	}
}

// comparison by a column. An unknown column sorts by name. No two rows are equal: the name and the namespace decide.
func comparison(columns []Column, sorting string) func(a, b *Row) int {
	name, descending := strings.CutPrefix(sorting, "-")
	at := slices.IndexFunc(columns, func(c Column) bool { return strings.EqualFold(c.Name, name) })
	byNamespace := strings.EqualFold(name, "namespace")
	return func(a, b *Row) int {
		order := 0
		switch {
		case byNamespace:
			order = cmp.Compare(a.Namespace, b.Namespace)
		case at < 0 || at >= len(a.Cells) || at >= len(b.Cells):
			order = cmp.Compare(a.Name, b.Name)
		case columns[at].Type == typeAge:
			order = cmp.Compare(b.Cells[at], a.Cells[at]) // times of one length, in UTC
		default:
			order = compareCells(a.Cells[at], b.Cells[at])
		}
		if descending {
			order = -order
		}
		return cmp.Or(order, cmp.Compare(a.Name, b.Name), cmp.Compare(a.Namespace, b.Namespace))
	}
}

// compareCells compares numbers at the beginning of cells, such as 2/3 and 10. Texts without one are after them.
func compareCells(a, b string) int {
	x, restA, okA := leadingNumber(a)
	y, restB, okB := leadingNumber(b)
	switch {
	case okA && okB:
		return cmp.Or(cmp.Compare(x, y), cmp.Compare(restA, restB))
	case okA:
		return -1
	case okB:
		return 1
	}
	return cmp.Compare(a, b)
}

func leadingNumber(text string) (number float64, rest string, ok bool) {
	end := 0
	for end < len(text) && (text[end] >= '0' && text[end] <= '9' || text[end] == '.') {
		end++
	}
	number, err := strconv.ParseFloat(text[:end], 64)
	return number, text[end:], err == nil
}
