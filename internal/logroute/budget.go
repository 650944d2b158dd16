package logroute

import (
	"cmp"
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// All routes of a collector share one configuration, one Secret and one process. What one LogBackend may add to them is bounded, and
// what all add together is bounded by leaving out routes of the namespace that adds the most, so that no namespace can push out others.
const (
	// maxRouteBytes is what one route may add to the files of its collector.
	maxRouteBytes = 128 << 10
	// maxRouteSecretBytes is what one route may add to the Secret: a bundle of 100 certificate authorities has about 200 KiB.
	maxRouteSecretBytes = 256 << 10
	// maxFileBytes and maxSecretBytes bound all routes of a collector. The API server accepts 1 MiB for a ConfigMap and for a Secret.
	maxFileBytes   = 900 << 10
	maxSecretBytes = 900 << 10
	// maxRouteCost and maxAllCost bound the compiled size of the expressions of one route and of all; see maxCost. An expression at
	// maxCost takes up to 10 MiB of the 512 MiB of a collector.
	maxRouteCost = 3 * maxCost
	maxAllCost   = 10 * maxCost
)

// weight is what a route adds to its collector: bytes of the files, of the Secret and of the disk of each node, and the compiled size of
// its expressions.
type weight struct{ files, secrets, disk, cost int64 }

func (w weight) plus(other weight) weight {
	return weight{w.files + other.files, w.secrets + other.secrets, w.disk + other.disk, w.cost + other.cost}
}

// capacity is what all routes of a collector together may add.
func (o Options) capacity() weight {
	return weight{maxFileBytes, maxSecretBytes, cmp.Or(o.BufferDisk, DefaultBufferDisk), maxAllCost}
}

// share is the largest part of a capacity that a weight takes; above 1 it exceeds it.
func (w weight) share(of weight) float64 {
	part := func(used, all int64) float64 { return float64(used) / float64(all) }
	return max(part(w.files, of.files), part(w.secrets, of.secrets), w.diskShare(of), part(w.cost, of.cost))
}

func (w weight) diskShare(of weight) float64 { return float64(w.disk) / float64(of.disk) }

// filesOf prints the files of a collector.
type filesOf func([]*route) (map[string]string, error)

// weigh a route by printing it alone. What cannot be printed alone would keep all routes from being printed.
func (r *route) weigh(print filesOf) *problem.Problem {
	common, err := print(nil)
	if err != nil {
		return problem.Retrying(v1alpha1.ReasonRetrying, err, "the configuration of the collector cannot be written")
	}
	files, err := print([]*route{r})
	if err != nil {
		return problem.UserError(v1alpha1.ReasonInvalidSpec, err, "the route cannot be written as configuration of the collector")
	}
	r.weight.files = bytesIn(files) - bytesIn(common)
	r.weight.disk = bufferBytes
	for _, content := range secrets([]*route{r}) {
		r.weight.secrets += int64(len(content))
	}
	switch {
	case r.weight.files > maxRouteBytes:
		return invalid("the route needs %d KiB in the configuration of the collector, over the limit of %d KiB; "+
			"use fewer or shorter expressions in spec.collect.redact, and shorter lists", r.weight.files>>10, maxRouteBytes>>10)
	case r.weight.secrets > maxRouteSecretBytes:
		return problem.UserError(v1alpha1.ReasonInvalidSecret, nil,
			"the certificates of spec.tls have %d KiB, over the limit of %d KiB for a collector; "+
				"keep only the CA of the server in spec.tls.ca", r.weight.secrets>>10, maxRouteSecretBytes>>10)
	case r.weight.cost > maxRouteCost:
		return invalid("the expressions of spec.collect.redact are too large for the collector together; " +
			"use smaller repeats, fewer Unicode classes, or fewer expressions")
	}
	return nil
}

func bytesIn(files map[string]string) (size int64) {
	for _, content := range files {
		size += int64(len(content))
	}
	return size
}

// exceeds is the problem of a route that has no room beside the others.
func exceeds(namespace string, disk bool) *problem.Problem {
	if disk {
		return invalid("the buffers of all LogBackends exceed logCollection.bufferDisk of the manager's configuration, and namespace "+
			"%s has the most; remove spec.collect of one of its LogBackends, use the other collector, or raise logCollection.bufferDisk",
			namespace)
	}
	return invalid("the routes of all LogBackends exceed the size of one collector, and namespace %s has the largest share; "+
		"shorten the lists and expressions in spec.collect of its LogBackends, or use the other collector", namespace)
}

// fit leaves out routes until all fit into one collector: of the namespace with the largest share the newest one, and again. The
// namespaces of the routes that stay are not affected.
func fit(routes []*route, capacity weight, leaveOut func(*route, *problem.Problem)) []*route {
	for {
		all := weight{}
		byNamespace := map[string]weight{}
		for _, r := range routes {
			all = all.plus(r.weight)
			byNamespace[r.Name.Namespace] = byNamespace[r.Name.Namespace].plus(r.weight)
		}
		if all.share(capacity) <= 1 {
			return routes
		}
		out := slices.MaxFunc(routes, func(x, y *route) int {
			return cmp.Or(
				cmp.Compare(byNamespace[x.Name.Namespace].share(capacity), byNamespace[y.Name.Namespace].share(capacity)),
				cmp.Compare(x.Name.Namespace, y.Name.Namespace), x.Created.Compare(y.Created), cmp.Compare(x.Name.Name, y.Name.Name))
		})
		leaveOut(out, exceeds(out.Name.Namespace, all.diskShare(capacity) > 1))
		routes = slices.DeleteFunc(slices.Clone(routes), func(r *route) bool { return r == out })
	}
}
