package explore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"
)

const (
	// maxRows of all tables together, about 400 bytes each.
	maxRows = 200_000
	// maxTables that are read at the same time, and maxTablesOfViewer of one viewer.
	maxTables         = 128
	maxTablesOfViewer = 32
	// linger is how long a table is kept current after its last viewer has left: a viewer who turns a page comes back.
	linger = 20 * time.Second
)

// ErrTooMany is returned when more tables are open than the dashboard reads at the same time.
var ErrTooMany = errors.New("too many lists are open")

// Scope of a table: a resource of one namespace, or of all. With a viewer it is for this one alone.
type Scope struct{ Group, Version, Resource, Namespace, Viewer string }

// Pool of tables.
type Pool struct {
	clock  clock.PassiveClock
	orders *orderings

	mu     sync.Mutex
	tables map[Scope]*shared
	rows   atomic.Int64
}

// shared table, which is read as one of its holders.
type shared struct {
	*table
	holders []*Holder
	runsAs  *Holder
	restart context.CancelFunc
	stop    context.CancelFunc
	idle    *time.Timer
	left    time.Time // when the last holder left
}

// Holder looks at tables.
type Holder struct {
	// Viewer identifies who looks. Holders with the same permissions have the same.
	Viewer string
	// Reader is the API as the viewer sees it.
	Reader Reader
	wake   chan struct{}
}

// NewHolder of a viewer. Changes are signaled to Changed.
func NewHolder(viewer string, reader Reader) *Holder {
	return &Holder{Viewer: viewer, Reader: reader, wake: make(chan struct{}, 1)}
}

// Changed receives when a table has changed since the last time.
func (h *Holder) Changed() <-chan struct{} { return h.wake }

func (h *Holder) notify() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// NewPool without tables.
func NewPool(now clock.PassiveClock) *Pool {
	return &Pool{clock: now, orders: newOrderings(), tables: map[Scope]*shared{}}
}

// Join reads tables for a holder, who can list and watch all scopes: the caller has checked it.
func (p *Pool) Join(holder *Holder, scopes []Scope) (*View, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	added := 0
	held := 0
	for at, existing := range p.tables {
		of := slices.ContainsFunc(existing.holders, func(other *Holder) bool { return other.Viewer == holder.Viewer })
		if of && !slices.Contains(scopes, at) {
			held++
		}
	}
	for _, at := range scopes {
		if p.tables[at] == nil {
			added++
		}
	}
	if held+len(scopes) > maxTablesOfViewer {
		return nil, ErrTooMany
	}
	p.evict(added, scopes)
	if len(p.tables)+added > maxTables {
		return nil, ErrTooMany
	}
	view := &View{pool: p, holder: holder, scopes: scopes, key: fmt.Sprint(scopes)}
	for _, at := range scopes {
		view.tables = append(view.tables, p.hold(at, holder))
	}
	return view, nil
}

// hold a table for one more holder. The caller holds the lock.
func (p *Pool) hold(at Scope, holder *Holder) *table {
	existing := p.tables[at]
	if existing == nil {
		ctx, stop := context.WithCancel(context.Background())
		existing = &shared{table: newTable(), stop: stop, runsAs: holder}
		p.tables[at] = existing
		existing.holders = []*Holder{holder}
		go p.run(ctx, at, existing)
		return existing.table
	}
	again := existing.accept(holder.Viewer)
	if as := existing.runsAs; as != nil && existing.restart != nil &&
		(again && as.Viewer == holder.Viewer || len(existing.holders) == 0 && as.Viewer != holder.Viewer) {
		existing.restart() // it goes on as the one who is there
	}
	if existing.idle != nil {
		existing.idle.Stop()
		existing.idle = nil
	}
	existing.holders = append(existing.holders, holder)
	return existing.table
}

// leave a table. It continues as another holder, or stops after a while.
func (p *Pool) leave(at Scope, holder *Holder) {
	p.mu.Lock()
	defer p.mu.Unlock()
	existing := p.tables[at]
	if existing == nil {
		return
	}
	i := slices.Index(existing.holders, holder)
	if i < 0 {
		return
	}
	existing.holders = slices.Delete(existing.holders, i, i+1)
	switch {
	case len(existing.holders) == 0:
		existing.left = p.clock.Now()
		existing.idle = time.AfterFunc(linger, func() { p.drop(at, existing) })
	case existing.runsAs == holder && !slices.Contains(existing.holders, holder) && existing.restart != nil:
		existing.restart()
	}
}

// drop a table that no one has looked at for a while.
func (p *Pool) drop(at Scope, existing *shared) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remove(at, existing)
}

// evict tables that no one looks at, if others need their place: the one that was left first goes first. The caller holds the lock.
func (p *Pool) evict(added int, wanted []Scope) {
	var idle []Scope
	for at, existing := range p.tables {
		if len(existing.holders) == 0 && !slices.Contains(wanted, at) {
			idle = append(idle, at)
		}
	}
	slices.SortFunc(idle, func(a, b Scope) int { return p.tables[a].left.Compare(p.tables[b].left) })
	for _, at := range idle {
		if added == 0 || len(p.tables)+added <= maxTables && p.rows.Load() <= maxRows/2 {
			return
		}
		existing := p.tables[at]
		existing.idle.Stop()
		p.remove(at, existing)
	}
}

// remove a table without holders. The caller holds the lock.
func (p *Pool) remove(at Scope, existing *shared) {
	if p.tables[at] != existing || len(existing.holders) > 0 {
		return
	}
	existing.stop()
	delete(p.tables, at)
	p.rows.Add(int64(-existing.close()))
	p.orders.clear() // they can have its rows
}

// Size is the number of tables and of their rows.
func (p *Pool) Size() (tables, rows int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.tables), int(p.rows.Load())
}

// room counts rows. It is false if there is no room for more.
func (p *Pool) room(more int) bool {
	if p.rows.Add(int64(more)) > maxRows && more > 0 {
		p.rows.Add(int64(-more))
		return false
	}
	return true
}

// signal all holders of a table.
func (p *Pool) signal(of *shared) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, holder := range of.holders {
		holder.notify()
	}
}
