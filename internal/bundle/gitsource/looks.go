package gitsource

import (
	"context"
	"sync"
	"time"
)

// resultKept is how long the result of a look stays for those who were woken for it: a folder that is too large for the cache would
// otherwise be looked at without end.
const resultKept = time.Minute

// looks at folders that are in progress, or whose result was not fetched yet, by the key of the folder. The zero value has none.
type looks struct {
	mutex   sync.Mutex
	current map[string]*look
}

// look at one folder.
type look struct {
	// requested is Request.Requested of the one who began it.
	requested string
	// ended is closed once entry and err are set.
	ended chan struct{}
	entry entry
	err   error
	// wake those who did not wait for the end, by Request.Bundle.
	wake map[string]func()
}

// begin a look, or join the one that was begun.
func (l *looks) begin(key, requested string, run func(*look)) *look {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if known := l.current[key]; known != nil {
		return known
	}
	begun := &look{requested: requested, ended: make(chan struct{})}
	if l.current == nil {
		l.current = map[string]*look{}
	}
	l.current[key] = begun
	go run(begun)
	return begun
}

// end a look, and wake those who wait for it.
func (l *looks) end(key string, ended *look) {
	l.mutex.Lock()
	close(ended.ended)
	wake := ended.wake
	l.mutex.Unlock()
	time.AfterFunc(resultKept, func() { l.drop(key, ended) })
	for _, call := range wake {
		call()
	}
}

// wait for the end of a look, and report whether it has ended. If it has not, the request is woken later.
func (l *looks) wait(ctx context.Context, key string, awaited *look, r Request) bool {
	select {
	case <-awaited.ended:
	case <-ctx.Done():
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	select {
	case <-awaited.ended:
		l.remove(key, awaited)
		return true
	default:
	}
	if r.Wake != nil {
		if awaited.wake == nil {
			awaited.wake = map[string]func(){}
		}
		awaited.wake[r.Bundle] = r.Wake
	}
	return false
}

// fetched forgets the look of a folder whose result is known otherwise.
func (l *looks) fetched(key string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if known := l.current[key]; known != nil {
		select {
		case <-known.ended:
			delete(l.current, key)
		default:
		}
	}
}

func (l *looks) drop(key string, ended *look) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.remove(key, ended)
}

func (l *looks) remove(key string, ended *look) {
	if l.current[key] == ended {
		delete(l.current, key)
	}
}
