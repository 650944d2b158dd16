package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

const (
	// uncounted is how much of each response is read without waiting, in bytes: probes work while others read large responses.
	uncounted = 64 << 10
	// grant is by how much a response grows, in bytes.
	grant = 64 << 10
	// MinResponseMemory is the least that NewResponseMemory accepts, in bytes.
	MinResponseMemory = 4 << 20
)

// ResponseMemory bounds the bytes of all responses that a process reads at the same time. Each tenant gets at most half of it. A response
// that needs more than is free waits until others are closed, or until its request ends.
//
// Responses grow while they are read, so that two of them could hold what the other one waits for. Growth is therefore granted only while
// all tenants could still get their share, one after the other: the banker's algorithm with one resource. Unless a tenant can be served at
// once, this must hold without the tenant that holds the most, too: one whose responses never end delays no other. Each tenant is assumed
// to need its whole share, whatever the sizes of its open responses are, since it may open another one before it closes them. So a request
// that reads two responses at once does not wait for itself unless they exceed the share.
type ResponseMemory struct {
	limit, share int64

	mutex    sync.Mutex
	free     int64
	accounts map[string]*account
	queue    []*growth
}

// account of one tenant, as long as it has open responses.
type account struct {
	held int64
	// holding are open responses that hold something, and how many of them wait.
	holding, waiting int
	// open counts all responses.
	open int
}

// growth of a response that waits.
type growth struct {
	lease *lease
	// done gets nil, or why the growth is refused.
	done chan error
}

// shareError is a tenant whose responses need more than its share.
type shareError struct {
	share int64
	// others reports that other responses of the tenant hold a part of the share.
	others bool
}

func (e *shareError) Error() string {
	return fmt.Sprintf("over the share of %d bytes", e.share)
}

// waitError is a request that ended while it waited.
type waitError struct {
	limit int64
	cause error
}

func (e *waitError) Error() string { return "waited for memory: " + e.cause.Error() }

func (e *waitError) Unwrap() error { return e.cause }

// NewResponseMemory of a number of bytes, at least MinResponseMemory.
func NewResponseMemory(bytes int64) *ResponseMemory {
	bytes = max(bytes, MinResponseMemory)
	return &ResponseMemory{limit: bytes, share: bytes / 2, free: bytes, accounts: map[string]*account{}}
}

// For is the share of a tenant, such as a namespace. Of a nil ResponseMemory it is nil, which bounds nothing.
func (m *ResponseMemory) For(tenant string) *ResponseShare {
	if m == nil {
		return nil
	}
	return &ResponseShare{memory: m, tenant: tenant}
}

// Limit in bytes.
func (m *ResponseMemory) Limit() int64 { return m.limit }

// InUse is how many bytes are held now.
func (m *ResponseMemory) InUse() int64 {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.limit - m.free
}

// ResponseShare is what the responses of one tenant may take of a ResponseMemory. A nil share bounds nothing.
type ResponseShare struct {
	memory *ResponseMemory
	tenant string
}

// open a response.
func (s *ResponseShare) open() *lease {
	if s == nil {
		return nil
	}
	s.memory.mutex.Lock()
	defer s.memory.mutex.Unlock()
	a := s.memory.accounts[s.tenant]
	if a == nil {
		a = &account{}
		s.memory.accounts[s.tenant] = a
	}
	a.open++
	return &lease{share: s, account: a}
}

// lease is what one response holds.
type lease struct {
	share   *ResponseShare
	account *account
	held    int64
	closed  bool
}

// grow by one grant. It waits no longer than the context lasts.
func (l *lease) grow(ctx context.Context) error {
	m := l.share.memory
	m.mutex.Lock()
	if wait, err := m.try(l, len(m.queue) > 0); !wait {
		m.mutex.Unlock()
		return err
	}
	waiting := &growth{lease: l, done: make(chan error, 1)}
	m.queue = append(m.queue, waiting)
	if l.held > 0 {
		l.account.waiting++
	}
	m.refuseStuck()
	m.mutex.Unlock()
	select {
	case err := <-waiting.done:
		return err
	case <-ctx.Done():
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if at := slices.Index(m.queue, waiting); at >= 0 {
		m.remove(at)
		return &waitError{limit: m.limit, cause: ctx.Err()}
	}
	return <-waiting.done // it was decided meanwhile
}

// try to grow. Behind others that wait, only a tenant that can be served at once may.
func (m *ResponseMemory) try(l *lease, others bool) (wait bool, err error) {
	a := l.account
	if a.held+grant > m.share {
		if a.holding == 0 || (a.holding == 1 && l.held > 0) {
			return false, &shareError{share: m.share}
		}
		return true, nil
	}
	atOnce := m.need(a) <= m.free
	if others && !atOnce {
		return true, nil
	}
	m.free -= grant
	a.held += grant
	if !m.safe(nil) || (!atOnce && !m.safe(m.largest())) {
		m.free += grant
		a.held -= grant
		return true, nil
	}
	if l.held == 0 {
		a.holding++
	}
	l.held += grant
	return false, nil
}

// need of an account, beyond what it holds.
func (m *ResponseMemory) need(a *account) int64 { return m.share - a.held }

// safe reports whether all accounts but one could get what they need, one after the other.
func (m *ResponseMemory) safe(except *account) bool {
	waiting := make([]*account, 0, len(m.accounts))
	for _, a := range m.accounts {
		if a != except && a.open > 0 {
			waiting = append(waiting, a)
		}
	}
	slices.SortFunc(waiting, func(a, b *account) int { return cmp.Compare(m.need(a), m.need(b)) })
	free := m.free
	for _, a := range waiting {
		if m.need(a) > free {
			return false
		}
		free += a.held
	}
	return free >= 0
}

// largest is the account that holds the most.
func (m *ResponseMemory) largest() *account {
	var largest *account
	for _, a := range m.accounts {
		if largest == nil || a.held > largest.held {
			largest = a
		}
	}
	return largest
}

// remove a growth from the queue.
func (m *ResponseMemory) remove(at int) {
	l := m.queue[at].lease
	if l.held > 0 {
		l.account.waiting--
	}
	m.queue = slices.Delete(m.queue, at, at+1)
}

// refuseStuck ends the newest growth of a tenant that used up its share with responses that all wait for more of it.
func (m *ResponseMemory) refuseStuck() {
	for at := len(m.queue) - 1; at >= 0; at-- {
		waiting := m.queue[at]
		if a := waiting.lease.account; a.held+grant > m.share && a.waiting == a.holding {
			m.remove(at)
			waiting.done <- &shareError{share: m.share, others: true}
			return
		}
	}
}

// close gives back what a response holds.
func (l *lease) close() {
	if l == nil {
		return
	}
	m := l.share.memory
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if l.closed {
		return
	}
	l.closed = true
	m.free += l.held
	l.account.held -= l.held
	if l.held > 0 {
		l.account.holding--
	}
	if l.account.open--; l.account.open == 0 {
		delete(m.accounts, l.share.tenant)
	}
	for at := 0; at < len(m.queue); {
		waiting := m.queue[at]
		held := waiting.lease.held > 0
		wait, err := m.try(waiting.lease, false)
		if wait {
			at++
			continue
		}
		if held {
			waiting.lease.account.waiting--
		}
		m.queue = slices.Delete(m.queue, at, at+1)
		waiting.done <- err
	}
	m.refuseStuck()
}

// isMemory reports an error of a ResponseMemory.
func isMemory(err error) bool {
	var share *shareError
	var wait *waitError
	return errors.As(err, &share) || errors.As(err, &wait)
}
