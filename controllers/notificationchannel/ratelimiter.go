package notificationchannel

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

// RateLimiter keeps each channel to its messages per minute. It works in memory: a new manager starts with a full minute.
type RateLimiter struct {
	mutex    sync.Mutex
	limiters map[client.ObjectKey]limiter
}

// limiter of one object: another object of the same name gets a new one.
type limiter struct {
	uid  types.UID
	rate *rate.Limiter
}

// NewRateLimiter knows no channel yet.
func NewRateLimiter() *RateLimiter { return &RateLimiter{limiters: map[client.ObjectKey]limiter{}} }

// Wait is how long to wait before the next message; 0 takes one from the budget.
func (l *RateLimiter) Wait(c *v1alpha1.NotificationChannel, now time.Time) time.Duration {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	key := client.ObjectKeyFromObject(c)
	perMinute := c.Spec.PerMinute()
	entry, known := l.limiters[key]
	if !known || entry.uid != c.UID {
		entry = limiter{c.UID, rate.NewLimiter(0, perMinute)}
		l.limiters[key] = entry
	}
	entry.rate.SetLimitAt(now, rate.Limit(float64(perMinute)/60))
	entry.rate.SetBurstAt(now, perMinute)
	reserved := entry.rate.ReserveN(now, 1)
	delay := reserved.DelayFrom(now)
	if delay > 0 {
		reserved.CancelAt(now)
	}
	return delay
}

func (l *RateLimiter) forget(key client.ObjectKey) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	delete(l.limiters, key)
}
