package gitrepo

import (
	"context"
	"sync"
)

// Locks by key, such as one for each branch. The zero value is ready.
type Locks struct {
	mutex sync.Mutex
	held  map[string]*lock
}

// lock of a branch, and how many hold it or wait for it.
type lock struct {
	token chan struct{}
	users int
}

// Lock a branch, or whatever a key stands for, or fail when the context ends.
func (l *Locks) Lock(ctx context.Context, key string) (unlock func(), err error) {
	if l == nil {
		return func() {}, nil
	}
	l.mutex.Lock()
	if l.held == nil {
		l.held = map[string]*lock{}
	}
	one := l.held[key]
	if one == nil {
		one = &lock{token: make(chan struct{}, 1)}
		l.held[key] = one
	}
	one.users++
	l.mutex.Unlock()
	leave := func() {
		l.mutex.Lock()
		defer l.mutex.Unlock()
		if one.users--; one.users == 0 {
			delete(l.held, key)
		}
	}
	select {
	case one.token <- struct{}{}:
		return func() { <-one.token; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
