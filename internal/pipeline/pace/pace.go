// Package pace decides when a stage looks at its work again: often while few stages look at a server, and less often the more do, since
// the requests of all of them are what loads it.
package pace

import (
	"sync"
	"time"
)

const (
	// fastest interval, for work of the last patience; older work is looked at every slower.
	fastest  = time.Second
	slower   = 2 * time.Second
	patience = 2 * time.Minute
	// slowest interval, however many stages look at the server.
	slowest = 5 * time.Second
	// perSecond is how often all stages together look at a server, unless that needs an interval over slowest.
	perSecond = 20
	// forgotten is when a stage counts no longer that has not looked: it has ended.
	forgotten = 3 * slowest
)

// Pacer counts the stages that look at each server. The zero value is ready.
type Pacer struct {
	mutex sync.Mutex
	// seen is when the stages looked at each server last, by their keys.
	seen  map[string]map[string]time.Time
	swept time.Time
}

// Next is how long the stage with a key waits until it looks at its work on a server again. The work was started at a time.
func (p *Pacer) Next(server, key string, started, now time.Time) time.Duration {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.sweep(now)
	if p.seen == nil {
		p.seen = map[string]map[string]time.Time{}
	}
	if p.seen[server] == nil {
		p.seen[server] = map[string]time.Time{}
	}
	p.seen[server][key] = now
	wait := fastest
	if now.Sub(started) >= patience {
		wait = slower
	}
	return min(max(wait, time.Duration(len(p.seen[server]))*time.Second/perSecond), slowest)
}

// sweep removes the stages that have ended.
func (p *Pacer) sweep(now time.Time) {
	if now.Sub(p.swept) < forgotten {
		return
	}
	p.swept = now
	for server, keys := range p.seen {
		for key, at := range keys {
			if now.Sub(at) >= forgotten {
				delete(keys, key)
			}
		}
		if len(keys) == 0 {
			delete(p.seen, server)
		}
	}
}
