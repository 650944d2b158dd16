package pipeline

import (
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// polls remembers when repositories were polled. After a restart, each is polled at once. The zero value is ready to use.
type polls struct {
	mutex sync.Mutex
	last  map[client.ObjectKey]map[polled]time.Time
}

// left is the time until a trigger of a Pipeline may be polled again. If that is now, the time of the poll is remembered.
func (p *polls) left(of client.ObjectKey, trigger polled, period time.Duration, now time.Time) time.Duration {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	known := p.last[of]
	if at, found := known[trigger]; found && now.Before(at.Add(period)) {
		return at.Add(period).Sub(now)
	}
	kept := map[polled]time.Time{trigger: now}
	for other, at := range known { // without what the spec no longer has
		if other.pipeline == trigger.pipeline && other.name != trigger.name {
			kept[other] = at
		}
	}
	if p.last == nil {
		p.last = map[client.ObjectKey]map[polled]time.Time{}
	}
	p.last[of] = kept
	return 0
}

// forget a Pipeline.
func (p *polls) forget(of client.ObjectKey) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	delete(p.last, of)
}
