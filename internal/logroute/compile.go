package logroute

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/logroute/meter"
	"kubeops.io/kubeops/internal/problem"
)

// Compile turns all LogBackends that collect into one configuration per collector. A LogBackend that cannot be routed is a
// problem of its own and keeps no other from being routed. The order of the list means nothing.
func Compile(backends []Backend, options Options) (Compiled, error) {
	out := Compiled{Collectors: map[v1alpha1.CollectorType]Configuration{}, Problems: map[types.NamespacedName]*problem.Problem{}}
	backends = slices.Clone(backends)
	// The older comes first and keeps its route where two contradict each other.
	slices.SortFunc(backends, func(x, y Backend) int {
		if c := x.Created.Compare(y.Created); c != 0 {
			return c
		}
		return strings.Compare(x.Name.String(), y.Name.String())
	})
	var routes []*route
	for i := range backends {
		r, p := check(&backends[i], options)
		if p == nil {
			p = r.weigh(printers()[r.collector()])
		}
		if p == nil {
			p = conflict(r, routes)
		}
		if p != nil {
			out.Problems[backends[i].Name] = p
			continue
		}
		routes = append(routes, r)
	}
	slices.SortFunc(routes, func(x, y *route) int { return strings.Compare(x.Name.String(), y.Name.String()) })
	for collector, print := range printers() {
		mine := slices.DeleteFunc(slices.Clone(routes), func(r *route) bool { return r.collector() != collector })
		mine = fit(mine, options.capacity(), func(r *route, p *problem.Problem) { out.Problems[r.Name] = p })
		if len(mine) == 0 {
			continue
		}
		files, err := print(mine)
		if err != nil {
			return out, err
		}
		files[routesFile] = ids(mine)
		out.Collectors[collector] = Configuration{
			Files: files, Secrets: secrets(mine), Targets: targets(mine), Routes: names(mine), Earlier: earlier(mine),
		}
	}
	return out, nil
}

func printers() map[v1alpha1.CollectorType]filesOf {
	return map[v1alpha1.CollectorType]filesOf{v1alpha1.CollectorVector: vectorFiles, v1alpha1.CollectorFluentd: fluentdFiles}
}

// conflict with a route that was there before: the same place would store the same line twice, transformed in two ways.
func conflict(r *route, earlier []*route) *problem.Problem {
	for _, other := range earlier {
		if r.place() == other.place() && r.overlaps(other.selection) {
			return problem.UserError(v1alpha1.ReasonConflictingRoutes, nil,
				"LogBackend %s stores in the same place and may select the same lines, which would be stored twice; "+
					"change the selectors of one, or remove its spec.collect", other.Name)
		}
	}
	return nil
}

func (r *route) collector() v1alpha1.CollectorType {
	if r.Collect.Collector == "" {
		return v1alpha1.CollectorVector
	}
	return r.Collect.Collector
}

// identity of a backend's components: readable, unique, and short enough for a folder's name. It follows from the name only, so
// that what waits in a buffer is sent after a change of the spec, too.
func identity(b *Backend) string { return identityOf(b.Name) }

func identityOf(backend types.NamespacedName) string {
	const most = 40
	sum := sha256.Sum256([]byte(backend.String()))
	plain := func(name string) string {
		name = strings.Map(func(c rune) rune {
			if (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') {
				return c
			}
			return '_'
		}, name)
		return name[:min(len(name), most)]
	}
	return "b_" + plain(backend.Namespace) + "_" + plain(backend.Name) + "_" + hex.EncodeToString(sum[:5])
}

// Names of a route's secrets. Vector takes letters, digits, _ and dots.
func (r *route) authKey() string        { return r.id + ".authorization" }
func (r *route) caKey() string          { return r.id + ".ca.crt" }
func (r *route) certificateKey() string { return r.id + ".tls.crt" }
func (r *route) keyKey() string         { return r.id + ".tls.key" }

func secrets(routes []*route) map[string][]byte {
	all := map[string][]byte{}
	add := func(name string, content []byte) {
		if len(content) > 0 {
			all[name] = content
		}
	}
	for _, r := range routes {
		add(r.authKey(), []byte(r.authorization))
		if r.secure() {
			add(r.caKey(), r.pem.ca)
			add(r.certificateKey(), r.pem.certificate)
			add(r.keyKey(), r.pem.key)
		}
	}
	return all
}

func (r *route) secure() bool { return strings.HasPrefix(r.url, "https://") }

func targets(routes []*route) []Target {
	var all []Target
	for _, r := range routes {
		all = append(all, r.target)
	}
	slices.SortFunc(all, func(x, y Target) int {
		if c := strings.Compare(x.Host, y.Host); c != 0 {
			return c
		}
		return int(x.Port - y.Port)
	})
	return slices.Compact(all)
}

// ids of the routes, one in a line: what else is in the folder of buffers is of routes that are gone.
func ids(routes []*route) string {
	var all strings.Builder
	for _, r := range routes {
		all.WriteString(r.id + "\n")
	}
	return all.String()
}

func names(routes []*route) []types.NamespacedName {
	var all []types.NamespacedName
	for _, r := range routes {
		all = append(all, r.Name)
	}
	return all
}

// earlier is what was counted of the routes before this manager read them, by id.
func earlier(routes []*route) map[string]meter.Earlier {
	all := make(map[string]meter.Earlier, len(routes))
	for _, r := range routes {
		one := meter.Earlier{Place: r.place(), UID: r.UID, Created: r.Created}
		if c := r.Counted; c != nil {
			one.Sent = c.Sent
			one.Refused = c.Refused
			one.Dropped = c.Dropped
			one.Since = c.Since.Time
		}
		all[r.id] = one
	}
	return all
}
