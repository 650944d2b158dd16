package probe

import (
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

const (
	// minRetry is how long after a problem the next probe is; each further problem in a row doubles it, up to the interval.
	minRetry = 5 * time.Second
	// maxOutageRetry is the longest wait after an outage: a server that comes up is Ready within ten seconds. One small request
	// in that time is no burden. Wrong credentials are retried more slowly, since a server may lock the account.
	maxOutageRetry = 8 * time.Second
	// jitter is the part of a wait that is subtracted at random, so that probes that began together spread out. Nothing is
	// ever added: a server that stops is noticed within one interval.
	jitter = 0.1
)

// Cadence decides when the next probe is due. It counts problems in a row in memory: a new manager starts from zero.
type Cadence struct {
	// random gives numbers from 0 to below 1.
	random func() float64

	mutex    sync.Mutex
	failures map[client.ObjectKey]failures
}

// failures in a row with one generation.
type failures struct {
	generation int64
	count      int
}

// NewCadence takes a source of numbers from 0 to below 1, such as rand.Float64.
func NewCadence(random func() float64) *Cadence {
	return &Cadence{random: random, failures: map[client.ObjectKey]failures{}}
}

// next counts the result of a probe and returns how long to wait until the next.
func (c *Cadence) next(key client.ObjectKey, generation int64, interval time.Duration, p *problem.Problem) time.Duration {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if p == nil {
		delete(c.failures, key)
		return wait(interval, 0, interval, c.random())
	}
	f := c.failures[key]
	if f.generation != generation {
		f = failures{generation: generation}
	}
	f.count++
	c.failures[key] = f
	maxWait := interval
	if isOutage(p) {
		maxWait = maxOutageRetry
	}
	return wait(interval, f.count, maxWait, c.random())
}

// isOutage reports whether a problem is one that a server, or the way to it, can recover from without the user.
func isOutage(p *problem.Problem) bool {
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
	delete(c.failures, key)
}

// wait until the next probe after so many problems in a row; chance is from 0 to below 1.
func wait(interval time.Duration, problems int, maxWait time.Duration, chance float64) time.Duration {
	after := interval
	if problems > 0 {
		after = min(interval, maxWait, minRetry<<min(problems-1, 16))
	}
	return after - time.Duration(float64(after)*jitter*chance)
}
