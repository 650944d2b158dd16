package fairqueue

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/util/workqueue"
)

// newLanesQueue has one usual slot and two quick ones, for items that end with "quick".
func newLanesQueue(t *testing.T) *Queue[string] {
	t.Helper()
	q := New(Options[string]{
		Slots: 1, NamespaceOf: namespaceOf, Interrupts: NewInterrupts[string](),
		Quick: func(item string) bool { return strings.HasSuffix(item, "quick") }, QuickSlots: 2,
		RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[string](time.Second, time.Minute),
	})
	t.Cleanup(q.ShutDown)
	return q
}

func TestAQuickItemWaitsForNoUsualOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLanesQueue(t)
		q.Add("a/long")
		get(t, q, "a/long")
		q.Add("a/waits")
		q.Add("a/quick")
		get(t, q, "a/quick")
		q.Add("a/quick") // changed while it is processed
		q.Done("a/quick")
		get(t, q, "a/quick")
		q.Done("a/quick")
		if q.Len() != 1 {
			t.Errorf("%d items wait, want the usual one", q.Len())
		}
		q.Done("a/long")
		get(t, q, "a/waits")
		q.Done("a/waits")
	})
}

func TestUsualItemsDoNotTakeQuickSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLanesQueue(t)
		done := make(chan struct{})
		var most, running int
		for range 3 {
			go worker(q, func(string) {
				q.shared.mutex.Lock()
				running++
				most = max(most, running)
				q.shared.mutex.Unlock()
				<-done
				q.shared.mutex.Lock()
				running--
				q.shared.mutex.Unlock()
			})
		}
		for _, item := range []string{"a/1", "b/1", "c/1"} {
			q.Add(item)
		}
		synctest.Wait()
		close(done)
		synctest.Wait()
		if most != 1 || q.Len() != 0 {
			t.Errorf("%d usual items at a time, %d left", most, q.Len())
		}
	})
}

func TestNamespacesShareQuickSlotsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLanesQueue(t)
		q.Add("a/1-quick")
		q.Add("a/2-quick")
		get(t, q, "a/1-quick")
		q.Add("b/1-quick")
		get(t, q, "b/1-quick")
		q.Done("b/1-quick")
		q.Done("a/1-quick")
		get(t, q, "a/2-quick")
		q.Done("a/2-quick")
	})
}
