package notificationchannel

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

// Pace keeps each channel to its messages a minute. It is kept in memory: a manager that starts anew begins with a full minute.
type Pace struct {
	mutex    sync.Mutex
	limiters map[client.ObjectKey]limiter
}

// limiter of one object: another one of the same name begins anew.
type limiter struct {
	uid  types.UID
	rate *rate.Limiter
}

// NewPace is that of no channel yet.
func NewPace() *Pace { return &Pace{limiters: map[client.ObjectKey]limiter{}} }

// wait says how long to wait before the next message; 0 takes one from what is left.
func (p *Pace) wait(c *v1alpha1.NotificationChannel, now time.Time) time.Duration {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	key, most := client.ObjectKeyFromObject(c), c.Spec.PerMinute()
	l, known := p.limiters[key]
	if !known || l.uid != c.UID {
		l = limiter{c.UID, rate.NewLimiter(0, most)}
		p.limiters[key] = l
	}
	l.rate.SetLimitAt(now, rate.Limit(float64(most)/60))
	l.rate.SetBurstAt(now, most)
	reserved := l.rate.ReserveN(now, 1)
	delay := reserved.DelayFrom(now)
	if delay > 0 {
		reserved.CancelAt(now)
	}
	return delay
}

func (p *Pace) forget(key client.ObjectKey) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	delete(p.limiters, key)
}
