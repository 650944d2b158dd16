package facts

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Custom stands for all kinds of custom resources. A single kind is written with its group, for example
// Certificate.cert-manager.io, since groups may have kinds of the same name.
const Custom Kind = "CustomResource"

// Kinds of custom resources with their own reducer; any other is read as metadata and conditions.
const (
	GatewayClass        Kind = "GatewayClass.gateway.networking.k8s.io"
	Gateway             Kind = "Gateway.gateway.networking.k8s.io"
	HTTPRoute           Kind = "HTTPRoute.gateway.networking.k8s.io"
	GRPCRoute           Kind = "GRPCRoute.gateway.networking.k8s.io"
	TLSRoute            Kind = "TLSRoute.gateway.networking.k8s.io"
	TCPRoute            Kind = "TCPRoute.gateway.networking.k8s.io"
	UDPRoute            Kind = "UDPRoute.gateway.networking.k8s.io"
	Certificate         Kind = "Certificate.cert-manager.io"
	CertificateRequest  Kind = "CertificateRequest.cert-manager.io"
	Issuer              Kind = "Issuer.cert-manager.io"
	ClusterIssuer       Kind = "ClusterIssuer.cert-manager.io"
	ACMEOrder           Kind = "Order.acme.cert-manager.io"
	ACMEChallenge       Kind = "Challenge.acme.cert-manager.io"
	Application         Kind = "Application.argoproj.io"
	AppProject          Kind = "AppProject.argoproj.io"
	VulnerabilityReport Kind = "VulnerabilityReport.aquasecurity.github.io"
	VPA                 Kind = "VerticalPodAutoscaler.autoscaling.k8s.io"
)

// RouteKinds are the kinds of routes of the Gateway API.
func RouteKinds() []Kind { return []Kind{HTTPRoute, GRPCRoute, TLSRoute, TCPRoute, UDPRoute} }

// CustomKinds are the kinds of custom resources with their own reducer and checks.
func CustomKinds() []Kind {
	return append(RouteKinds(),
		GatewayClass, Gateway, Certificate, CertificateRequest, Issuer, ClusterIssuer, ACMEOrder, ACMEChallenge,
		Application, AppProject, VulnerabilityReport, VPA,
	)
}

// CustomKind is the kind of a custom resource of a group.
func CustomKind(group, kind string) Kind { return Kind(kind + "." + group) }

// IsCustom reports whether the kind is written with its group, as custom resources are.
func (k Kind) IsCustom() bool { return strings.Contains(string(k), ".") }

// Name is the kind without a group, as in manifests.
func (k Kind) Name() string {
	name, _, _ := strings.Cut(string(k), ".")
	return name
}

// Group is the API group of the kind; empty for the core group.
func (k Kind) Group() string {
	if !k.IsCustom() {
		return group(k.APIVersion())
	}
	_, of, _ := strings.Cut(string(k), ".")
	if of == coreGroup {
		return ""
	}
	return of
}

// Argument is the kind as an argument of kubectl: lower-case, and with its group where it is not built in.
func (k Kind) Argument() string { return strings.ToLower(string(k)) }

// CustomNode is any custom resource: its conditions, and a few facts of well-known kinds.
type CustomNode struct {
	Meta
	// APIVersion at which it was read, for example cert-manager.io/v1.
	APIVersion string
	// Phase is status.phase or status.state; Health is status.health. Empty for kinds without them.
	Phase, Health string
	// Suspended: a user paused its reconciliation.
	Suspended bool
	// Finished is status.completionTime of kinds that run once; zero otherwise.
	Finished time.Time
	// Changed is the last write of metadata or spec, from managedFields; the creation time when unknown.
	Changed time.Time
	// Refs are objects that it depends on, for well-known kinds.
	Refs []Edge
	// Makes are Secrets that its controller creates for it.
	Makes []Ref

	// Facts of one kind each; nil for all other kinds.
	Gateway         *GatewayFacts
	Route           *RouteFacts
	Certificate     *CertificateFacts
	ACME            *ACMEFacts
	Application     *ApplicationFacts
	Vulnerabilities *VulnerabilityFacts
	VPA             *VPAFacts
}

// VPAFacts are those of a VerticalPodAutoscaler.
type VPAFacts struct {
	// Target is the workload that it sizes.
	Target Ref
	// Applies is true where it sets requests, now or when Pods are created, instead of only recommending them.
	Applies bool
}

// GatewayFacts are those of a Gateway.
type GatewayFacts struct {
	Class     string
	Listeners []Listener
}

// Listener is the state of one listener of a Gateway.
type Listener struct {
	Name       string
	Secrets    []Ref
	Conditions []Condition
}

// RouteFacts are those of a route of the Gateway API.
type RouteFacts struct {
	// Wanted are the parents in the spec; Parents those in the status, which a controller has processed.
	Wanted  []Ref
	Parents []RouteParent
	// Services that it routes to.
	Services []Ref
	// Backends are the ports of Services that it routes to, each once.
	Backends []RouteBackend
}

// RouteBackend is a port of a Service; 0 when the route states none.
type RouteBackend struct {
	Service Ref
	Port    int32
}

// RouteParent is the status of a route for one parent.
type RouteParent struct {
	Parent     Ref
	Section    string
	Conditions []Condition
}

// CertificateFacts are those of a cert-manager Certificate.
type CertificateFacts struct {
	Secret string
	Issuer Ref
	// NotAfter and Renewal are zero before the first certificate was issued.
	NotAfter, Renewal time.Time
}

// ACMEFacts are those of an ACME Order or Challenge.
type ACMEFacts struct {
	DNSName, Reason string
}

// ApplicationFacts are those of an Argo CD Application. Its health is CustomNode.Health.
type ApplicationFacts struct {
	Project, Sync string
	// HealthMessage and HealthSince belong to the health; HealthSince is zero when unknown.
	HealthMessage string
	HealthSince   time.Time
	// Automated is true with automated sync.
	Automated bool
	// Phase and Message of the last operation, and when it ended.
	Phase, Message string
	Ended          time.Time
	// Deployed is the time of the last successful sync.
	Deployed time.Time
	// Troubled are up to ten resources that are out of sync or not healthy, as kind namespace/name.
	Troubled []string
}

// VulnerabilityFacts sum up a VulnerabilityReport of the trivy-operator.
type VulnerabilityFacts struct {
	// Workload that runs the image, and the name of its container.
	Workload  Ref
	Container string
	Image     string
	// Critical and High count vulnerabilities; fixable ones have a fixed version.
	Critical, High, FixableCritical, FixableHigh int
	// Examples are up to three vulnerabilities, worst first, fixable before others.
	Examples []string
}

// Named returns the reference without its namespace, for a cluster-scoped object.
func (r Ref) Named() Ref { return Ref{Kind: r.Kind, Name: r.Name} }

// Namespaced reports whether the object has a namespace. The kind of a custom resource does not determine that.
func (r Ref) Namespaced() bool {
	if r.Kind.IsCustom() {
		return r.Namespace != ""
	}
	return r.Kind.Namespaced()
}

// indexCustomResources connects custom resources with the objects that they own and create.
func (g *Graph) indexCustomResources() {
	g.customVersions = map[Kind]string{}
	g.makers = map[Ref][]Ref{}
	g.owned = map[Ref][]Ref{}
	for _, custom := range g.CustomResources {
		g.customVersions[custom.Kind] = custom.APIVersion
		for _, made := range custom.Makes {
			g.makers[made] = append(g.makers[made], custom.Ref)
		}
	}
	unread := map[Kind]string{} // the newest version if references differ
	for _, set := range g.Workloads {
		if _, read := g.customVersions[set.Owner.Kind]; !read && set.OwnerAPIVersion > unread[set.Owner.Kind] {
			unread[set.Owner.Kind] = set.OwnerAPIVersion
		}
	}
	maps.Copy(g.customVersions, unread)
	for ref := range g.byRef {
		meta := g.MetaOf(ref)
		if owner := meta.Owner; owner.Kind.IsCustom() && owner != ref && ref.Kind != ConfigMap && ref.Kind != Secret &&
			ref.Kind != EndpointSlice {
			g.owned[owner] = append(g.owned[owner], ref)
		}
	}
	for _, owned := range g.owned {
		slices.SortFunc(owned, Ref.Compare)
	}
}

// settleOwners finds cluster-scoped custom resources among owners: an owner reference does not contain the scope.
func (g *Graph) settleOwners() {
	for ref := range g.byRef {
		if meta := g.MetaOf(ref); meta.Owner.Kind.IsCustom() {
			meta.Owner = g.settled(meta.Owner)
		}
	}
	for _, event := range g.Events {
		if event.About.Kind.IsCustom() {
			event.About = g.settled(event.About)
		}
	}
}

func (g *Graph) settled(ref Ref) Ref {
	if !g.Has(ref) && g.Has(ref.Named()) {
		return ref.Named()
	}
	return ref
}

// OwnedBy returns the objects that a custom resource controls, in a fixed order.
func (g *Graph) OwnedBy(custom Ref) []Ref { return g.owned[custom] }

// CustomsOf returns the custom resources of some kinds, in a fixed order.
func (g *Graph) CustomsOf(kinds ...Kind) []*CustomNode {
	var found []*CustomNode
	for _, custom := range g.CustomResources {
		if slices.Contains(kinds, custom.Kind) {
			found = append(found, custom)
		}
	}
	return found
}

// dependsOn returns what the spec of a custom resource names, and what its controller created for it.
func (n *CustomNode) dependsOn(g *Graph) []Edge {
	edges := slices.Clone(n.Refs)
	for _, owned := range g.owned[n.Ref] {
		edges = append(edges, Edge{Owns, owned})
	}
	return edges
}

// Above follows the owners of a custom resource to one of a kind: from a Challenge through Order and CertificateRequest to the
// Certificate.
func (g *Graph) Above(custom *CustomNode, kind Kind) (*CustomNode, bool) {
	for range maxOwners {
		owner, ok := Lookup[*CustomNode](g, custom.Owner)
		if !ok || owner.Kind == kind {
			return owner, ok
		}
		custom = owner
	}
	return nil, false
}
