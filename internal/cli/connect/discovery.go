package connect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
)

// ListedKind is a kind that can be listed.
type ListedKind struct {
	schema.GroupVersionResource

	Name, Kind string
	Namespaced bool
}

// Listable are the kinds of a cluster, and the problem of an API that does not answer.
func Listable(ctx context.Context, t Target) (kinds []ListedKind, problem string, err error) {
	client, err := discovery.NewDiscoveryClientForConfig(Unlimited(t.Config))
	if err != nil {
		return nil, "", fmt.Errorf("load kubeconfig: %w", err)
	}
	lists, err := client.ServerPreferredResourcesWithContext(ctx)
	var incomplete *discovery.ErrGroupDiscoveryFailed
	switch {
	case errors.As(err, &incomplete):
		problem = "an aggregated API of the cluster does not answer"
	case err != nil:
		return nil, "", t.Failed(err, "read the APIs of the cluster")
	}
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue
		}
		for _, resource := range list.APIResources {
			if slices.Contains(resource.Verbs, "list") && !strings.Contains(resource.Name, "/") && resource.Kind != "Event" {
				kinds = append(kinds, ListedKind{version.WithResource(resource.Name), resource.Name, resource.Kind, resource.Namespaced})
			}
		}
	}
	return kinds, problem, nil
}

// Unlimited is a configuration without limits of the client: API Priority and Fairness of the server decides. Warnings about deprecated
// kinds are none about what the user asked for.
func Unlimited(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.QPS = -1
	config.WarningHandler = rest.NoWarnings{}
	config.WarningHandlerWithContext = nil
	return config
}
