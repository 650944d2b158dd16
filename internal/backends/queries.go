package backends

import (
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// keepSlots is how long the slots of a MetricsBackend are kept that no one opens. A query takes minutes at most.
const keepSlots = time.Hour

// QuerySlots hands out the slots of query budgets.
type QuerySlots interface {
	// Slots of a MetricsBackend with a budget.
	Slots(b *v1alpha1.MetricsBackend, budget metrics.Budget) metrics.Slots
}

// Queries hands out the slots of query budgets: of one MetricsBackend, the same ones to all who open it. The zero value is ready.
// It is safe for concurrent use.
type Queries struct {
	mutex sync.Mutex
	taken map[client.ObjectKey]ownedSlots
}

// ownedSlots are those of one object: another object of the same name starts from zero.
type ownedSlots struct {
	uid           types.UID
	maxConcurrent int
	slots         metrics.Slots
	// opened is when they were handed out last.
	opened time.Time
}

// Slots implements QuerySlots. Where maxConcurrent has changed, those who have the backend open keep to the number before.
func (q *Queries) Slots(b *v1alpha1.MetricsBackend, budget metrics.Budget) metrics.Slots {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if q.taken == nil {
		q.taken = map[client.ObjectKey]ownedSlots{}
	}
	key := client.ObjectKeyFromObject(b)
	known := q.taken[key]
	if most := budget.Defaulted().MaxConcurrent; known.uid != b.UID || known.maxConcurrent != most {
		known = ownedSlots{uid: b.UID, maxConcurrent: most, slots: metrics.NewSlots(budget)}
		q.forget(time.Now().Add(-keepSlots))
	}
	known.opened = time.Now()
	q.taken[key] = known
	return known.slots
}

// forget the slots of backends that were not opened since a time: most are of backends that were deleted.
func (q *Queries) forget(since time.Time) {
	maps.DeleteFunc(q.taken, func(_ client.ObjectKey, one ownedSlots) bool { return one.opened.Before(since) })
}
