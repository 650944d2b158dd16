package facts

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/internal/inspect/hostname"
)

const (
	// maxHosts of one spec are kept.
	maxHosts = 32
	// maxConfigHosts of one ConfigMap are kept, from values of at most maxConfigValue bytes: longer ones are files of data.
	maxConfigHosts = 8
	maxConfigValue = 16 << 10
)

// ConfigHost is a host in a value of a ConfigMap. The rest of the value is not kept.
type ConfigHost struct {
	Key  string
	Host string
	// Port is 0 when none is given.
	Port int32
}

// configField opens the field of a host in a ConfigMap.
const configField = "key "

// OfConfigMap reports whether a ConfigMap names the host. What looks like a host there may be something else: show it only if a Service has
// the name, or the name says that it is one.
func (h HostUse) OfConfigMap() bool { return strings.HasPrefix(h.Field, configField) }

// Where says where the host is configured.
func (h HostUse) Where() string {
	if h.OfConfigMap() {
		return h.Field + ", which container " + h.Container + " takes"
	}
	return h.Field + " of container " + h.Container
}

// hostsOf finds the hosts in commands, arguments and plain environment variables, whose other parts are not kept.
func hostsOf(s *corev1.PodSpec) []HostUse {
	var hosts []HostUse
	add := func(container, field string, uses []hostname.Use) {
		for _, use := range uses {
			found := HostUse{Container: container, Field: field, Host: use.Host, Port: use.Port}
			if len(hosts) < maxHosts && !slices.Contains(hosts, found) {
				found.Host = strings.Clone(found.Host) // it is a part of the value, which it would keep in memory
				hosts = append(hosts, found)
			}
		}
	}
	for _, containers := range [][]corev1.Container{s.InitContainers, s.Containers} {
		for i := range containers {
			c := &containers[i]
			add(c.Name, "command", hostname.In(strings.Join(c.Command, " ")))
			add(c.Name, "args", hostname.In(strings.Join(c.Args, " ")))
			for _, env := range c.Env {
				add(c.Name, "env "+env.Name, hostsInValue(env.Name, env.Value))
			}
		}
	}
	return hosts
}

// hostsInValue finds the hosts in a value, which is one itself if its name says so: DB_HOST, redis.addr.
func hostsInValue(name, value string) []hostname.Use {
	if uses := hostname.In(value); len(uses) > 0 {
		return uses
	}
	name = strings.ToLower(name)
	for _, end := range []string{"host", "hostname", "server", "addr", "address", "endpoint"} {
		if strings.HasSuffix(name, end) {
			if use, ok := hostname.Parse(value); ok {
				return []hostname.Use{use}
			}
		}
	}
	return nil
}

// configHosts finds the hosts in the values of a ConfigMap that may be Services: names of at most two labels, and those with svc.
func configHosts(data map[string]string) []ConfigHost {
	var hosts []ConfigHost
	for _, key := range slices.Sorted(maps.Keys(data)) {
		value := data[key]
		if len(value) > maxConfigValue || strings.HasPrefix(value, "-----BEGIN ") {
			continue
		}
		for _, use := range hostsInValue(key, withoutComments(value)) {
			if strings.Count(use.Host, ".") > 1 && !strings.Contains(use.Host+".", ".svc.") {
				continue
			}
			// A copy: the host is a part of the value, which it would keep in memory.
			if hosts = append(hosts, ConfigHost{Key: key, Host: strings.Clone(use.Host), Port: use.Port}); len(hosts) == maxConfigHosts {
				return hosts
			}
		}
	}
	return hosts
}

// withoutComments drops the comments of a file: examples name hosts that need not exist.
func withoutComments(value string) string {
	if !strings.Contains(value, "\n") {
		return value
	}
	var kept strings.Builder
	for line := range strings.Lines(value) {
		start := strings.TrimLeft(line, " \t")
		if slices.ContainsFunc([]string{"#", "//", ";", "-- ", "/*", "* ", "<!--"}, func(opening string) bool {
			return strings.HasPrefix(start, opening)
		}) {
			continue
		}
		for _, opening := range []string{" #", "\t#", " //", "\t//"} {
			line, _, _ = strings.Cut(line, opening)
		}
		kept.WriteString(line)
		kept.WriteByte('\n')
	}
	return kept.String()
}

// HostsOf are the hosts that a container of a Pod is configured with: by its spec, and by ConfigMaps that its environment or its volumes
// take. Those of volumes come last. At most 32.
func (g *Graph) HostsOf(pod *PodNode, container string) []HostUse {
	if pod.Spec == nil {
		return nil
	}
	var hosts []HostUse
	for _, host := range pod.Spec.Hosts {
		if host.Container == container {
			hosts = append(hosts, host)
		}
	}
	for _, file := range []bool{false, true} {
		for _, ref := range pod.Spec.Refs {
			if ref.Kind == ConfigMap && takes(pod, container, ref) && file != inEnvironment(container, ref) {
				hosts = g.withHosts(hosts, pod, container, ref, file)
			}
		}
	}
	return hosts[:min(len(hosts), maxHosts)]
}

// withHosts adds the hosts of a ConfigMap that a container takes and that are not known yet.
func (g *Graph) withHosts(hosts []HostUse, pod *PodNode, container string, ref SpecRef, file bool) []HostUse {
	config, ok := Lookup[*ConfigNode](g, Ref{Kind: ConfigMap, Namespace: pod.Namespace, Name: ref.Name})
	if !ok {
		return hosts
	}
	for _, host := range config.Hosts {
		if ref.Key != "" && ref.Key != host.Key {
			continue
		}
		same := func(h HostUse) bool { return h.Host == host.Host && (h.Port == host.Port || host.Port == 0) }
		if !slices.ContainsFunc(hosts, same) {
			field := configField + host.Key + " of ConfigMap " + ref.Name
			hosts = append(hosts, HostUse{Container: container, Field: field, Host: host.Host, Port: host.Port, File: file})
		}
	}
	return hosts
}

// inEnvironment reports whether a reference is one of a container's environment.
func inEnvironment(container string, ref SpecRef) bool {
	return strings.HasSuffix(ref.Field, " of container "+container)
}

// takes reports whether a reference of a Pod is one of a container, or of a volume that the container mounts.
func takes(pod *PodNode, container string, ref SpecRef) bool {
	if inEnvironment(container, ref) {
		return true
	}
	if pod.Spec.Lean == nil {
		return false
	}
	for _, containers := range [][]corev1.Container{pod.Spec.Lean.InitContainers, pod.Spec.Lean.Containers} {
		for i := range containers {
			if containers[i].Name == container {
				return slices.ContainsFunc(containers[i].VolumeMounts, func(m corev1.VolumeMount) bool {
					return VolumeField(m.Name) == ref.Field
				})
			}
		}
	}
	return false
}
