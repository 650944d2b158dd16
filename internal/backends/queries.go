package backends

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// Queries hands out the slots of query budgets: of one MetricsBackend, the same ones to all who open it. The zero value is ready,
// and nil has none. It is safe for concurrent use.
type Queries struct {
	mutex sync.Mutex
	taken map[client.ObjectKey]ownedSlots
}

// ownedSlots are those of one object: another object of the same name starts from zero.
type ownedSlots struct {
	uid   types.UID
	slots metrics.Slots
}

// slots of a MetricsBackend with a budget. Where its maxConcurrent has changed, those who have it open keep to the number before.
func (q *Queries) slots(b *v1alpha1.MetricsBackend, budget metrics.Budget) metrics.Slots {
	if q == nil {
		return nil
	}
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if q.taken == nil {
		q.taken = map[client.ObjectKey]ownedSlots{}
	}
	key := client.ObjectKeyFromObject(b)
	known := q.taken[key]
	if known.uid != b.UID || cap(known.slots) != budget.Defaulted().MaxConcurrent {
		known = ownedSlots{b.UID, metrics.NewSlots(budget)}
		q.taken[key] = known
	}
	return known.slots
}
