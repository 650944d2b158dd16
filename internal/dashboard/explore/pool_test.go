package explore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
)

// cluster is an API with rows, which lists in pages and sends events.
type cluster struct {
	mu      sync.Mutex
	pages   [][]*Row
	gate    chan struct{} // a page after the first waits for it
	events  chan Event
	failure error
	lists   int
	readers map[string]int // watches by viewer
	refused map[string]bool
}

func newCluster(pages ...[]*Row) *cluster {
	return &cluster{pages: pages, gate: make(chan struct{}, 1000), events: make(chan Event), readers: map[string]int{}}
}

func (c *cluster) as(viewer string) Reader { return &clusterReader{c, viewer} }

type clusterReader struct {
	*cluster
	viewer string
}

func (r *clusterReader) List(ctx context.Context, _ Scope, token string) (Page, error) {
	at, _ := strconv.Atoi(token)
	if at > 0 {
		select {
		case <-r.gate:
		case <-ctx.Done():
			return Page{}, ctx.Err()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if at == 0 {
		r.lists++
	}
	if r.failure != nil {
		return Page{}, r.failure
	}
	if r.refused[r.viewer] {
		return Page{}, apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New("no role"))
	}
	page := Page{Columns: []Column{{Name: "Name", Type: typeText}, {Name: "Restarts", Type: typeNumber}, {Name: "Age", Type: typeAge}}, Version: "1"}
	if at < len(r.pages) {
		page.Rows = r.pages[at]
	}
	if at+1 < len(r.pages) {
		page.Continue = strconv.Itoa(at + 1)
	}
	return page, nil
}

func (r *clusterReader) Watch(ctx context.Context, _ Scope, version string, visit func(Event)) (string, error) {
	r.mu.Lock()
	r.readers[r.viewer]++
	r.mu.Unlock()
	for {
		select {
		case event, ok := <-r.events:
			if !ok {
				return version, apierrors.NewResourceExpired("too old")
			}
			visit(event)
		case <-ctx.Done():
			return version, nil
		}
	}
}

func row(name string, restarts int) *Row {
	return &Row{
		UID: name, Version: "1", Namespace: "shop", Name: name,
		Cells: []string{name, strconv.Itoa(restarts), time.Unix(int64(restarts), 0).UTC().Format(time.RFC3339)},
	}
}

func rowsFrom(first, count int) (rows []*Row) {
	for i := range count {
		rows = append(rows, row(fmt.Sprintf("pod-%05d", first+i), first+i))
	}
	return rows
}

func pods() Scope { return Scope{Version: "v1", Resource: "pods", Namespace: "shop"} }

func join(t *testing.T, pool *Pool, c *cluster, viewer string) (*Holder, *View) {
	t.Helper()
	holder := NewHolder(viewer, c.as(viewer))
	view, err := pool.Join(holder, []Scope{pods()})
	if err != nil {
		t.Fatal(err)
	}
	return holder, view
}

// until a window is as wanted. It waits for changes, and not for a time.
func until(t *testing.T, holder *Holder, view *View, query Query, wanted func(Window) bool) Window {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	for {
		window := view.Window(query)
		if wanted(window) {
			return window
		}
		select {
		case <-holder.Changed():
		case <-deadline.C:
			t.Fatalf("the last window has %d of %d rows, partial %v, error %v", window.Total, window.All, window.Partial, window.Err)
		}
	}
}

func complete(total int) func(Window) bool {
	return func(w Window) bool { return !w.Partial && w.Total == total && w.Err == nil }
}

func TestTheFirstRowsAreThereWhileTheRestIsStillListed(t *testing.T) {
	c := newCluster(rowsFrom(0, 100), rowsFrom(100, 500), rowsFrom(600, 500))
	pool := NewPool(clock.RealClock{})
	holder, view := join(t, pool, c, "ada")
	defer view.Close()
	query := Query{To: 50}
	first := until(t, holder, view, query, func(w Window) bool { return w.Total == 100 })
	if !first.Partial || len(first.Rows) != 50 || first.Rows[0].Name != "pod-00000" {
		t.Errorf("the first page: %+v", first)
	}
	c.gate <- struct{}{}
	c.gate <- struct{}{}
	until(t, holder, view, query, complete(1100))
}

func TestRowsFollowTheWatch(t *testing.T) {
	c := newCluster(rowsFrom(0, 3))
	pool := NewPool(clock.RealClock{})
	holder, view := join(t, pool, c, "ada")
	defer view.Close()
	until(t, holder, view, Query{To: 10}, complete(3))
	c.events <- Event{Row: row("new", 9)}
	c.events <- Event{}
	c.events <- Event{Row: row("pod-00001", 1), Deleted: true}
	window := until(t, holder, view, Query{Sort: "-Restarts", To: 10}, func(w Window) bool { return w.Total == 3 && w.Rows[0].Name == "new" })
	if window.Rows[2].Name != "pod-00000" {
		t.Errorf("the last row is %s", window.Rows[2].Name)
	}
	c.mu.Lock()
	c.pages = [][]*Row{rowsFrom(2, 2)}
	c.mu.Unlock()
	close(c.events) // 410 Gone: it lists again, and what has gone meanwhile goes
	until(t, holder, view, Query{To: 10}, func(w Window) bool { return w.Total == 2 && w.Rows[1].Name == "pod-00003" })
}

func TestRowsStayWhileTheAPIServerCannotBeRead(t *testing.T) {
	c := newCluster(rowsFrom(0, 3))
	pool := NewPool(clock.RealClock{})
	holder, view := join(t, pool, c, "ada")
	defer view.Close()
	until(t, holder, view, Query{To: 10}, complete(3))
	c.mu.Lock()
	c.failure = errors.New("connection refused")
	c.mu.Unlock()
	close(c.events)
	if window := until(t, holder, view, Query{To: 10}, func(w Window) bool { return w.Err != nil }); window.Total != 3 {
		t.Errorf("%d rows are left", window.Total)
	}
	c.mu.Lock()
	c.failure = nil
	c.events = make(chan Event)
	c.mu.Unlock()
	until(t, holder, view, Query{To: 10}, complete(3))
}

func TestAllViewersOfAScopeShareOneList(t *testing.T) {
	c := newCluster(rowsFrom(0, 3))
	pool := NewPool(clock.RealClock{})
	ada, first := join(t, pool, c, "ada")
	until(t, ada, first, Query{To: 10}, complete(3))
	sam, second := join(t, pool, c, "sam")
	until(t, sam, second, Query{To: 10}, complete(3))
	if tables, rows := pool.Size(); tables != 1 || rows != 3 {
		t.Errorf("%d tables with %d rows", tables, rows)
	}
	first.Close()                       // it continues as the other one
	c.events <- Event{Row: row("x", 1)} // the first watch may get it, and is then followed by the second
	until(t, sam, second, Query{To: 10}, complete(4))
	until(t, sam, second, Query{To: 10}, func(Window) bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.readers["sam"] == 0 {
			sam.notify()
			return false
		}
		return true
	})
	c.mu.Lock()
	if c.lists != 1 {
		t.Errorf("%d lists", c.lists)
	}
	c.mu.Unlock()
	second.Close()
	pool.mu.Lock()
	left := pool.tables[pods()]
	pool.mu.Unlock()
	if left == nil || left.idle == nil {
		t.Fatal("the table is gone at once")
	}
	pool.drop(pods(), left) // as the timer does
	if tables, rows := pool.Size(); tables != 0 || rows != 0 {
		t.Errorf("%d tables with %d rows are left", tables, rows)
	}
}

func TestAViewerWhoComesBackFindsTheTable(t *testing.T) {
	c := newCluster(rowsFrom(0, 3))
	pool := NewPool(clock.RealClock{})
	holder, view := join(t, pool, c, "ada")
	until(t, holder, view, Query{To: 10}, complete(3))
	view.Close()
	holder, view = join(t, pool, c, "ada")
	defer view.Close()
	if window := view.Window(Query{To: 10}); window.Total != 3 || window.Partial {
		t.Errorf("%+v", window)
	}
	pool.mu.Lock()
	left := pool.tables[pods()]
	pool.mu.Unlock()
	pool.drop(pods(), left) // a timer that fired a moment too late
	until(t, holder, view, Query{To: 10}, complete(3))
}

func TestAViewerCanLeaveBeforeTheTableIsRead(t *testing.T) {
	c := newCluster(rowsFrom(0, 3))
	for range 300 {
		pool := NewPool(clock.RealClock{})
		_, view := join(t, pool, c, "ada")
		view.Close() // before the first request has a holder to be sent as
	}
	holder, view := join(t, NewPool(clock.RealClock{}), c, "sam")
	defer view.Close()
	until(t, holder, view, Query{}, complete(3))
}

func TestWhatOneViewerIsRefusedOthersStillRead(t *testing.T) {
	c := newCluster(rowsFrom(0, 3))
	c.refused = map[string]bool{"ada": true} // since a moment: the review of her permissions is older
	pool := NewPool(clock.RealClock{})
	ada, first := join(t, pool, c, "ada")
	until(t, ada, first, Query{}, func(w Window) bool { return apierrors.IsForbidden(w.Err) })
	sam, second := join(t, pool, c, "sam")
	until(t, sam, second, Query{}, func(w Window) bool {
		if w.Err != nil {
			t.Errorf("sam gets the answer to ada: %v", w.Err)
		}
		return complete(3)(w)
	})
	if window := first.Window(Query{}); !apierrors.IsForbidden(window.Err) {
		t.Errorf("ada gets the rows of sam: %+v", window)
	}
	first.Close()
	second.Close()
	pool.mu.Lock()
	pool.evict(maxTables, nil)
	pool.mu.Unlock()

	ada, first = join(t, pool, c, "ada")
	until(t, ada, first, Query{}, func(w Window) bool { return apierrors.IsForbidden(w.Err) })
	first.Close() // the table stays for a while, and was read as her
	sam, second = join(t, pool, c, "sam")
	defer second.Close()
	until(t, sam, second, Query{}, func(w Window) bool {
		if w.Err != nil {
			t.Errorf("sam gets the answer to ada, who has left: %v", w.Err)
		}
		return complete(3)(w)
	})
}

func TestListsThatNoOneLooksAtMakeRoom(t *testing.T) {
	c := newCluster(rowsFrom(0, 1))
	pool := NewPool(clock.RealClock{})
	for i := range 2 * maxTables { // one viewer looks at one after the other
		view, err := pool.Join(NewHolder("ada", c.as("ada")), []Scope{{Version: "v1", Resource: "pods", Namespace: fmt.Sprint("n", i)}})
		if err != nil {
			t.Fatalf("list %d: %v", i, err)
		}
		view.Close()
	}
	if tables, _ := pool.Size(); tables > maxTables {
		t.Errorf("%d tables", tables)
	}
}

func TestAListThatIsAlwaysTooOldIsNotReadWithoutAPause(t *testing.T) {
	c := newCluster(rowsFrom(0, 1))
	close(c.events) // every watch answers 410 Gone
	pool := NewPool(clock.RealClock{})
	start := time.Now()
	holder, view := join(t, pool, c, "ada")
	defer view.Close()
	until(t, holder, view, Query{}, func(Window) bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.lists >= 3
	})
	if took := time.Since(start); took < 2*minBackoff {
		t.Errorf("three lists within %s", took)
	}
}

func TestTablesAndRowsHaveLimits(t *testing.T) {
	c := newCluster(rowsFrom(0, 10))
	pool := NewPool(clock.RealClock{})
	pool.rows.Add(maxRows - 4)
	holder, view := join(t, pool, c, "ada")
	if window := until(t, holder, view, Query{To: 10}, complete(4)); !window.Cut {
		t.Error("it does not say that rows are left out")
	}
	var scopes []Scope
	for i := range maxTablesOfViewer {
		scopes = append(scopes, Scope{Version: "v1", Resource: "pods", Namespace: fmt.Sprint("n", i)})
	}
	if _, err := pool.Join(holder, scopes); !errors.Is(err, ErrTooMany) {
		t.Errorf("one viewer has more tables: %v", err)
	}
	for i := range maxTables/maxTablesOfViewer - 1 {
		var others []Scope
		for _, scope := range scopes {
			scope.Resource = fmt.Sprint("r", i)
			others = append(others, scope)
		}
		if _, err := pool.Join(NewHolder(fmt.Sprint("viewer-", i), c.as("x")), others); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := pool.Join(NewHolder("sam", c.as("sam")), scopes); !errors.Is(err, ErrTooMany) {
		t.Errorf("there are more tables: %v", err)
	}
	view.Close()
}

func TestRowsAreOrderedAndSearched(t *testing.T) {
	columns := []Column{{Name: "Name", Type: typeText}, {Name: "Ready", Type: typeText}, {Name: "Age", Type: typeAge}}
	make3 := func() []*Row {
		var rows []*Row
		for i, cell := range []string{"10/10", "2/3", "0/1 (5m ago)"} {
			one := row(fmt.Sprint("pod-", i), i)
			one.Cells[1] = cell
			rows = append(rows, one)
		}
		return rows
	}
	for name, tc := range map[string]struct{ sort, search, want string }{
		"by name":                 {"", "", "pod-0 pod-1 pod-2"},
		"by name, descending":     {"-Name", "", "pod-2 pod-1 pod-0"},
		"by numbers, not by text": {"ready", "", "pod-2 pod-1 pod-0"},
		"the youngest first":      {"Age", "", "pod-2 pod-1 pod-0"},
		"the oldest first":        {"-Age", "", "pod-0 pod-1 pod-2"},
		"by an unknown column":    {"-none", "", "pod-2 pod-1 pod-0"},
		"by namespace, then name": {"-namespace", "", "pod-0 pod-1 pod-2"},
		"one word":                {"", "POD-1", "pod-1"},
		"all words":               {"", "shop/ 10/", "pod-0"},
		"no match":                {"", "pod-1 10/", ""},
	} {
		var names []string
		for _, found := range sorted(make3(), columns, tc.sort, tc.search) {
			names = append(names, found.Name)
		}
		if got := strings.Join(names, " "); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

// sorted rows that match, without an ordering that follows changes.
func sorted(rows []*Row, columns []Column, sorting, search string) []*Row {
	match := matching(search)
	rows = slices.DeleteFunc(rows, func(r *Row) bool { return !match(r) })
	slices.SortFunc(rows, comparison(columns, sorting))
	return rows
}
