package logroute

import (
	"context"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apply"
	"kubeops.io/kubeops/internal/logroute/meter"
)

// Router delivers what Compile makes, and says how the route of each LogBackend is. All fields but Images and Meter are required.
type Router struct {
	Applier *apply.Applier
	// Namespace of the collectors. It must let Pods mount folders of the node.
	Namespace string
	// Images by collector; see DefaultVectorImage and DefaultFluentdImage.
	Images  map[v1alpha1.CollectorType]string
	Options Options
	Clock   clock.PassiveClock
	// Meter reads the counts of the collectors. Nil counts nothing.
	Meter *meter.Meter
	// ManagerNamespace is where the Pods of the manager are, which may read the counts.
	ManagerNamespace string

	mu sync.Mutex
	// applied is what was delivered last, and when.
	applied   string
	appliedAt time.Time
}

// redeliverAfter is how long what was delivered is believed to be there: changes by others are reverted after that time.
const redeliverAfter = 5 * time.Minute

// State of the route of one LogBackend.
type State struct {
	Ready           bool
	Reason, Message string
	// Routed reports that a collector has the route. It is false for one that is left out.
	Routed bool
	// Counts of lines; nil while none are known.
	Counts *v1alpha1.CollectionCounts
	// NextReading is when the collectors are read again; zero if they are not read.
	NextReading time.Time
	// Provisional is a state that is ready as far as is known, shortly after the manager has started: what was refused before may still be
	// refused.
	Provisional bool
}

// Sync makes the collectors collect what all LogBackends together ask for, and removes those that have nothing to do. Its error
// is a problem of the delivery; then what was delivered before goes on.
func (r *Router) Sync(ctx context.Context, backends []Backend) (map[types.NamespacedName]State, error) {
	options := r.Options
	options.VectorImage = r.image(v1alpha1.CollectorVector)
	compiled, err := Compile(backends, options)
	if err != nil {
		return nil, err
	}
	if err := r.deliver(ctx, compiled); err != nil {
		return nil, err
	}
	states := map[types.NamespacedName]State{}
	for name, p := range compiled.Problems {
		states[name] = State{Reason: p.Reason, Message: p.Message}
	}
	ofCollector := map[v1alpha1.CollectorType]State{}
	for collector := range compiled.Collectors {
		if ofCollector[collector], err = r.state(ctx, collector); err != nil {
			return nil, err
		}
	}
	// Last, since it may take all the time that is left.
	for _, collector := range collectors() {
		c, runs := compiled.Collectors[collector]
		if !runs && r.Meter != nil {
			r.Meter.Forget(name(collector))
			continue
		}
		reading := r.read(ctx, collector, c)
		for _, one := range c.Routes {
			states[one] = ofCollector[collector].with(reading, one)
		}
	}
	return states, nil
}

func collectors() []v1alpha1.CollectorType {
	return []v1alpha1.CollectorType{v1alpha1.CollectorVector, v1alpha1.CollectorFluentd}
}

// deliver applies what is wanted and deletes what is not, unless just that was done a short time ago.
func (r *Router) deliver(ctx context.Context, compiled Compiled) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var wanted []*unstructured.Unstructured
	var known []apply.Ref
	for _, collector := range collectors() {
		known = append(known, r.kinds(collector)...)
		c, ok := compiled.Collectors[collector]
		if !ok {
			continue
		}
		objects, err := r.objects(collector, c)
		if err != nil {
			return err
		}
		wanted = append(wanted, objects...)
	}
	digest, err := digestOf(wanted)
	if err != nil {
		return err
	}
	if digest == r.applied && r.Clock.Since(r.appliedAt) < redeliverAfter {
		return nil
	}
	r.applied = "" // until all of it is done
	// Fields that another manager owns, such as a tool that scales requests, are a problem that names them, not a fight.
	if _, err := r.Applier.Apply(ctx, wanted, apply.Options{}); err != nil {
		return err
	}
	if _, err := r.Applier.Prune(ctx, known, apply.RefsOf(wanted)); err != nil {
		return err
	}
	r.applied = digest
	r.appliedAt = r.Clock.Now()
	return nil
}

// state of a collector, and so of all its routes.
func (r *Router) state(ctx context.Context, collector v1alpha1.CollectorType) (State, error) {
	refs := r.kinds(collector)
	ref := refs[slices.IndexFunc(refs, func(ref apply.Ref) bool { return ref.Kind == "DaemonSet" })]
	health, err := r.Applier.Health(ctx, ref)
	if err != nil {
		return State{}, err
	}
	switch health {
	case apply.Healthy:
		return State{Ready: true, Reason: v1alpha1.ReasonCollecting, Message: "collecting with " + ref.String()}, nil
	case apply.Failed:
		return State{Reason: v1alpha1.ReasonProgressing, Message: ref.String() + " cannot be rolled out; see its events and Pods"}, nil
	case apply.Missing:
		r.mu.Lock()
		r.applied = "" // it was deleted
		r.mu.Unlock()
	}
	return State{Reason: v1alpha1.ReasonProgressing, Message: ref.String() + " is being rolled out"}, nil
}
