package facts

import "slices"

// EdgeKind is how one object depends on another.
type EdgeKind string

// Edges, read from the dependent object to the one it depends on.
const (
	// Owns: a controller depends on the objects it created.
	Owns EdgeKind = "owns"
	// Selects: a Service depends on the workloads whose Pods it selects.
	Selects EdgeKind = "selects"
	// Mounts: a workload depends on the volumes it claims.
	Mounts EdgeKind = "mounts"
	// Refers: a workload depends on ConfigMaps, Secrets and its ServiceAccount; an Ingress on its TLS Secrets and class.
	Refers EdgeKind = "refers"
	// RunsOn: a workload depends on the Nodes of its Pods.
	RunsOn EdgeKind = "runs-on"
	// Scales: an autoscaler depends on its target.
	Scales EdgeKind = "scales"
	// RoutesTo: an Ingress, a webhook or an aggregated API depends on the Service behind it.
	RoutesTo EdgeKind = "routes-to"
	// Binds: a claim depends on its volume and storage class.
	Binds EdgeKind = "binds"
	// Protects: a disruption budget depends on the workloads whose Pods it protects.
	Protects EdgeKind = "protects"
	// MadeFor: a Secret depends on the custom resource whose controller creates it.
	MadeFor EdgeKind = "made-for"
)

// Edge points from an object to one that it depends on.
type Edge struct {
	Kind EdgeKind
	To   Ref
}

// DependsOn returns the edges that leave an object, in a fixed order, each target once. Targets may be objects that do not exist.
// Pods are represented by their topmost owner, since findings about Pods are reported there.
func (g *Graph) DependsOn(ref Ref) []Edge {
	var edges []Edge
	if node, ok := g.byRef[ref].(dependent); ok {
		edges = node.dependsOn(g)
	} else if ref.Kind.IsCustom() { // a custom resource that was not read
		for _, owned := range g.owned[ref] {
			edges = append(edges, Edge{Owns, owned})
		}
	}
	for _, maker := range g.makers[ref] {
		edges = append(edges, Edge{MadeFor, maker})
	}
	return distinct(edges)
}

// dependent are nodes of kinds that depend on other objects.
type dependent interface {
	dependsOn(g *Graph) []Edge
}

func (n *ServiceNode) dependsOn(g *Graph) []Edge {
	var edges []Edge
	for _, owner := range g.owners(g.Selected(n.Namespace, SelectorFromSet(n.Selector))) {
		edges = append(edges, Edge{Selects, owner})
	}
	return edges
}

func (n *WorkloadNode) dependsOn(g *Graph) []Edge {
	edges := g.workloadEdges(n.Ref, n.Template)
	for _, claim := range n.VolumeClaims {
		edges = append(edges, g.claimEdges(n, claim)...)
	}
	if n.ServiceName != "" {
		edges = append(edges, Edge{Refers, Ref{Service, n.Namespace, n.ServiceName}})
	}
	return edges
}

func (n *JobNode) dependsOn(g *Graph) []Edge { return g.workloadEdges(n.Ref, n.Template) }

func (n *CronJobNode) dependsOn(g *Graph) []Edge {
	edges := g.workloadEdges(n.Ref, n.Template)
	for _, job := range g.Jobs {
		if job.Owner == n.Ref {
			edges = append(edges, Edge{Owns, job.Ref})
		}
	}
	return edges
}

func (n *PodNode) dependsOn(g *Graph) []Edge {
	edges := g.workloadEdges(n.Ref, n.Spec)
	if top := g.TopOwner(n.Ref); top != n.Ref {
		edges = append(edges, Edge{Owns, top})
	}
	return edges
}

func (n *HPANode) dependsOn(*Graph) []Edge { return []Edge{{Scales, n.Target}} }

func (n *PDBNode) dependsOn(g *Graph) []Edge {
	var edges []Edge
	for _, owner := range g.owners(g.Selected(n.Namespace, n.Selector)) {
		edges = append(edges, Edge{Protects, owner})
	}
	return edges
}

func (n *APIServiceNode) dependsOn(*Graph) []Edge {
	if n.Service.IsZero() {
		return nil
	}
	return []Edge{{RoutesTo, n.Service}}
}

func (n *WebhookNode) dependsOn(*Graph) []Edge {
	var edges []Edge
	for _, hook := range n.Webhooks {
		if !hook.Service.IsZero() {
			edges = append(edges, Edge{RoutesTo, hook.Service})
		}
	}
	return edges
}

// dependsOn returns the volume and the storage class of a claim.
func (n *PVCNode) dependsOn(*Graph) []Edge {
	var edges []Edge
	if n.Volume != "" {
		edges = append(edges, Edge{Binds, Ref{Kind: PV, Name: n.Volume}})
	}
	if n.StorageClass != "" {
		edges = append(edges, Edge{Binds, Ref{Kind: StorageClass, Name: n.StorageClass}})
	}
	return edges
}

func (n *IngressNode) dependsOn(*Graph) []Edge {
	var edges []Edge
	for _, backend := range n.Backends {
		edges = append(edges, Edge{RoutesTo, Ref{Service, n.Namespace, backend.Service}})
	}
	for _, secret := range n.TLSSecrets {
		edges = append(edges, Edge{Refers, Ref{Secret, n.Namespace, secret}})
	}
	if n.Class != "" {
		edges = append(edges, Edge{Refers, Ref{Kind: IngressClass, Name: n.Class}})
	}
	return edges
}

// workloadEdges are the dependencies of the Pods of a workload: the objects in their spec, and their nodes.
func (g *Graph) workloadEdges(ref Ref, spec *PodSpec) []Edge {
	var edges []Edge
	if spec != nil {
		for _, r := range spec.Refs {
			kind := Refers
			if r.Kind == PVC {
				kind = Mounts
			}
			edges = append(edges, Edge{kind, Ref{r.Kind, ref.Namespace, r.Name}})
		}
		if spec.ServiceAccount != "" {
			edges = append(edges, Edge{Refers, Ref{ServiceAccount, ref.Namespace, spec.ServiceAccount}})
		}
	}
	for _, pod := range g.PodsOf(ref) {
		if pod.NodeName != "" {
			edges = append(edges, Edge{RunsOn, Ref{Kind: Node, Name: pod.NodeName}})
		}
	}
	return edges
}

// claimEdges are the claims of one claim template of a StatefulSet: template-set-ordinal.
func (g *Graph) claimEdges(set *WorkloadNode, template string) []Edge {
	var edges []Edge
	for _, pod := range g.PodsOf(set.Ref) {
		edges = append(edges, Edge{Mounts, Ref{PVC, set.Namespace, template + "-" + pod.Name}})
	}
	return edges
}

func (g *Graph) owners(pods []*PodNode) []Ref {
	var owners []Ref
	seen := map[Ref]bool{}
	for _, pod := range pods {
		owner := g.TopOwner(pod.Ref)
		if !seen[owner] {
			seen[owner] = true
			owners = append(owners, owner)
		}
	}
	slices.SortFunc(owners, Ref.Compare)
	return owners
}

func distinct(edges []Edge) []Edge {
	seen := make(map[Ref]bool, len(edges))
	return slices.DeleteFunc(edges, func(e Edge) bool {
		if seen[e.To] || e.To.Name == "" {
			return true
		}
		seen[e.To] = true
		return false
	})
}
