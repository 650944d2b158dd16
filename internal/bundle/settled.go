package bundle

import (
	"crypto/sha256"
	"encoding/json"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/clock"
)

const (
	// settledAge is how long a comparison counts, at least; twice as long at most. What only a dry run notices is noticed after that:
	// another webhook, other defaults, a permission that was revoked.
	settledAge = 5 * time.Minute
	// maxSettled comparisons are kept for each of the two ages of one cluster; each takes about 60 bytes. The others are repeated: those of
	// the namespace of bundles that has the most of them.
	maxSettled = 5_000
)

// Settled remembers, for one cluster, which objects a dry run would not change: the digests of a manifest and of the object as it was read.
// While both stay the same, the dry run is left out. It is safe for concurrent use.
type Settled struct {
	clock clock.PassiveClock

	mutex             sync.Mutex
	began             time.Time
	current, previous ages
}

// ages are comparisons by the namespace of the bundle.
type ages struct {
	of  map[string]map[comparison]struct{}
	all int
}

func (a *ages) has(namespace string, c comparison) bool {
	_, known := a.of[namespace][c]
	return known
}

// add a comparison. If there are too many, the namespace with the most of them loses one, or gets no more.
func (a *ages) add(namespace string, c comparison) {
	if a.has(namespace, c) {
		return
	}
	if a.all >= maxSettled {
		largest := namespace
		for other, its := range a.of {
			if len(its) > len(a.of[largest])+1 {
				largest = other
			}
		}
		if largest == namespace {
			return
		}
		for one := range a.of[largest] {
			delete(a.of[largest], one)
			break
		}
		a.all--
	}
	if a.of == nil {
		a.of = map[string]map[comparison]struct{}{}
	}
	if a.of[namespace] == nil {
		a.of[namespace] = map[comparison]struct{}{}
	}
	a.of[namespace][c] = struct{}{}
	a.all++
}

// comparison is the digest of all that a dry run depends on, as far as the bundle and the object are concerned.
type comparison [16]byte

// NewSettled remembers nothing yet.
func NewSettled(c clock.PassiveClock) *Settled {
	return &Settled{clock: c, began: c.Now()}
}

// has reports whether a comparison of a bundle of a namespace was added in the last minutes.
func (s *Settled) has(namespace string, c comparison) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.age()
	return s.current.has(namespace, c) || s.previous.has(namespace, c)
}

// add a comparison.
func (s *Settled) add(namespace string, c comparison) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.age()
	s.current.add(namespace, c)
}

// age forgets what is too old.
func (s *Settled) age() {
	now := s.clock.Now()
	passed := now.Sub(s.began)
	if passed >= 0 && passed < settledAge {
		return
	}
	s.previous = s.current
	if passed < 0 || passed >= 2*settledAge { // the clock went back, or nothing was compared for long
		s.previous = ages{}
	}
	s.current = ages{}
	s.began = now
}

// comparisonOf a manifest and an object.
func comparisonOf(manager, manifest string, live *unstructured.Unstructured) (c comparison, ok bool) {
	encoded, err := json.Marshal(live.Object)
	if err != nil {
		return c, false
	}
	sum := sha256.New()
	for _, part := range []string{manager, manifest} {
		sum.Write([]byte(part))
		sum.Write([]byte{0})
	}
	sum.Write(encoded)
	copy(c[:], sum.Sum(nil))
	return c, true
}
