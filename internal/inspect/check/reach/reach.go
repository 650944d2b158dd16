// Package reach finds out why a Pod cannot reach a host: a Service that does not exist, has no such port or no endpoints, or a
// NetworkPolicy. It answers only what the facts prove.
package reach

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/endpoints"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/kubectl"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

// Obstacle is why a Pod cannot reach a host.
type Obstacle struct {
	// Key distinguishes obstacles of one workload, and is stable: dns, or the name of the Service.
	Key string
	// Why completes a sentence about the host, in words that are stable between runs.
	Why string
	// Fix is what to do.
	Fix remedy.Text
	// Evidence proves it.
	Evidence []check.Evidence
	// Culprits are the objects to blame, which may not exist.
	Culprits []facts.Ref
}

// Index answers questions about one graph. It is not safe for concurrent use.
type Index struct {
	g        *facts.Graph
	params   check.Params
	policies map[string][]*facts.NetworkPolicyNode
	byIP     map[string]*facts.ServiceNode
	// found has the answers so far: the Pods of a workload ask the same.
	found map[question]answer
}

// question is what Find was asked. Pods of one owner with one spec have the same labels.
type question struct {
	owner facts.Ref
	spec  *facts.PodSpec
	host  string
	port  int32
}

type answer struct {
	obstacle Obstacle
	found    bool
}

// NewIndex returns an index of the Services and policies of a graph.
func NewIndex(g *facts.Graph, params check.Params) *Index {
	x := &Index{
		g: g, params: params, policies: map[string][]*facts.NetworkPolicyNode{}, byIP: map[string]*facts.ServiceNode{},
		found: map[question]answer{},
	}
	for _, policy := range g.NetworkPolicies {
		if policy.Deleting.IsZero() {
			x.policies[policy.Namespace] = append(x.policies[policy.Namespace], policy)
		}
	}
	for _, service := range g.Services {
		if service.ClusterIP != "" {
			x.byIP[service.ClusterIP] = service
		}
	}
	return x
}

// ServiceAt is the Service with a cluster IP, or nil.
func (x *Index) ServiceAt(ip string) *facts.ServiceNode { return x.byIP[ip] }

// Resolve returns the Service that a host means to Pods of a namespace: cart, cart.shop, cart.shop.svc and longer, the name of a Pod
// below a headless Service, or a cluster IP. It is false for other hosts. The Service need not exist where the name says that a Service
// is meant: it contains svc.
func (x *Index) Resolve(namespace, host string) (facts.Ref, bool) {
	if _, err := netip.ParseAddr(host); err == nil {
		if service := x.byIP[host]; service != nil {
			return service.Ref, true
		}
		return facts.Ref{}, false
	}
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	if i := slices.Index(labels, "svc"); i >= 2 && i <= 3 && clusterDomain(labels[i+1:]) {
		return facts.Ref{Kind: facts.Service, Namespace: labels[i-1], Name: labels[i-2]}, true
	}
	var ref facts.Ref
	switch len(labels) {
	case 1:
		ref = facts.Ref{Kind: facts.Service, Namespace: namespace, Name: labels[0]}
	case 2:
		ref = facts.Ref{Kind: facts.Service, Namespace: labels[1], Name: labels[0]}
	}
	return ref, !ref.IsZero() && x.g.Has(ref)
}

// clusterDomain reports whether the labels after svc are none, or the usual domain of a cluster. The domain clusterset.local has Services
// of several clusters.
func clusterDomain(labels []string) bool {
	return len(labels) == 0 || labels[0] != "clusterset" && isLocal(labels)
}

func isLocal(labels []string) bool {
	return labels[0] == "cluster" || labels[len(labels)-1] == "local" || labels[len(labels)-1] == "internal"
}

// Find returns why a Pod cannot reach a port of a host; port 0 stands for any. It is false if nothing that was read prevents it.
func (x *Index) Find(pod *facts.PodNode, host string, port int32) (Obstacle, bool) {
	q := question{x.g.TopOwner(pod.Ref), pod.Spec, host, port}
	known, asked := x.found[q]
	if !asked {
		known.obstacle, known.found = x.find(pod, host, port)
		x.found[q] = known
	}
	return known.obstacle, known.found
}

func (x *Index) find(pod *facts.PodNode, host string, port int32) (Obstacle, bool) {
	ref, ok := x.Resolve(pod.Namespace, host)
	if !ok || pod.HasAlias(host) {
		return Obstacle{}, false
	}
	if o, blocked := x.Lookup(pod); blocked && !isAddress(host) {
		return o, true
	}
	service, exists := facts.Lookup[*facts.ServiceNode](x.g, ref)
	if !exists {
		return x.missing(ref)
	}
	if service.Type == "ExternalName" || !service.Deleting.IsZero() {
		return Obstacle{}, false
	}
	if o, found := x.OtherResolver(pod, host); found && !pod.Spec.HostNetwork {
		return o, true
	}
	if o, found := x.withoutPort(service, port); found {
		return o, true
	}
	if o, found := x.unserved(service); found {
		return o, true
	}
	if o, found := x.misdirected(service, port); found {
		return o, true
	}
	return x.blocked(pod, service, port)
}

// Unknown returns the obstacle of a host whose lookup has failed: a name without a dot, of which the cluster's DNS knows only Services of
// the Pod's namespace, or the name of a Service in another namespace that exists. The resolver of the node may know others, so that it is
// no obstacle where none was seen to fail.
func (x *Index) Unknown(pod *facts.PodNode, host string) (Obstacle, bool) {
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	ref := facts.Ref{Kind: facts.Service, Namespace: pod.Namespace, Name: labels[0]}
	if len(labels) == 2 {
		ref.Namespace = labels[1]
	}
	foreign := ref.Namespace != pod.Namespace && !x.g.Has(facts.Ref{Kind: facts.Namespace, Name: ref.Namespace})
	if len(labels) > 2 || foreign || isAddress(host) || pod.HasAlias(host) || x.g.Has(ref) || !usesClusterDNS(pod) {
		return Obstacle{}, false
	}
	return x.missing(ref)
}

// usesClusterDNS reports whether a Pod looks names up as those of Services.
func usesClusterDNS(pod *facts.PodNode) bool {
	if pod.Spec == nil || pod.Spec.Lean == nil {
		return false
	}
	switch policy := pod.Spec.Lean.DNSPolicy; policy {
	case corev1.DNSClusterFirstWithHostNet:
		return true
	default:
		return (policy == "" || policy == corev1.DNSClusterFirst) && !pod.Spec.HostNetwork
	}
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// missing is a Service that does not exist, in a namespace that was read completely or that does not exist either.
func (x *Index) missing(ref facts.Ref) (Obstacle, bool) {
	if !x.g.Complete(facts.Service, ref.Namespace) {
		return Obstacle{}, false
	}
	o := Obstacle{
		Key: ref.Namespace + "/" + ref.Name, Culprits: []facts.Ref{ref},
		Why: fmt.Sprintf("Service %s does not exist in namespace %s", ref.Name, ref.Namespace),
	}
	namespace := facts.Ref{Kind: facts.Namespace, Name: ref.Namespace}
	var names []string
	for _, service := range x.g.ServicesIn(ref.Namespace) {
		names = append(names, service.Name)
	}
	switch {
	case x.g.Complete(facts.Namespace, "") && !x.g.Has(namespace):
		o.Why = fmt.Sprintf("namespace %s of the Service does not exist", ref.Namespace)
		o.Fix = "Correct the host, or create the namespace and the Service."
	case len(names) == 0:
		o.Fix = remedy.Sprintf("Correct the host, or create Service %s in namespace %s.", ref.Name, ref.Namespace)
	default:
		o.Evidence = append(o.Evidence, check.FromSpec("Services in namespace %s: %s", ref.Namespace, text.List(names, 5)))
		o.Fix = remedy.Sprintf("Correct the host, or create Service %s: `kubectl -n %s get services` lists those that exist.", ref.Name,
			ref.Namespace)
	}
	for _, other := range x.g.Services {
		if other.Name == ref.Name && other.Namespace != ref.Namespace {
			o.Evidence = append(o.Evidence, check.FromSpec("Service %s exists in namespace %s", other.Name, other.Namespace))
			break
		}
	}
	return o, true
}

func (x *Index) withoutPort(service *facts.ServiceNode, port int32) (Obstacle, bool) {
	if port == 0 || service.Headless || len(service.Ports) == 0 || slices.ContainsFunc(service.Ports, func(p facts.ServicePort) bool {
		return p.Port == port
	}) {
		return Obstacle{}, false
	}
	return Obstacle{
		Key: service.Namespace + "/" + service.Name, Culprits: []facts.Ref{service.Ref},
		Why: fmt.Sprintf("Service %s has no port %d", service.Name, port),
		Fix: remedy.Sprintf("Use a port of the Service, or add port %d to it: `kubectl -n %s get service %s`.", port, service.Namespace,
			service.Name),
		Evidence: []check.Evidence{check.FromSpec("Service %s has %s", service.Name, endpoints.ServicePorts(service))},
	}, true
}

func (x *Index) unserved(service *facts.ServiceNode) (Obstacle, bool) {
	o := Obstacle{
		Key: service.Namespace + "/" + service.Name, Culprits: []facts.Ref{service.Ref},
		Fix: "Restore the Pods of the Service: " + kubectl.Describe(service.Ref) + " shows its selector and endpoints.",
	}
	switch state := endpoints.Judge(x.g, service, x.params); state.Health {
	case endpoints.SelectsNothing:
		o.Why = fmt.Sprintf("the selector of Service %s matches no Pods", service.Name)
		if state.ScaledToZero {
			o.Why = fmt.Sprintf("Service %s has no Pods: %s %s is scaled to zero", service.Name, state.Workloads[0].Kind,
				state.Workloads[0].Name)
			o.Fix = remedy.Sprintf("Scale it up, if it is needed: `kubectl -n %s scale %s %s --replicas=1`.", service.Namespace,
				strings.ToLower(string(state.Workloads[0].Kind)), state.Workloads[0].Name)
		}
	case endpoints.NotReady:
		o.Why = fmt.Sprintf("Service %s has no ready Pods", service.Name)
	case endpoints.Unserved:
		o.Why = fmt.Sprintf("Service %s has no selector and no endpoints", service.Name)
	default:
		return Obstacle{}, false
	}
	o.Evidence = append(o.Evidence, check.FromSpec("Service %s selects %s", service.Name,
		cmp.Or(facts.SelectorFromSet(service.Selector).String(), "nothing")))
	return o, true
}
