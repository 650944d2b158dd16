package backend

import (
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// firstRetry is how long after a problem the next round trip is; each further problem in a row doubles it, up to the interval.
	firstRetry = 5 * time.Second
	// jitter is the part of a wait that chance may take away, so that what began together does not go on together. Nothing is
	// ever added: a back end that stopped is noticed within one interval.
	jitter = 0.1
)

// Cadence says when the next round trip is due. It counts problems in a row in memory: a manager that starts anew begins anew.
type Cadence struct {
	// random gives numbers from 0 to below 1.
	random func() float64
	mutex  sync.Mutex
	rows   map[client.ObjectKey]row
}

// row of problems with one generation.
type row struct {
	generation int64
	problems   int
}

// NewCadence takes a source of numbers from 0 to below 1, such as rand.Float64.
func NewCadence(random func() float64) *Cadence {
	return &Cadence{random: random, rows: map[client.ObjectKey]row{}}
}

// next counts the result of a round trip and says how long to wait until the next.
func (c *Cadence) next(key client.ObjectKey, generation int64, interval time.Duration, failed bool) time.Duration {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	r := c.rows[key]
	if !failed {
		delete(c.rows, key)
		return wait(interval, 0, c.random())
	}
	if r.generation != generation {
		r = row{generation: generation}
	}
	r.problems++
	c.rows[key] = r
	return wait(interval, r.problems, c.random())
}

func (c *Cadence) forget(key client.ObjectKey) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	delete(c.rows, key)
}

// wait until the next round trip, after a number of problems in a row.
func wait(interval time.Duration, problems int, chance float64) time.Duration {
	after := interval
	if problems > 0 {
		after = min(interval, firstRetry<<min(problems-1, 16))
	}
	return after - time.Duration(float64(after)*jitter*chance)
}
