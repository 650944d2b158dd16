package custom

import (
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/interpreter"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// subject is an object to check. It provides the variables of the expressions.
type subject struct {
	object     map[string]any
	apiVersion string
	ref        facts.Ref
	// owner is the controller of the object; zero for none.
	owner facts.Ref
	now   time.Time
	world *surroundings
	// fields of facts that the current check uses, and their values; nil before their first use.
	fields []string
	facts  map[string]any
	// meter of the current evaluation.
	meter meter
}

func newSubject(object map[string]any, world *surroundings) *subject {
	metadata, _ := object["metadata"].(map[string]any)
	apiVersion := stringOf(object["apiVersion"])
	namespace := stringOf(metadata["namespace"])
	o := &subject{
		object: object, apiVersion: apiVersion, now: world.graph.Now, world: world,
		ref: facts.Ref{Kind: facts.KindOf(apiVersion, stringOf(object["kind"])), Namespace: namespace, Name: stringOf(metadata["name"])},
	}
	owners, _ := metadata["ownerReferences"].([]any)
	for _, entry := range owners {
		owner, _ := entry.(map[string]any)
		if controller, _ := owner["controller"].(bool); controller {
			o.owner = facts.Ref{
				Kind: facts.KindOf(stringOf(owner["apiVersion"]),
					stringOf(owner["kind"])), Namespace: namespace, Name: stringOf(owner["name"]),
			}
			if !o.owner.Kind.Namespaced() {
				o.owner.Namespace = ""
			}
		}
	}
	return o
}

// reportOn is the object of a finding: the workload of a Pod, if it has one, else the object itself.
func (o *subject) reportOn() facts.Ref {
	if o.ref.Kind != facts.Pod {
		return o.ref
	}
	if top := o.world.topOwner(o); top.Kind != facts.Node { // static Pods are owned by their Node
		return top
	}
	return o.ref
}

// unknownAPIVersion is the apiVersion of an object if the graph does not know its kind, else empty.
func (o *subject) unknownAPIVersion() string {
	if o.apiVersion == o.ref.Kind.APIVersion() {
		return ""
	}
	return o.apiVersion
}

// ResolveName returns the value of a variable. Facts are computed on first use, once per check.
func (o *subject) ResolveName(name string) (any, bool) {
	switch name {
	case varObject:
		return o.object, true
	case varNow:
		return o.now, true
	case varMeter:
		return &o.meter, true
	case varFacts:
		if o.facts == nil {
			o.facts = o.world.of(o, o.fields)
		}
		return o.facts, true
	default:
		return nil, false
	}
}

// Parent is nil: there are no further variables.
func (o *subject) Parent() cel.Activation { return nil }

var _ interpreter.Activation = (*subject)(nil)

func stringOf(value any) string {
	s, _ := value.(string)
	return s
}
