package custom

import (
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/interpreter"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// subject is one object that is judged, and what expressions see of it. It is the activation of their variables.
type subject struct {
	object     map[string]any
	apiVersion string
	ref        facts.Ref
	// owner is the controlling owner; zero when there is none.
	owner facts.Ref
	now   time.Time
	world *surroundings
	// fields that the check at hand names, and the facts that were made of them.
	fields []string
	facts  map[string]any
}

func newSubject(object map[string]any, world *surroundings) *subject {
	metadata, _ := object["metadata"].(map[string]any)
	apiVersion, kind, name, namespace := text(object["apiVersion"]), text(object["kind"]), text(metadata["name"]), text(metadata["namespace"])
	o := &subject{
		object: object, apiVersion: apiVersion, now: world.graph.Now, world: world,
		ref: facts.Ref{Kind: facts.KindOf(apiVersion, kind), Namespace: namespace, Name: name},
	}
	owners, _ := metadata["ownerReferences"].([]any)
	for _, entry := range owners {
		owner, _ := entry.(map[string]any)
		if controller, _ := owner["controller"].(bool); controller {
			o.owner = facts.Ref{Kind: facts.KindOf(text(owner["apiVersion"]), text(owner["kind"])), Namespace: namespace, Name: text(owner["name"])}
			if !o.owner.Kind.Namespaced() {
				o.owner.Namespace = ""
			}
		}
	}
	return o
}

// reportOn is the object that a finding stands on: of a Pod that a workload made, the workload.
func (o *subject) reportOn() facts.Ref {
	if o.ref.Kind != facts.Pod {
		return o.ref
	}
	if top := o.world.topOwner(o); top.Kind != facts.Node { // the Pods of the control plane are owned by their Node
		return top
	}
	return o.ref
}

// foreignVersion is the apiVersion of an object whose kind the graph does not know; else empty.
func (o *subject) foreignVersion() string {
	if o.apiVersion == o.ref.Kind.APIVersion() {
		return ""
	}
	return o.apiVersion
}

// ResolveName gives the value of a variable. What facts are asked for is worked out once for each check.
func (o *subject) ResolveName(name string) (any, bool) {
	switch name {
	case varObject:
		return o.object, true
	case varNow:
		return o.now, true
	case varFacts:
		if o.facts == nil {
			o.facts = o.world.of(o, o.fields)
		}
		return o.facts, true
	default:
		return nil, false
	}
}

// Parent has no further variables.
func (o *subject) Parent() cel.Activation { return nil }

var _ interpreter.Activation = (*subject)(nil)

func text(value any) string {
	s, _ := value.(string)
	return s
}
