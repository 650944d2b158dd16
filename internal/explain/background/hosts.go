package background

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/hostname"
	"kubeops.io/kubeops/internal/text"
)

// maxHosts are resolved for one root cause.
const maxHosts = 5

// hosts resolves the hosts in environment variables, commands and logs to Services, and describes the Services that select the Pods.
func (g *gatherer) hosts(ctx context.Context, s *subject) {
	r := newResolver(g, s.namespace())
	uses := g.hostsOf(s)
	for _, use := range uses[:min(len(uses), maxHosts)] {
		r.resolve(ctx, use)
	}
	services, read := r.list(ctx, r.namespace)
	if !read {
		return
	}
	selecting := 0
	for _, service := range services {
		if len(service.Spec.Selector) > 0 && selectsAll(service.Spec.Selector, s.labels()) && selecting < 2 {
			selecting++
			text := r.describe(ctx, &service, 0)
			// Whether it has ready endpoints follows from the Pods, and changes while they crash on.
			key, _, _ := strings.Cut(text, " It has ready endpoints.")
			key, _, _ = strings.Cut(key, " But n")
			g.add("service", v1alpha1.EvidenceSpec, "Service that selects the Pods of "+s.title(), text, key)
		}
	}
}

// usedHost is a host and where it is named.
type usedHost struct {
	hostname.Use
	where string
}

// hostsOf the worst Pod: those of its logs first.
func (g *gatherer) hostsOf(s *subject) []usedHost {
	var found []usedHost
	add := func(where string, uses ...hostname.Use) {
		for _, use := range uses {
			same := func(known usedHost) bool { return known.Host == use.Host && (known.Port == use.Port || use.Port == 0) }
			alias := slices.ContainsFunc(s.spec().HostAliases, func(a corev1.HostAlias) bool {
				return slices.Contains(a.Hostnames, use.Host)
			})
			if clusterHost(use.Host) && !alias && !slices.ContainsFunc(found, same) {
				found = append(found, usedHost{use, where})
			}
		}
	}
	for _, log := range g.logged {
		add("the log", unresolved(log)...)
		add("the log", hostname.In(log)...)
	}
	for _, c := range slices.Concat(s.spec().InitContainers, s.spec().Containers) {
		for _, env := range c.Env {
			add("env "+env.Name+" of container "+c.Name, hostname.In(env.Value)...)
			if use, ok := hostname.Parse(env.Value); ok && namesHost(env.Name) {
				add("env "+env.Name+" of container "+c.Name, use)
			}
		}
		command := strings.Join(slices.Concat(c.Command, c.Args), " ")
		add("the command of container "+c.Name, hostname.In(command)...)
		add("the command of container "+c.Name, unresolved(command)...)
	}
	return found
}

// namesHost reports whether the value of a variable is a host. The last word of its name says what it is: the value of BROKER_PASSWORD or
// GHOST_KEY may look like a host, and is none.
func namesHost(variable string) bool {
	return regexp.MustCompile(`(?i)(?:^|[_.-]|DB|REDIS|MYSQL|PG|SMTP|MAIL)` +
		`(?:HOST(?:_?NAME)?|ADDR(?:ESS)?|SERVER|ENDPOINT|URL|URI|BROKER|SERVICE)S?$`).MatchString(variable)
}

// unresolved finds names that a program could not resolve, or waits for, in its log or command.
func unresolved(log string) []hostname.Use {
	name := regexp.MustCompile(`(?i)(?:bad address|lookup|nslookup|host name|getaddrinfo \w+|resolve(?: host)?:?|` +
		`unknown (?:mysql server )?host|waiting for|nc -z|ping -c ?1|no such host:?) ["']?([a-z0-9]([a-z0-9.-]*[a-z0-9])?)\b`)
	var found []hostname.Use
	for _, match := range name.FindAllStringSubmatch(log, 16) {
		if use, ok := hostname.Parse(match[1]); ok && !slices.Contains([]string{"host", "the", "a", "for", "service"}, use.Host) {
			found = append(found, use)
		}
	}
	return found
}

// clusterHost reports whether a name may be that of a Service: one or two labels, or one that ends with svc.
func clusterHost(host string) bool {
	if host == "localhost" || regexp.MustCompile(`^[\d.]+$|:`).MatchString(host) {
		return false
	}
	host = strings.TrimSuffix(strings.TrimSuffix(host, ".cluster.local"), ".svc")
	return strings.Count(host, ".") <= 1
}

// resolver resolves hosts to Services.
type resolver struct {
	*gatherer
	namespace string
	// services by namespace.
	services map[string][]corev1.Service
	// partial is set for namespaces with more Services than were read: what is not among them may exist.
	partial map[string]bool
}

// newResolver resolves the hosts that Pods of a namespace use.
func newResolver(g *gatherer, namespace string) *resolver {
	return &resolver{gatherer: g, namespace: namespace, services: map[string][]corev1.Service{}, partial: map[string]bool{}}
}

// list returns the Services of a namespace.
func (r *resolver) list(ctx context.Context, namespace string) ([]corev1.Service, bool) {
	if known, read := r.services[namespace]; read {
		return known, true
	}
	list := &corev1.ServiceList{}
	if !r.ok("services", r.cluster.List(ctx, list, client.InNamespace(namespace), client.Limit(maxObjects))) {
		return nil, false
	}
	r.services[namespace] = list.Items
	r.partial[namespace] = list.Continue != ""
	return list.Items, true
}

// resolve describes the Service that a host names, or that there is none.
func (r *resolver) resolve(ctx context.Context, use usedHost) {
	cut := strings.TrimSuffix(strings.TrimSuffix(use.Host, ".cluster.local"), ".svc")
	name, namespace, qualified := strings.Cut(cut, ".")
	if !qualified {
		namespace = r.namespace
	}
	services, read := r.list(ctx, namespace)
	if !read {
		return
	}
	found := slices.IndexFunc(services, func(s corev1.Service) bool { return s.Name == name })
	if found < 0 && (r.partial[namespace] || qualified && cut == use.Host && r.outside(ctx, services, namespace)) {
		return
	}
	r.named(name, namespace)
	about := "host " + use.Host + " in " + use.where
	if found >= 0 {
		text := r.describe(ctx, &services[found], use.Port)
		r.add("host", v1alpha1.EvidenceSpec, about, text, text)
		return
	}
	answer := fmt.Sprintf("No Service %s exists in namespace %s, so the name does not resolve.", name, namespace)
	var names []string
	for _, s := range services {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	if similar := text.Similar(names, name); similar != "" {
		r.named(similar)
		answer += " Service " + similar + " has a similar name."
	} else if len(names) > 0 {
		r.named(names[:min(len(names), 10)]...)
		answer += " Its Services: " + text.List(names, 10) + "."
	}
	r.add("host", v1alpha1.EvidenceSpec, about, answer, answer)
}

// outside reports whether two labels may be the name of something other than a Service: a host outside of the cluster, or a Pod of a
// Service in the namespace of the subject, such as kafka-0.kafka.
func (r *resolver) outside(ctx context.Context, services []corev1.Service, second string) bool {
	own, read := r.list(ctx, r.namespace)
	return len(services) == 0 || !read || r.partial[r.namespace] ||
		slices.ContainsFunc(own, func(s corev1.Service) bool { return s.Name == second })
}

// describe says which ports a Service has, what it selects, and whether that is ready. port is the one that is asked for, or 0.
func (r *resolver) describe(ctx context.Context, service *corev1.Service, port int32) string {
	r.named(service.Name)
	var ports []string
	known := port == 0
	for _, p := range service.Spec.Ports {
		known = known || p.Port == port
		ports = append(ports, fmt.Sprintf("%d/%s to %s of the Pods", p.Port, protocol(p.Protocol), p.TargetPort.String()))
	}
	lines := []string{"Service " + service.Namespace + "/" + service.Name + " has ports: " + strings.Join(ports, ", ") + "."}
	if service.Spec.Type == corev1.ServiceTypeExternalName {
		return "Service " + service.Namespace + "/" + service.Name + " is an alias of " + service.Spec.ExternalName + "."
	}
	if !known {
		lines = append(lines, fmt.Sprintf("It has no port %d.", port))
	}
	if len(service.Spec.Selector) > 0 {
		lines = append(lines, "It selects "+compact(service.Spec.Selector)+".")
	}
	slicesOf := &discoveryv1.EndpointSliceList{}
	err := r.cluster.List(ctx, slicesOf, client.InNamespace(service.Namespace), client.Limit(maxObjects),
		client.MatchingLabels{discoveryv1.LabelServiceName: service.Name})
	if !r.ok("endpointslices", err) {
		return strings.Join(lines, " ")
	}
	state := "no Pod matches, so it has no endpoints"
	for _, slice := range slicesOf.Items {
		for _, endpoint := range slice.Endpoints {
			if endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready {
				return strings.Join(append(lines, "It has ready endpoints."), " ")
			}
			state = "none of its endpoints is ready"
		}
	}
	return strings.Join(append(lines, "But "+state+"."), " ")
}

// selectsAll reports whether labels have all those of a selector.
func selectsAll(selector, labels map[string]string) bool {
	for key, value := range selector {
		if labels[key] != value {
			return false
		}
	}
	return true
}
