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
	"k8s.io/client-go/metadata"

	"kubeops.io/kubeops/internal/inspect/facts"
)

const (
	// maxCustomKinds that are read. Large platforms have some hundreds, nearly all of them empty.
	maxCustomKinds = 400
	// discoveryTimeout bounds the search for the kinds of a cluster when ctx has no deadline.
	discoveryTimeout = 30 * time.Second
)

// discoveryPath tells which APIs there are.
const discoveryPath = "/apis"

// acceptDiscovery asks for all kinds of a cluster in one answer, as Kubernetes 1.30 gives it, else as 1.26 did, else for the
// mere list of groups.
const acceptDiscovery = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList," +
	"application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"

// customs finds the kinds of custom resources that are to be read. What the cluster does not have at all counts as read, so
// that its checks run and find nothing.
func (c *collector) customs(ctx context.Context, kinds []facts.Kind) ([]resource, []failure) {
	wanted := slices.DeleteFunc(slices.Clone(kinds), func(k facts.Kind) bool { return k != facts.Custom && !k.Foreign() })
	if len(wanted) == 0 {
		return nil, nil
	}
	limit := discoveryTimeout
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)/4)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	search := search{reader: c.reader, kinds: wanted}
	if slices.Contains(wanted, facts.Custom) {
		search.kinds, search.defined = nil, c.reader.defined(ctx)
	}
	found, err := search.all(ctx)
	if err != nil {
		var failures []failure
		for _, kind := range wanted {
			failures = append(failures, failure{resource: resource{kind: kind, name: discoveryPath}, err: err})
		}
		return nil, failures
	}
	c.read.Add(1)
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

// search for the kinds of custom resources that a cluster serves.
type search struct {
	reader *reader
	// kinds that are wanted; nil means all.
	kinds []facts.Kind
	// defined are the names of the CustomResourceDefinitions; nil when they are not known.
	defined map[string]bool
}

// all returns what is wanted and can be listed: the kinds that are known to the checks first, the others by name.
func (s *search) all(ctx context.Context) ([]resource, error) {
	body, err := retry(ctx, func() ([]byte, error) { return s.reader.get(ctx, discoveryPath, acceptDiscovery) })
	if err != nil {
		return nil, err
	}
	var answer struct {
		metav1.TypeMeta `json:",inline"`
		Items           []apidiscoveryv2.APIGroupDiscovery `json:"items"`
		Groups          []metav1.APIGroup                  `json:"groups"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, undecodable(discoveryPath, err)
	}
	var found []resource
	if answer.Kind == "APIGroupDiscoveryList" {
		for i := range answer.Items {
			found = append(found, s.inGroup(&answer.Items[i])...)
		}
	} else if found, err = s.groupByGroup(ctx, answer.Groups); err != nil {
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

// inGroup are the wanted resources of a group, each in the version that the server prefers among those that have it.
func (s *search) inGroup(group *apidiscoveryv2.APIGroupDiscovery) []resource {
	var found []resource
	for _, version := range group.Versions {
		for _, r := range version.Resources {
			kind := r.Resource
			if r.ResponseKind != nil && r.ResponseKind.Kind != "" {
				kind = r.ResponseKind.Kind
			}
			found = s.take(found, schema.GroupVersion{Group: group.Name, Version: version.Version}, metav1.APIResource{
				Name: r.Resource, Kind: kind, Namespaced: r.Scope == apidiscoveryv2.ScopeNamespace, Verbs: r.Verbs,
			})
		}
	}
	return found
}

// groupByGroup asks servers that know no other way for each version of each group.
func (s *search) groupByGroup(ctx context.Context, groups []metav1.APIGroup) ([]resource, error) {
	var found []resource
	for _, group := range groups {
		if !s.mayHave(group.Name) {
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
			body, err := retry(ctx, func() ([]byte, error) { return s.reader.get(ctx, "/apis/"+name, "application/json") })
			if apierrors.IsNotFound(err) {
				continue // gone meanwhile
			}
			if err != nil {
				return nil, err
			}
			var list metav1.APIResourceList
			if err := json.Unmarshal(body, &list); err != nil {
				return nil, undecodable("/apis/"+name, err)
			}
			for _, r := range list.APIResources {
				found = s.take(found, version, r)
			}
		}
	}
	return found, nil
}

// mayHave says whether a group can have anything that is wanted.
func (s *search) mayHave(group string) bool {
	switch {
	case s.kinds != nil:
		return slices.ContainsFunc(s.kinds, func(k facts.Kind) bool { return k.Group() == group })
	case s.defined != nil:
		for name := range s.defined {
			if _, of, _ := strings.Cut(name, "."); of == group {
				return true
			}
		}
		return false
	default:
		return !builtinGroup(group)
	}
}

// take adds a resource if it is wanted, can be listed, and was not found in a better version.
func (s *search) take(found []resource, version schema.GroupVersion, r metav1.APIResource) []resource {
	kind := facts.CustomKind(version.Group, r.Kind)
	name := r.Name + "." + version.Group
	switch {
	case strings.Contains(r.Name, "/") || r.Kind == "" || !slices.Contains(r.Verbs, "list"):
		return found
	case s.kinds != nil && !slices.Contains(s.kinds, kind):
		return found
	case s.kinds == nil && s.defined != nil && !s.defined[name]:
		return found
	case s.kinds == nil && s.defined == nil && builtinGroup(version.Group):
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

// builtinGroup says whether a group is Kubernetes' own or, as far as that can be told, of an aggregated API. It is asked only
// where the CustomResourceDefinitions may not be listed.
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

// leftOut says whether custom resources are not read: KubeOps' own, and those of which there is one for every Pod, address or
// image, and which have no conditions.
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

// defined are the names of the CustomResourceDefinitions, as plural.group; nil when they may not be listed. Only their
// metadata is asked for: with their schemas they are megabytes.
func (r *reader) defined(ctx context.Context) map[string]bool {
	client, err := metadata.NewForConfigAndClient(metadata.ConfigFor(r.config), r.http)
	if err != nil {
		return nil
	}
	definitions := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	names := map[string]bool{}
	p := page{size: pageSize}
	for {
		list, err := retry(ctx, func() (*metav1.PartialObjectMetadataList, error) {
			return client.Resource(definitions).List(ctx, p.listOptions(""))
		})
		if err != nil {
			return nil
		}
		for i := range list.Items {
			names[list.Items[i].Name] = true
		}
		if list.Continue == "" {
			return names
		}
		p.from = list.Continue
	}
}

// get reads a path of the server.
func (r *reader) get(ctx context.Context, path, accept string) ([]byte, error) {
	client, err := r.client(schema.GroupVersion{Version: "v1"})
	if err != nil {
		return nil, err
	}
	return whole(client.Get().AbsPath(path).SetHeader("Accept", accept).Do(ctx))
}
