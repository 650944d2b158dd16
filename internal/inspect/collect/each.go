package collect

import (
	"context"
	"errors"
	"fmt"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/klog/v2"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// corePath lists the kinds of the core group.
const corePath = "/api"

// Each lists all objects of a kind that has a typed list, in pages, and adds each to a sum. The object is garbage after the call. Where a
// page is read again, or the list starts over, the sum has its value of before again: a copy of it must not share anything with it. Errors
// are those of the API.
func Each[T any](ctx context.Context, source Source, kind facts.Kind, sum *T, add func(sum *T, object any)) error {
	ctx = klog.NewContext(ctx, klog.Logger{})
	r, err := newReader(source.Config, facts.Reducer{})
	if err != nil {
		return unusable(source, err)
	}
	r.reduce = func(object any) any {
		add(sum, object)
		return nil
	}
	listed, err := resources([]facts.Kind{kind})
	if err != nil {
		return err
	}
	if len(listed) != 1 || listed[0].info.NewList == nil {
		return fmt.Errorf("kind %s has no typed list", kind)
	}
	first := *sum
	_, err = pages(ctx, "", listed[0].pageSize(), func(p page) (response, error) {
		before := *sum
		_, next, err := r.page(ctx, listed[0], p)
		if err != nil {
			*sum = before
		}
		return response{next: next, take: func() (bool, error) { return true, nil }}, err
	}, func() { *sum = first })
	return err
}

// API is a kind in one version that a cluster serves.
type API struct {
	schema.GroupVersionKind
	// Resource in the path of the API, for example pods.
	Resource string
}

// APIs are the kinds that a cluster serves, each in all of its versions, the preferred version of a group first.
type APIs struct {
	// Served kinds. Subresources are left out.
	Served []API
	// Groups with at least one version, the core group among them.
	Groups int
	// Unavailable are the group versions whose aggregated server does not answer, for example metrics.k8s.io/v1beta1.
	Unavailable []string
	// Definitions are the names of the CustomResourceDefinitions; nil if they cannot be listed.
	Definitions map[string]bool
}

// ReadAPIs reads what a cluster serves, in two requests by aggregated discovery and one list of metadata. Servers without aggregated
// discovery (Kubernetes before 1.26) are an error.
func ReadAPIs(ctx context.Context, source Source) (APIs, error) {
	ctx = klog.NewContext(ctx, klog.Logger{})
	r, err := newReader(source.Config, facts.Reducer{})
	if err != nil {
		return APIs{}, unusable(source, err)
	}
	var all APIs
	for _, path := range []string{corePath, discoveryPath} {
		response, err := r.discovery(ctx, path)
		if err != nil {
			return APIs{}, err
		}
		if !response.aggregated() {
			return APIs{}, errors.New("the API server has no aggregated discovery")
		}
		all.add(response.Items)
	}
	all.Definitions = r.defined(ctx)
	return all, nil
}

func (a *APIs) add(groups []apidiscoveryv2.APIGroupDiscovery) {
	for _, group := range groups {
		a.Groups++
		for _, version := range group.Versions {
			gv := schema.GroupVersion{Group: group.Name, Version: version.Version}
			if version.Freshness == apidiscoveryv2.DiscoveryFreshnessStale {
				a.Unavailable = append(a.Unavailable, gv.String())
			}
			for _, r := range version.Resources {
				if r.ResponseKind == nil || r.ResponseKind.Kind == "" {
					continue
				}
				a.Served = append(a.Served, API{GroupVersionKind: gv.WithKind(r.ResponseKind.Kind), Resource: r.Resource})
			}
		}
	}
}

// Listed are the resources of Kubernetes itself that inspections list, those of kinds without a Go type included. Secrets are left out:
// the permission for them is optional.
func Listed() []metav1.GroupResource {
	var all []metav1.GroupResource
	for _, kind := range facts.Kinds() {
		if info, ok := kind.Info(); ok && !kind.IsCustom() && kind != facts.Secret && info.Resource != "" {
			all = append(all, metav1.GroupResource{Group: kind.Group(), Resource: info.Resource})
		}
	}
	return all
}
