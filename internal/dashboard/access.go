package dashboard

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"

	"golang.org/x/sync/errgroup"

	"kubeops.io/kubeops/api/v1alpha1"
)

const (
	// allowedFor and deniedFor are how long an answer of the API server about a permission is used.
	allowedFor = 30 * time.Second
	deniedFor  = 10 * time.Second
	// namespacesFor is how long the list of namespaces with KubeOps resources is used.
	namespacesFor = 30 * time.Second
	// maxAnswers about permissions in memory.
	maxAnswers = 20_000
	// parallelReviews of the permissions of one viewer.
	parallelReviews = 16
)

// Resources of KubeOps that the dashboard shows.
const (
	inspections = "inspections"
	reports     = "inspectionreports"
	metrics     = "metricsbackends"
	logs        = "logbackends"
	models      = "aiproviders"
	channels    = "notificationchannels"
	clusters    = "managedclusters"
	builders    = "ciproviders"
	deployers   = "cdproviders"
	pipelines   = "pipelines"
	runs        = "pipelineruns"
	bundles     = "resourcebundles"
)

// kinds returns all resources that the dashboard shows.
func kinds() []string {
	return []string{inspections, reports, metrics, logs, models, channels, clusters, builders, deployers, pipelines, runs, bundles}
}

// isResult reports whether objects of a resource are in a namespace only beside one of another: reports and runs.
func isResult(resource string) bool { return resource == reports || resource == runs }

// permission is what a viewer may be allowed. Resources with a slash are subresources.
type permission struct{ verb, group, resource, namespace string }

// own is a permission on a resource of KubeOps.
func own(verb, resource, namespace string) permission {
	return permission{verb, v1alpha1.GroupVersion().Group, resource, namespace}
}

// access answers what a viewer may see, with the permissions of Kubernetes (RBAC) and a short memory.
type access struct {
	cluster *cluster
	clock   clock.PassiveClock
	answers *lru.Cache // of answerKey to answer

	mu         sync.Mutex
	namespaces []string
	read       time.Time
}

type answerKey struct {
	viewer string
	permission
}

type answer struct {
	allowed bool
	until   time.Time
}

func newAccess(c *cluster, now clock.PassiveClock) *access {
	return &access{cluster: c, clock: now, answers: lru.New(maxAnswers)}
}

// allowed asks the API server whether a viewer has a permission.
func (a *access) allowed(ctx context.Context, viewer Viewer, p permission) (bool, error) {
	key := answerKey{viewer.key(), p}
	if found, ok := a.answers.Get(key); ok && a.clock.Now().Before(found.(answer).until) {
		return found.(answer).allowed, nil
	}
	allowed, err := a.review(ctx, viewer, p)
	if err != nil {
		return false, err
	}
	valid := deniedFor
	if allowed {
		valid = allowedFor
	}
	a.answers.Add(key, answer{allowed, a.clock.Now().Add(valid)})
	return allowed, nil
}

func (a *access) review(ctx context.Context, viewer Viewer, p permission) (bool, error) {
	resource, subresource, _ := strings.Cut(p.resource, "/")
	attributes := &authorizationv1.ResourceAttributes{
		Group: p.group, Resource: resource, Subresource: subresource, Namespace: p.namespace, Verb: p.verb, Version: "*",
	}
	reviews := a.cluster.own.AuthorizationV1()
	if viewer.Own {
		review := &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: attributes},
		}
		review, err := reviews.SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		return err == nil && review.Status.Allowed, err
	}
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: viewer.User, Groups: viewer.Groups, ResourceAttributes: attributes,
	}}
	review, err := reviews.SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	return err == nil && review.Status.Allowed, err
}

// scopes are the namespaces in which a viewer can list a resource: one empty string for all, or those that have KubeOps resources and pass
// the check. A namespace that the viewer asks for is the only one.
func (a *access) scopes(ctx context.Context, viewer Viewer, resource, namespace string) ([]string, error) {
	return a.scopesOf(ctx, viewer, own("list", resource, namespace))
}

// scopesOf is like scopes, for a permission on any resource.
func (a *access) scopesOf(ctx context.Context, viewer Viewer, p permission) ([]string, error) {
	namespace := p.namespace
	p.namespace = ""
	everywhere, err := a.allowed(ctx, viewer, p)
	switch {
	case err != nil:
		return nil, err
	case everywhere && namespace == "":
		return []string{""}, nil
	case everywhere:
		return []string{namespace}, nil
	}
	candidates := []string{namespace}
	if namespace == "" {
		if candidates, err = a.known(ctx); err != nil {
			return nil, err
		}
	}
	return a.filter(ctx, viewer, p, candidates)
}

// filter returns the namespaces in which the viewer has a permission.
func (a *access) filter(ctx context.Context, viewer Viewer, p permission, candidates []string) ([]string, error) {
	passed := make([]bool, len(candidates))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelReviews)
	for i, candidate := range candidates {
		group.Go(func() (err error) {
			passed[i], err = a.allowed(ctx, viewer, permission{p.verb, p.group, p.resource, candidate})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var found []string
	for i, candidate := range candidates {
		if passed[i] {
			found = append(found, candidate)
		}
	}
	return found, nil
}

// known are the namespaces with KubeOps resources, read with the permissions of the dashboard. Only the metadata is read, and a viewer sees
// of it only namespaces in which the viewer can list. Reports and runs are not listed: their Inspection or Pipeline is in the same
// namespace.
func (a *access) known(ctx context.Context) ([]string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.clock.Since(a.read) < namespacesFor {
		return a.namespaces, nil
	}
	found := map[string]bool{}
	for _, resource := range kinds() {
		if isResult(resource) {
			continue
		}
		if err := a.namespacesOf(ctx, resource, found); err != nil {
			return nil, err
		}
	}
	a.namespaces = make([]string, 0, len(found))
	for namespace := range found {
		a.namespaces = append(a.namespaces, namespace)
	}
	slices.Sort(a.namespaces)
	a.read = a.clock.Now()
	return a.namespaces, nil
}

func (a *access) namespacesOf(ctx context.Context, resource string, found map[string]bool) error {
	const page = 500
	options := metav1.ListOptions{Limit: page}
	for {
		list, err := a.cluster.names.Resource(v1alpha1.GroupVersion().WithResource(resource)).List(ctx, options)
		if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
			return nil // not granted or not installed: the viewer still can name a namespace
		}
		if err != nil {
			return err
		}
		for i := range list.Items {
			found[list.Items[i].Namespace] = true
		}
		if options.Continue = list.Continue; options.Continue == "" {
			return nil
		}
	}
}
