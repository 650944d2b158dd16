package exposure

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
)

// hostsOf returns the distinct hosts of an Ingress's rules, in their order. An Ingress without rules, whose default
// backend receives everything, has the host "".
func hostsOf(ingress *facts.IngressNode) []string {
	if len(ingress.Hosts) == 0 {
		return []string{""}
	}
	var hosts []string
	seen := map[string]bool{}
	for _, host := range ingress.Hosts {
		if host = strings.ToLower(host); !seen[host] {
			seen[host] = true
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// tlsCovers reports whether the tls entries cover a host: by name, by a wildcard for its first label, or by an entry
// without hosts, which covers all.
func tlsCovers(host string, tls map[string]bool) bool {
	_, domain, _ := strings.Cut(host, ".")
	return tls[""] || tls[host] || (domain != "" && tls["*."+domain])
}

// alwaysEncrypts reports whether Ingresses of a class always use TLS.
func alwaysEncrypts(class string) bool {
	return slices.ContainsFunc([]string{"tailscale", "cloudflare", "ngrok"},
		func(name string) bool { return strings.Contains(class, name) })
}

// provesDomain reports whether an Ingress only answers ACME challenges, which come without TLS.
func provesDomain(ingress *facts.IngressNode) bool {
	return len(ingress.Backends) > 0 && !slices.ContainsFunc(ingress.Backends, func(b facts.IngressBackend) bool {
		return !strings.HasPrefix(b.Path, "/.well-known/acme-challenge")
	})
}

// publicName reports whether a host name may be public.
func publicName(host string) bool {
	if !strings.Contains(host, ".") {
		return false
	}
	return !slices.ContainsFunc(
		[]string{".local", ".internal", ".localhost", ".lan", ".test", ".home.arpa", ".corp", ".intranet"},
		func(suffix string) bool {
			return strings.HasSuffix(host, suffix)
		},
	)
}

func ingressWithoutTLS(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, ingress := range g.Ingresses {
		if !ingress.Deleting.IsZero() || ingress.TLSElsewhere || alwaysEncrypts(ingress.Class) || provesDomain(ingress) {
			continue
		}
		tls := map[string]bool{}
		for _, host := range ingress.TLSHosts {
			tls[strings.ToLower(host)] = true
		}
		open := slices.DeleteFunc(hostsOf(ingress), func(host string) bool { return tlsCovers(host, tls) })
		if len(open) == 0 || (open[0] == "" && len(open) == 1 && len(tls) > 0) {
			continue // a catch-all beside TLS hosts is not a separate site
		}
		finding := check.Finding{
			Object:   ingress.Ref,
			Message:  fmt.Sprintf("Ingress %s serves %s without TLS.", ingress.Name, hostNames(open)),
			Evidence: []check.Evidence{check.FromSpec("hosts without a tls entry: %s", hostNames(open))},
			Remediation: remedy.Sprintf(
				"Add the host and a Secret with its certificate to spec.tls: `kubectl -n %s edit ingress %s`. cert-manager issues and "+
					"renews certificates.",
				ingress.Namespace,
				ingress.Name,
			),
		}
		if len(tls) > 0 {
			finding.Evidence = append(finding.Evidence, check.FromSpec("hosts with a tls entry: %s", phrase.List(ingress.TLSHosts)))
		}
		if !slices.ContainsFunc(open, publicName) {
			finding.Severity = v1alpha1.SeverityLow
		}
		findings = append(findings, finding)
	}
	return findings
}

func hostNames(hosts []string) string {
	named := slices.Clone(hosts)
	for i := range named {
		if named[i] == "" {
			named[i] = "every host"
		}
	}
	return phrase.List(named)
}

func ingressHostWildcard(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, ingress := range g.Ingresses {
		if !ingress.Deleting.IsZero() || len(ingress.Hosts) == 0 {
			continue
		}
		for _, host := range hostsOf(ingress) {
			if host != "" && !strings.HasPrefix(host, "*.") {
				continue
			}
			finding := check.Finding{
				Object: ingress.Ref, Discriminator: cmp.Or(host, "*"),
				Message:     fmt.Sprintf("Ingress %s serves every host: one of its rules has no host.", ingress.Name),
				Evidence:    []check.Evidence{check.FromSpec("a rule without host")},
				Remediation: remedy.Sprintf("List the intended hosts: `kubectl -n %s edit ingress %s`.", ingress.Namespace, ingress.Name),
			}
			if host != "" {
				finding.Message = fmt.Sprintf("Ingress %s serves every name below %s.", ingress.Name, strings.TrimPrefix(host, "*."))
				finding.Evidence = []check.Evidence{check.FromSpec("host: %s", host)}
			}
			findings = append(findings, finding)
		}
	}
	return findings
}

// hostClaim is a host and path that only one Ingress can serve.
type hostClaim struct {
	class, host, path string
	exact             bool
}

// hostClaimant is the oldest Ingress with a claim, and its backend.
type hostClaimant struct {
	ingress *facts.IngressNode
	to      facts.IngressBackend
}

func ingressHostsClash(g *facts.Graph, _ check.Params) []check.Finding {
	standard := defaultClass(g)
	byAge := slices.DeleteFunc(slices.Clone(g.Ingresses), func(i *facts.IngressNode) bool { return !i.Deleting.IsZero() || i.Shares })
	slices.SortStableFunc(byAge, func(a, b *facts.IngressNode) int { return cmp.Or(a.Created.Compare(b.Created), a.Compare(b.Ref)) })
	holders := map[hostClaim]hostClaimant{}
	var findings []check.Finding
	for _, ingress := range byAge {
		findings = append(findings, clashesOf(ingress, cmp.Or(ingress.Class, standard), holders)...)
	}
	slices.SortStableFunc(findings, func(a, b check.Finding) int { return a.Object.Compare(b.Object) })
	return findings
}

// defaultClass is the class of Ingresses without one; empty if the default is missing or ambiguous.
func defaultClass(g *facts.Graph) string {
	name := ""
	for _, class := range g.IngressClasses {
		if class.Default && name != "" {
			return ""
		}
		if class.Default {
			name = class.Name
		}
	}
	return name
}

// clashesOf compares an Ingress with older ones and records its claims. There is one finding for
// each host and each older Ingress.
func clashesOf(ingress *facts.IngressNode, class string, holders map[hostClaim]hostClaimant) []check.Finding {
	type pair struct {
		host  string
		other facts.Ref
	}
	at := map[pair]int{}
	var findings []check.Finding
	for i, backend := range ingress.Backends {
		if i == 0 && ingress.DefaultBackend && backend.Host == "" && backend.Path == "" {
			continue
		}
		mine := hostClaim{class, strings.ToLower(backend.Host), cmp.Or(backend.Path, "/"), backend.Exact}
		holder, taken := holders[mine]
		if !taken {
			holders[mine] = hostClaimant{ingress, backend}
			continue
		}
		if holder.ingress == ingress || sameTarget(ingress, backend, holder) {
			continue
		}
		other := holder.ingress.Ref
		key := pair{mine.host, other}
		index, known := at[key]
		if !known {
			index = len(findings)
			at[key] = index
			findings = append(findings, clash(ingress, mine.host, other))
		}
		if evidence := &findings[index].Evidence; len(*evidence) < 3 {
			*evidence = append(*evidence,
				check.FromSpec("path %s: Service %s here, Service %s there", mine.path, backend.Service, holder.to.Service))
		}
	}
	return findings
}

// sameTarget reports whether both Ingresses route to the same Service and port.
func sameTarget(ingress *facts.IngressNode, backend facts.IngressBackend, holder hostClaimant) bool {
	return ingress.Namespace == holder.ingress.Namespace && backend.Service == holder.to.Service && backend.Port == holder.to.Port &&
		backend.PortName == holder.to.PortName
}

func clash(ingress *facts.IngressNode, host string, other facts.Ref) check.Finding {
	whose := "Ingress " + other.Name
	if other.Namespace != ingress.Namespace {
		whose += " in namespace " + other.Namespace
	}
	return check.Finding{
		Object: ingress.Ref, Discriminator: cmp.Or(host, "*") + " " + other.Namespace + "/" + other.Name,
		Message: fmt.Sprintf("Ingress %s routes a path of %s that %s routes to another Service.", ingress.Name, hostNames([]string{host}),
			whose),
		Remediation: remedy.Sprintf(
			"Remove the host or path from one of them: `kubectl -n %s edit ingress %s` or `kubectl -n %s edit ingress %s`.",
			ingress.Namespace,
			ingress.Name,
			other.Namespace,
			other.Name,
		),
	}
}
