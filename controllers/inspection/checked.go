package inspection

import (
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/kind"
)

// checked remembers for which state of an Inspection and its referents Ready was decided. An idle reconcile of the same state reads
// and compiles nothing: the result would be the same. It is kept in memory only, so a new manager checks each Inspection once.
type checked struct {
	mutex  sync.Mutex
	states map[client.ObjectKey]checkedState
}

// checkedState is what Ready was decided for, and what it is.
type checkedState struct {
	uid        types.UID
	generation int64
	referents  []string
	ready      metav1.Condition
}

// stateOf an Inspection. It is unknown without Ready for this generation, and where a referent is not watched.
func stateOf(scope *kind.Scope[*v1alpha1.Inspection]) (state checkedState, known bool) {
	ready := scope.Condition(v1alpha1.ConditionReady)
	generation := scope.Object.Generation
	if ready == nil || ready.ObservedGeneration != generation || scope.Referents == nil {
		return checkedState{}, false
	}
	return checkedState{uid: scope.Object.UID, generation: generation, referents: scope.Referents, ready: *ready}, true
}

// remember that Ready was decided now. A status that is not written in the end differs from the next one that is read, so that
// nothing is skipped for it.
func (c *checked) remember(scope *kind.Scope[*v1alpha1.Inspection]) {
	state, known := stateOf(scope)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if !known {
		delete(c.states, scope.Key())
		return
	}
	if c.states == nil {
		c.states = map[client.ObjectKey]checkedState{}
	}
	c.states[scope.Key()] = state
}

// holds reports whether nothing has changed since Ready was decided.
func (c *checked) holds(scope *kind.Scope[*v1alpha1.Inspection]) bool {
	state, known := stateOf(scope)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	before, remembered := c.states[scope.Key()]
	return known && remembered && before.uid == state.uid && before.generation == state.generation &&
		slices.Equal(before.referents, state.referents) && before.ready.Status == state.ready.Status &&
		before.ready.Reason == state.ready.Reason && before.ready.Message == state.ready.Message
}

// forget an Inspection that is gone.
func (c *checked) forget(key client.ObjectKey) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	delete(c.states, key)
}
