package backend

import (
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

const (
	// firstRetry is how long after a problem the next round trip is; each further problem in a row doubles it, up to the interval.
	firstRetry = 5 * time.Second
	// lastRetry is the most that is waited after an outage: what comes up again is to be Ready within ten seconds. One small
	// request in that time is no burden, but one with wrong credentials may be, so that those wait longer and longer.
	lastRetry = 8 * time.Second
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
func (c *Cadence) next(key client.ObjectKey, generation int64, interval time.Duration, p *problem.Problem) time.Duration {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	r := c.rows[key]
	if p == nil {
		delete(c.rows, key)
		return wait(interval, 0, interval, c.random())
	}
	if r.generation != generation {
		r = row{generation: generation}
	}
	r.problems++
	c.rows[key] = r
	most := interval
	if outage(p) {
		most = lastRetry
	}
	return wait(interval, r.problems, most, c.random())
}

// outage says that the back end does not answer, or not rightly, which ends by itself when it is up again.
func outage(p *problem.Problem) bool {
	switch p.Reason {
	case v1alpha1.ReasonUnreachable, v1alpha1.ReasonNameNotResolved, v1alpha1.ReasonTimeout, v1alpha1.ReasonServerError,
		v1alpha1.ReasonUnhealthy, v1alpha1.ReasonInvalidResponse, v1alpha1.ReasonTLSFailed:
		return p.Action != problem.UserMustAct
	}
	return false
}

func (c *Cadence) forget(key client.ObjectKey) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	delete(c.rows, key)
}

// wait until the next round trip, after a number of problems in a row: at most so long after a problem.
func wait(interval time.Duration, problems int, most time.Duration, chance float64) time.Duration {
	after := interval
	if problems > 0 {
		after = min(interval, most, firstRetry<<min(problems-1, 16))
	}
	return after - time.Duration(float64(after)*jitter*chance)
}
