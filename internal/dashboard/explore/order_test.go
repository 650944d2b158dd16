package explore

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/utils/clock"
	testclock "k8s.io/utils/clock/testing"
)

func free(int) bool { return true }

func testColumns() []Column {
	return []Column{{Name: "Name", Type: typeText}, {Name: "Restarts", Type: typeNumber}, {Name: "Age", Type: typeAge}}
}

// odd cells: numbers, texts, and texts that begin like numbers.
func odd(random *rand.Rand) string {
	all := []string{"", "9", "10", "95.1.2", "96", "100", "1.0", "1", "x", "-5", ".", "10.0.0.1", "3 (2026-11-28T09:00:00Z ago)", "<none>"}
	return all[random.IntN(len(all))]
}

// TestAnOrderingFollowsChanges compares it after each change with one that was sorted from all rows.
func TestAnOrderingFollowsChanges(t *testing.T) {
	for _, ask := range []struct{ sort, search string }{
		{"", ""}, {"-Restarts", ""}, {"Restarts", "pod-1"}, {"Age", "shop/ 1"}, {"-namespace", ""}, {"none", "9"},
	} {
		t.Run(ask.sort+" "+ask.search, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			tables := []*table{newTable(), newTable()}
			following := &ordering{sort: ask.sort, search: ask.search}
			for step := range 3000 {
				one := row(fmt.Sprintf("pod-%d", random.IntN(60)), random.IntN(30))
				one.Cells[1] = odd(random)
				at := random.IntN(len(tables))
				one.Namespace = []string{"shop", "lab"}[at]
				if random.IntN(3) == 0 {
					tables[at].remove(one, free, time.Time{})
				} else {
					tables[at].add(nil, []*Row{one}, nil, free, time.Time{})
				}
				if step%7 != 0 { // several changes at once
					continue
				}
				var rows []*Row
				for _, t := range tables {
					for _, row := range t.rows {
						rows = append(rows, row)
					}
				}
				want := sorted(rows, testColumns(), ask.sort, ask.search)
				total, got := following.window(tables, testColumns(), 0, 1000)
				if total != len(want) || !slices.Equal(got, want) {
					t.Fatalf("after %d changes: %d rows, want %d in another order", step+1, total, len(want))
				}
			}
		})
	}
}

func TestAnOrderingThatMissedChangesSortsAgain(t *testing.T) {
	one := newTable()
	following := &ordering{}
	following.window([]*table{one}, testColumns(), 0, 10)
	one.add(nil, rowsFrom(0, 3*maxChanges), nil, free, time.Time{})
	if len(one.changes) > maxChanges {
		t.Errorf("a table keeps %d changes", len(one.changes))
	}
	if total, rows := following.window([]*table{one}, testColumns(), 5, 7); total != 3*maxChanges || len(rows) != 2 || rows[0].Name != "pod-00005" {
		t.Errorf("%d rows: %v", total, rows)
	}
	other := newTable() // of the same scope, after the first one was dropped
	if total, _ := following.window([]*table{other}, testColumns(), 0, 10); total != 0 {
		t.Errorf("%d rows of a table that is gone", total)
	}
}

func TestViewsThatAskTheSameShareAnOrdering(t *testing.T) {
	c := newCluster(rowsFrom(0, 100))
	pool := NewPool(clock.RealClock{})
	ada, first := join(t, pool, c, "ada")
	defer first.Close()
	_, second := join(t, pool, c, "sam")
	defer second.Close()
	until(t, ada, first, Query{To: 10}, complete(100))
	second.Window(Query{To: 20})
	first.Window(Query{Search: "pod-00001"})
	if kept := pool.orders.used.Len(); kept != 2 {
		t.Errorf("%d orderings for two questions", kept)
	}
	for i := range 2 * maxOrderings { // someone types
		first.Window(Query{Search: fmt.Sprint("pod-", i)})
	}
	if kept := pool.orders.used.Len(); kept != maxOrderings {
		t.Errorf("%d orderings are kept", kept)
	}
}

func TestOrderingsHaveALimitOfRows(t *testing.T) {
	all := newOrderings()
	for i := range 5 {
		key := orderKey{search: strings.Repeat("x", i)}
		all.get(key, time.Time{})
		all.trim(key, maxOrdered/2)
	}
	if all.used.Len() != 2 || all.rows != maxOrdered {
		t.Errorf("%d orderings with %d rows", all.used.Len(), all.rows)
	}
	key := orderKey{search: "all"}
	all.get(key, time.Time{})
	all.trim(key, 10*maxOrdered)
	if all.used.Len() != 1 {
		t.Errorf("%d orderings beside one that is too large", all.used.Len())
	}
	all.clear()
	if all.used.Len() != 0 || all.rows != 0 || len(all.byKey) != 0 {
		t.Error("some are left")
	}
}

// TestOrderingsThatNoOneUsesAreForgotten: each would keep rows that have changed since, which count nowhere.
func TestOrderingsThatNoOneUsesAreForgotten(t *testing.T) {
	now := testclock.NewFakePassiveClock(time.Unix(0, 0))
	pool := NewPool(now)
	_, view := join(t, pool, newCluster(rowsFrom(0, 100)), "ada")
	defer view.Close()
	for i := range 50 { // someone types, and looks at the result
		view.Window(Query{Search: fmt.Sprint("pod-", i)})
	}
	for range 10 {
		now.SetTime(now.Now().Add(orderingFor / 5))
		view.Window(Query{Search: "pod-49"})
	}
	kept := pool.orders.used.Len()
	keys := len(pool.orders.byKey)
	if kept != 1 || keys != 1 || pool.orders.rows > 1 {
		t.Errorf("%d orderings with %d rows are kept, %d by key", kept, pool.orders.rows, keys)
	}
}

func BenchmarkAChangeOfTenThousandRows(b *testing.B) {
	one := newTable()
	one.add(nil, rowsFrom(0, 10_000), nil, free, time.Time{})
	following := &ordering{sort: "-Restarts", search: "pod"}
	following.window([]*table{one}, testColumns(), 0, 200)
	for b.Loop() {
		one.add(nil, []*Row{row("pod-05000", b.N)}, nil, free, time.Time{})
		following.window([]*table{one}, testColumns(), 0, 200)
	}
}
