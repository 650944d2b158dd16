package facts

import "slices"

// gatewayReference is a reference as the Gateway API writes it.
type gatewayReference struct {
	Group     loose[*string] `json:"group"`
	Kind      loose[*string] `json:"kind"`
	Namespace loose[string]  `json:"namespace"`
	Name      loose[string]  `json:"name"`
	Section   loose[string]  `json:"sectionName"`
	Port      loose[int32]   `json:"port"`
}

// ref is the referenced object, with defaults for group and kind.
func (r gatewayReference) ref(defaultGroup, defaultKind, namespace string) Ref {
	of, kind := value(r.Group.V, defaultGroup), value(r.Kind.V, defaultKind)
	ref := Ref{Kind: Kind(kind), Namespace: firstOf(r.Namespace.V, namespace), Name: r.Name.V}
	if of != "" {
		ref.Kind = CustomKind(of, kind)
	}
	return ref
}

const gatewayGroup = "gateway.networking.k8s.io"

func reduceGateway(node *CustomNode, o *CustomObject, _ *customMeta) {
	spec := read[struct {
		Class     loose[string] `json:"gatewayClassName"`
		Listeners looseList[struct {
			Name loose[string] `json:"name"`
			TLS  loose[struct {
				Certificates looseList[gatewayReference] `json:"certificateRefs"`
			}] `json:"tls"`
		}] `json:"listeners"`
	}](o.Spec)
	status := read[struct {
		Listeners looseList[struct {
			Name       loose[string]              `json:"name"`
			Conditions looseList[customCondition] `json:"conditions"`
		}] `json:"listeners"`
	}](o.Status)
	facts := &GatewayFacts{Class: spec.Class.V}
	node.Gateway = facts
	node.Refs = append(node.Refs, Edge{Refers, Ref{Kind: GatewayClass, Name: spec.Class.V}})
	secrets := map[string][]Ref{}
	for _, listener := range spec.Listeners {
		for _, reference := range listener.TLS.V.Certificates {
			if secret := reference.ref("", string(Secret), node.Namespace); secret.Kind == Secret {
				secrets[listener.Name.V] = append(secrets[listener.Name.V], secret)
				node.Refs = append(node.Refs, Edge{Refers, secret})
			}
		}
	}
	for _, listener := range status.Listeners[:min(len(status.Listeners), maxCustomRefs)] {
		name := listener.Name.V
		facts.Listeners = append(facts.Listeners, Listener{name, secrets[name], customConditions(listener.Conditions)})
	}
}

func reduceRoute(node *CustomNode, o *CustomObject, _ *customMeta) {
	spec := read[struct {
		Parents looseList[gatewayReference] `json:"parentRefs"`
		Rules   looseList[struct {
			Backends looseList[gatewayReference] `json:"backendRefs"`
		}] `json:"rules"`
	}](o.Spec)
	status := read[struct {
		Parents looseList[struct {
			Parent     gatewayReference           `json:"parentRef"`
			Conditions looseList[customCondition] `json:"conditions"`
		}] `json:"parents"`
	}](o.Status)
	facts := &RouteFacts{}
	node.Route = facts
	for _, parent := range spec.Parents {
		ref := parent.ref(gatewayGroup, Gateway.Name(), node.Namespace)
		facts.Wanted = append(facts.Wanted, ref)
		if ref.Kind == Gateway {
			node.Refs = append(node.Refs, Edge{Refers, ref})
		}
	}
	for _, rule := range spec.Rules {
		for _, backend := range rule.Backends {
			if ref := backend.ref("", string(Service), node.Namespace); ref.Kind == Service && len(facts.Services) < maxCustomRefs {
				facts.Services = append(facts.Services, ref)
				if b := (RouteBackend{ref, backend.Port.V}); !slices.Contains(facts.Backends, b) {
					facts.Backends = append(facts.Backends, b)
				}
				node.Refs = append(node.Refs, Edge{RoutesTo, ref})
			}
		}
	}
	facts.Services = distinctRefs(facts.Services)
	for _, parent := range status.Parents[:min(len(status.Parents), maxCustomRefs)] {
		facts.Parents = append(facts.Parents, RouteParent{
			Parent:  parent.Parent.ref(gatewayGroup, Gateway.Name(), node.Namespace),
			Section: parent.Parent.Section.V, Conditions: customConditions(parent.Conditions),
		})
	}
}

// distinctRefs keeps the first of equal references.
func distinctRefs(refs []Ref) []Ref {
	seen := map[Ref]bool{}
	var kept []Ref
	for _, ref := range refs {
		if !seen[ref] {
			seen[ref] = true
			kept = append(kept, ref)
		}
	}
	return kept
}
