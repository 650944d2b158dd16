package collect

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kubeops.io/kubeops/internal/inspect/facts"
)

const (
	// maxCustomKinds that are read. Large platforms have some hundreds, nearly all of them empty.
	maxCustomKinds = 400
	// discoveryTimeout bounds discovery when ctx has no deadline.
	discoveryTimeout = 30 * time.Second
)

// discoveryPath lists the APIs of a cluster.
const discoveryPath = "/apis"

// versionPath has the version of the API server.
const versionPath = "/version"

// acceptDiscovery requests all kinds of a cluster in one response, in the version of Kubernetes 1.30, of 1.26, or else only the
// list of groups.
const acceptDiscovery = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList," +
	"application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"

// customs discovers the custom resources to read. A kind that the cluster does not serve counts as read: its checks run and find
// nothing.
func (c *collector) customs(ctx context.Context, kinds []facts.Kind) ([]resource, []failure) {
	wanted := slices.DeleteFunc(slices.Clone(kinds), func(k facts.Kind) bool { return k != facts.Custom && !k.IsCustom() })
	if len(wanted) == 0 {
		return nil, nil
	}
	limit := discoveryTimeout
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)/4)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	finder := discoverer{reader: c.reader, kinds: wanted}
	if slices.Contains(wanted, facts.Custom) {
		finder.kinds = nil
		finder.defined = c.reader.defined(ctx)
	}
	found, err := finder.all(ctx)
	if err != nil {
		var failures []failure
		for _, kind := range wanted {
			failures = append(failures, failure{resource: resource{kind: kind, name: discoveryPath}, err: err})
		}
		return nil, failures
	}
	if len(found) > maxCustomKinds {
		c.gaps = append(c.gaps, tooManyKinds(found))
		found = found[:maxCustomKinds]
	}
	for _, kind := range wanted {
		if slices.ContainsFunc(found, func(r resource) bool { return r.kind == kind }) {
			continue
		}
		c.builder.Covered(kind, "")
	}
	return found, nil
}

// discoverer finds the custom resources that a cluster serves.
type discoverer struct {
	reader *reader
	// kinds to find; nil means all.
	kinds []facts.Kind
	// defined are the names of the CustomResourceDefinitions; nil when unknown.
	defined map[string]bool
}

// all returns the wanted resources that can be listed: kinds with a reducer first, then by name.
func (d *discoverer) all(ctx context.Context) ([]resource, error) {
	response, err := d.reader.discovery(ctx, discoveryPath)
	if err != nil {
		return nil, err
	}
	var found []resource
	if response.aggregated() {
		for i := range response.Items {
			found = append(found, d.inGroup(&response.Items[i])...)
		}
	} else if found, err = d.groupByGroup(ctx, response.Groups); err != nil {
		return nil, err
	}
	known := facts.CustomKinds()
	slices.SortStableFunc(found, func(a, b resource) int {
		if first := slices.Contains(known, a.kind); first != slices.Contains(known, b.kind) {
			if first {
				return -1
			}
			return 1
		}
		return strings.Compare(a.label(), b.label())
	})
	return found, nil
}

// discovered is a response to discovery: all kinds, or of a server without aggregated discovery only the groups.
type discovered struct {
	metav1.TypeMeta `json:",inline"`
	Items           []apidiscoveryv2.APIGroupDiscovery `json:"items"`
	Groups          []metav1.APIGroup                  `json:"groups"`
}

func (d *discovered) aggregated() bool { return d.Kind == "APIGroupDiscoveryList" }

// discovery requests what the API server serves below a path, at best all of it in this one response.
func (r *reader) discovery(ctx context.Context, path string) (discovered, error) {
	var response discovered
	body, err := retry(ctx, func() ([]byte, error) { return r.get(ctx, path, acceptDiscovery) })
	if err != nil {
		return response, err
	}
	if err := json.Unmarshal(body, &response); err != nil {
		return response, undecodable(path, err)
	}
	return response, nil
}

// inGroup returns the wanted resources of a group, each in the most preferred version that has it.
func (d *discoverer) inGroup(group *apidiscoveryv2.APIGroupDiscovery) []resource {
	var found []resource
	for _, version := range group.Versions {
		for _, r := range version.Resources {
			kind := r.Resource
			if r.ResponseKind != nil && r.ResponseKind.Kind != "" {
				kind = r.ResponseKind.Kind
			}
			found = d.take(found, schema.GroupVersion{Group: group.Name, Version: version.Version}, metav1.APIResource{
				Name: r.Resource, Kind: kind, Namespaced: r.Scope == apidiscoveryv2.ScopeNamespace, Verbs: r.Verbs,
			})
		}
	}
	return found
}

// groupByGroup requests each version of each group, for servers without aggregated discovery.
func (d *discoverer) groupByGroup(ctx context.Context, groups []metav1.APIGroup) ([]resource, error) {
	var found []resource
	for _, group := range groups {
		if !d.mayHave(group.Name) {
			continue
		}
		var versions []string
		if group.PreferredVersion.GroupVersion != "" {
			versions = append(versions, group.PreferredVersion.GroupVersion)
		}
		for _, v := range group.Versions {
			if !slices.Contains(versions, v.GroupVersion) {
				versions = append(versions, v.GroupVersion)
			}
		}
		for _, name := range versions {
			version, err := schema.ParseGroupVersion(name)
			if err != nil {
				continue
			}
			body, err := retry(ctx, func() ([]byte, error) { return d.reader.get(ctx, "/apis/"+name, "application/json") })
			if apierrors.IsNotFound(err) {
				continue // removed in the meantime
			}
			if err != nil {
				return nil, err
			}
			var list metav1.APIResourceList
			if err := json.Unmarshal(body, &list); err != nil {
				return nil, undecodable("/apis/"+name, err)
			}
			for _, r := range list.APIResources {
				found = d.take(found, version, r)
			}
		}
	}
	return found, nil
}

// mayHave reports whether a group can have wanted resources.
func (d *discoverer) mayHave(group string) bool {
	switch {
	case d.kinds != nil:
		return slices.ContainsFunc(d.kinds, func(k facts.Kind) bool { return k.Group() == group })
	case d.defined != nil:
		for name := range d.defined {
			if _, of, _ := strings.Cut(name, "."); of == group {
				return true
			}
		}
		return false
	default:
		return !builtinGroup(group)
	}
}

// take adds a resource if it is wanted, can be listed, and was not found in a more preferred version.
func (d *discoverer) take(found []resource, version schema.GroupVersion, r metav1.APIResource) []resource {
	kind := facts.CustomKind(version.Group, r.Kind)
	name := r.Name + "." + version.Group
	switch {
	case strings.Contains(r.Name, "/") || r.Kind == "" || !slices.Contains(r.Verbs, "list"):
		return found
	case d.kinds != nil && !slices.Contains(d.kinds, kind):
		return found
	case d.kinds == nil && d.defined != nil && !d.defined[name]:
		return found
	case d.kinds == nil && d.defined == nil && builtinGroup(version.Group):
		return found
	case version.Group == "" || leftOut(version.Group, r.Name):
		return found
	case slices.ContainsFunc(found, func(f resource) bool { return f.name == r.Name && f.version.Group == version.Group }):
		return found
	}
	info, _ := kind.Info()
	return append(found, resource{
		kind: kind, info: info, version: version, name: r.Name, custom: custom{kind: r.Kind, clusterScoped: !r.Namespaced},
	})
}

// builtinGroup reports whether a group belongs to Kubernetes or, judging by its name, to an aggregated API. It is used only where
// listing CustomResourceDefinitions is forbidden.
func builtinGroup(group string) bool {
	switch {
	case !strings.Contains(group, "."): // apps, batch
		return true
	case group == "gateway.networking.k8s.io" || group == "snapshot.storage.k8s.io" || strings.HasSuffix(group, ".x-k8s.io"):
		return false
	case group == "packages.operators.coreos.com" || strings.HasSuffix(group, "metrics.k8s.io"):
		return true
	default:
		return strings.HasSuffix(group, ".k8s.io")
	}
}

// leftOut reports whether custom resources are not read: those of KubeOps, and those without conditions that exist once for every
// Pod, address or image.
func leftOut(group, name string) bool {
	switch group {
	case "kubeops.io", "metrics.k8s.io":
		return true
	case "aquasecurity.github.io":
		return name != facts.VulnerabilityReport.Resource()
	case "cilium.io":
		return name == "ciliumendpoints" || name == "ciliumidentities" || name == "ciliumendpointslices"
	case "crd.projectcalico.org", "wgpolicyk8s.io", "openreports.io", "reports.kyverno.io", "spdx.softwarecomposition.kubescape.io":
		return true
	case "kyverno.io":
		return strings.HasSuffix(name, "reports")
	default:
		return false
	}
}

// defined returns the names of the CustomResourceDefinitions, as plural.group; nil when listing them is forbidden. Only metadata is
// requested: the schemas are megabytes.
func (r *reader) defined(ctx context.Context) map[string]bool {
	definitions := resource{version: schema.GroupVersion{Group: facts.CRD.Group(), Version: "v1"}, name: facts.CRD.Resource()}
	names := map[string]bool{}
	to := encodedItems(definitions.acceptList(), func(encoded []byte, isProtobuf bool) error {
		object, err := identify(encoded, isProtobuf)
		if err != nil {
			return undecodable(definitions.name, err)
		}
		names[object.Name] = true
		return nil
	})
	_, err := pages(ctx, "", pageSize, func(p page) (response, error) {
		meta, err := r.items(ctx, definitions, p, to)
		return response{next: meta.next, take: func() (bool, error) { return true, nil }}, err
	}, func() { clear(names) })
	if err != nil {
		return nil
	}
	return names
}

// get reads a path of the API server.
func (r *reader) get(ctx context.Context, path, accept string) ([]byte, error) {
	client, err := r.client(schema.GroupVersion{Version: "v1"})
	if err != nil {
		return nil, err
	}
	return whole(client.Get().AbsPath(path).SetHeader("Accept", accept).Do(ctx))
}
