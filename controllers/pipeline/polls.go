package pipeline

import (
	"math"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// polls remembers when repositories were polled. After a restart, each is polled at once. The zero value is ready to use.
type polls struct {
	mutex sync.Mutex
	last  map[client.ObjectKey]map[polled]time.Time
}

// left is the time until a trigger of a Pipeline may be polled again. It is not positive if that is now: the less, the longer it waits.
func (p *polls) left(of client.ObjectKey, trigger polled, period time.Duration, now time.Time) time.Duration {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	at, found := p.last[of][trigger]
	if !found {
		return math.MinInt64
	}
	return at.Add(period).Sub(now)
}

// begin notes that a trigger is polled now. Of the others of the Pipeline, only those that its spec has are remembered.
func (p *polls) begin(of client.ObjectKey, trigger polled, spec []polled, now time.Time) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	known := p.last[of]
	kept := map[polled]time.Time{trigger: now}
	for _, other := range spec {
		if at, found := known[other]; found && other != trigger {
			kept[other] = at
		}
	}
	if p.last == nil {
		p.last = map[client.ObjectKey]map[polled]time.Time{}
	}
	p.last[of] = kept
}

// forget a Pipeline.
func (p *polls) forget(of client.ObjectKey) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	delete(p.last, of)
}
