package dashboard

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/utils/clock"
)

const (
	// discoveredFor is how long the list of kinds is used.
	discoveredFor = time.Minute
	// parallelKinds whose permissions are reviewed at the same time.
	parallelKinds = 16
	// explorerRole is the aggregated ClusterRole of what the dashboard can read beside the built-in kinds.
	explorerRole = "kubeops-dashboard-explorer-more"
)

// Kind that the cluster has, and that the viewer can list.
type Kind struct {
	ID         string   `json:"id" doc:"Resource and group, for example deployments.apps, or pods."`
	Kind       string   `json:"kind" doc:"Kind, for example Deployment."`
	Group      string   `json:"group" doc:"API group. Empty for the core group."`
	Version    string   `json:"version" doc:"Preferred version."`
	Namespaced bool     `json:"namespaced" doc:"True if objects are in namespaces."`
	Everywhere bool     `json:"everywhere" doc:"True if the viewer can list it in all namespaces, or in the cluster."`
	Namespaces []string `json:"namespaces" nullable:"false" doc:"Namespaces in which the viewer can list it, unless everywhere."`
	Gap        string   `json:"gap" doc:"Why the dashboard cannot show it to a viewer who can list it. Empty if it can."`
}

// resource of a kind.
type resource struct {
	schema.GroupVersionResource
	kind       string
	namespaced bool
}

// id of a resource in paths.
func (r resource) id() string { return r.GroupResource().String() }

// catalog is the kinds that the API server has. Every authenticated user can read it.
type catalog struct {
	client discovery.DiscoveryInterface
	clock  clock.PassiveClock

	mu    sync.Mutex
	found map[string]resource
	read  time.Time
}

// all kinds that can be listed, by their id. If a group does not answer, the others are there.
func (c *catalog) all() (map[string]resource, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.clock.Since(c.read) < discoveredFor {
		return c.found, nil
	}
	lists, err := c.client.ServerPreferredResources()
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return nil, err
	}
	found := map[string]resource{}
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue
		}
		for i := range list.APIResources {
			r := &list.APIResources[i]
			if slices.Contains(r.Verbs, "list") && slices.Contains(r.Verbs, "get") && !strings.Contains(r.Name, "/") {
				one := resource{version.WithResource(r.Name), r.Kind, r.Namespaced}
				found[one.id()] = one
			}
		}
	}
	c.found = found
	c.read = c.clock.Now()
	return found, nil
}

// Kinds of the cluster.
type Kinds struct {
	Items  []Kind    `json:"items" nullable:"false" doc:"Kinds, by name."`
	ReadAt time.Time `json:"readAt" doc:"Time when the API server was read."`
}

type kindsInput struct {
	Namespace string `query:"namespace" maxLength:"63" pattern:"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$" doc:"Only this namespace."`
}

type kindsOutput struct{ Body Kinds }

func (s *Server) listKinds(ctx context.Context, input *kindsInput) (*kindsOutput, error) {
	readAt := s.now()
	all, err := s.catalog.all()
	if err != nil {
		return nil, failed(err)
	}
	viewer := identityOf(ctx).viewer
	body := Kinds{Items: []Kind{}, ReadAt: readAt}
	within, err := s.reachOf(ctx, viewer, all, input.Namespace)
	if err != nil {
		return nil, failed(err)
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelKinds)
	for _, r := range all {
		group.Go(func() error {
			kind, ok, err := s.kindFor(ctx, viewer, r, input.Namespace, within)
			if ok {
				mu.Lock()
				defer mu.Unlock()
				body.Items = append(body.Items, kind)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, failed(err)
	}
	slices.SortFunc(body.Items, func(a, b Kind) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Group, b.Group)) })
	return &kindsOutput{body}, nil
}

// kindFor a viewer. It is false for a kind that the viewer cannot list. Without a reach, the permissions are reviewed one by one.
func (s *Server) kindFor(ctx context.Context, viewer Viewer, r resource, namespace string, within *reach) (kind Kind, ok bool, err error) {
	var scopes []string
	if within != nil {
		scopes = within.scopes(r, namespace)
	} else if scopes, err = s.scopesFor(ctx, viewer, r, namespace); err != nil {
		return Kind{}, false, err
	}
	if len(scopes) == 0 {
		return Kind{}, false, nil
	}
	kind = Kind{
		ID: r.id(), Kind: r.kind, Group: r.Group, Version: r.Version, Namespaced: r.namespaced, Everywhere: scopes[0] == "",
		Namespaces: []string{},
	}
	if !kind.Everywhere {
		kind.Namespaces = scopes
	}
	kind.Gap, err = s.gapOf(ctx, viewer, r)
	return kind, true, err
}

// scopesFor a viewer are the namespaces of a resource that the viewer can list and watch: one empty string for all. An object of the
// cluster is in no namespace.
func (s *Server) scopesFor(ctx context.Context, viewer Viewer, r resource, namespace string) ([]string, error) {
	if !r.namespaced {
		allowed, err := s.listsAndWatches(ctx, viewer, r, "")
		if err != nil || !allowed {
			return nil, err
		}
		return []string{""}, nil
	}
	scopes, err := s.access.scopesOf(ctx, viewer, permission{"list", r.Group, r.Resource, namespace})
	if err != nil {
		return nil, err
	}
	if len(scopes) > maxScopes {
		scopes = scopes[:maxScopes]
	}
	kept := make([]string, 0, len(scopes))
	for _, scope := range scopes {
		allowed, err := s.listsAndWatches(ctx, viewer, r, scope)
		if err != nil {
			return nil, err
		}
		if allowed {
			kept = append(kept, scope)
		}
	}
	return kept, nil
}

// maxScopes are the namespaces of one list of a viewer who cannot list all. The viewer can name another one.
const maxScopes = 16

func (s *Server) listsAndWatches(ctx context.Context, viewer Viewer, r resource, namespace string) (bool, error) {
	for _, verb := range []string{"list", "watch"} {
		allowed, err := s.access.allowed(ctx, viewer, permission{verb, r.Group, r.Resource, namespace})
		if err != nil || !allowed {
			return false, err
		}
	}
	return true, nil
}

// gapOf a resource is what the dashboard lacks to show it. Empty if it lacks nothing.
func (s *Server) gapOf(ctx context.Context, viewer Viewer, r resource) (string, error) {
	if s.impersonation != constrained {
		return "", nil
	}
	verb := "impersonate-on:user-info:list"
	if viewer.isServiceAccount() {
		verb = "impersonate-on:serviceaccount:list"
	}
	allowed, err := s.access.allowed(ctx, Viewer{Own: true}, permission{verb, r.Group, r.Resource, ""})
	if err != nil || allowed {
		return "", err
	}
	group := r.Group
	if group == "" {
		group = `""`
	}
	return "The dashboard is not allowed " + verb + " on " + r.id() + " (RBAC). A ClusterRole with label " +
		"kubeops.io/aggregate-to-dashboard: \"true\" adds it to ClusterRole " + explorerRole + ": apiGroups: [" + group +
		"], resources: [" + r.Resource + "].", nil
}

// withoutGap is a problem if the dashboard lacks the permission to show a resource to a viewer.
func (s *Server) withoutGap(ctx context.Context, viewer Viewer, r resource) error {
	gap, err := s.gapOf(ctx, viewer, r)
	if err == nil && gap != "" {
		return problem(http.StatusServiceUnavailable, gap)
	}
	return failed(err)
}
