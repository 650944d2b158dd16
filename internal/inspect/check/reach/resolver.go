package reach

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// OtherResolver returns the obstacle of the name of a Service that Pods look up where Services are not known: at the resolver of their
// node (dnsPolicy Default, or ClusterFirst on the host network), or with dnsPolicy None and search domains that do not complete the name.
// It is for names of Services whose lookup has failed: the resolver of a node may forward to the cluster's DNS.
func (x *Index) OtherResolver(pod *facts.PodNode, host string) (Obstacle, bool) {
	ref, ok := x.Resolve(pod.Namespace, host)
	if !ok || isAddress(host) || pod.HasAlias(host) || pod.Spec == nil || pod.Spec.Lean == nil {
		return Obstacle{}, false
	}
	o := Obstacle{Key: "dns-policy", Culprits: []facts.Ref{x.g.TopOwner(pod.Ref)}}
	policy := pod.Spec.Lean.DNSPolicy
	switch {
	case policy != corev1.DNSNone && addsNameservers(pod):
		return Obstacle{}, false // they may know Services
	case policy == corev1.DNSDefault:
		o.Why = "dnsPolicy is Default, so that the Pods use the resolver of their node, which does not know Services"
		o.Fix = remedy.Sprintf("Set dnsPolicy: ClusterFirst in the Pod template of %s%s.", x.g.OwnerName(pod), withHostNetwork(pod))
	case (policy == "" || policy == corev1.DNSClusterFirst) && pod.Spec.HostNetwork:
		o.Why = "the Pods are on the host network and dnsPolicy is ClusterFirst, so that they use the resolver of their node, which does " +
			"not know Services"
		o.Fix = remedy.Sprintf("Set dnsPolicy: ClusterFirstWithHostNet in the Pod template of %s.", x.g.OwnerName(pod))
	case policy == corev1.DNSNone && !completes(searches(pod), host, ref):
		o.Why = fmt.Sprintf("dnsPolicy is None, and no search domain of dnsConfig completes %s", host)
		o.Fix = remedy.Sprintf("Add %s.svc.cluster.local (with the domain of your cluster) to dnsConfig.searches in the Pod template of "+
			"%s, or use the complete name of the Service.", pod.Namespace, x.g.OwnerName(pod))
		o.Evidence = []check.Evidence{check.FromSpec("dnsConfig.searches: %s", orNone(searches(pod)))}
		return o, true
	default:
		return Obstacle{}, false
	}
	o.Evidence = []check.Evidence{check.FromSpec("dnsPolicy: %s; hostNetwork: %t", orClusterFirst(policy), pod.Spec.HostNetwork)}
	return o, true
}

func withHostNetwork(pod *facts.PodNode) string {
	if pod.Spec.HostNetwork {
		return " (ClusterFirstWithHostNet, since it uses the host network)"
	}
	return ""
}

// addsNameservers reports whether dnsConfig has nameservers, which are asked beside those of dnsPolicy.
func addsNameservers(pod *facts.PodNode) bool {
	config := pod.Spec.Lean.DNSConfig
	return config != nil && len(config.Nameservers) > 0
}

func searches(pod *facts.PodNode) []string {
	if config := pod.Spec.Lean.DNSConfig; config != nil {
		return config.Searches
	}
	return nil
}

// completes reports whether a name is complete, or one of the search domains completes it to that of the Service.
func completes(domains []string, host string, service facts.Ref) bool {
	return slices.ContainsFunc(append([]string{""}, domains...), func(domain string) bool {
		labels := strings.Split(strings.Trim(host+"."+domain, "."), ".")
		i := slices.Index(labels, "svc")
		return i >= 2 && i+1 < len(labels) && labels[i-1] == service.Namespace && labels[i-2] == service.Name
	})
}

func orNone(domains []string) string {
	if len(domains) == 0 {
		return "none"
	}
	return strings.Join(domains[:min(len(domains), 6)], ", ")
}

func orClusterFirst(policy corev1.DNSPolicy) corev1.DNSPolicy {
	if policy == "" {
		return corev1.DNSClusterFirst
	}
	return policy
}
