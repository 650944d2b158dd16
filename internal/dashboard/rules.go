package dashboard

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// maxRules of viewers and namespaces in memory.
	maxRules = 2000
	// noNamespace is no valid name of a namespace. What a viewer can do there, the viewer can do in all namespaces, and in the cluster.
	noNamespace = "_"
	// pathRules of the reviews, which the API server does not store.
	pathRules = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
)

// rules are what a viewer can list and watch in a namespace, as one request for all kinds says it. They are for lists of kinds: the
// permission for what is read has a review.
type rules struct {
	list, watch []rule
	until       time.Time
}

type rule struct{ groups, resources []string }

func (r rule) has(of resource) bool {
	has := func(all []string, one string) bool { return slices.Contains(all, "*") || slices.Contains(all, one) }
	return has(r.groups, of.Group) && has(r.resources, of.Resource)
}

// listsAndWatches reports whether the viewer can list and watch a resource.
func (r *rules) listsAndWatches(of resource) bool {
	has := func(one rule) bool { return one.has(of) }
	return slices.ContainsFunc(r.list, has) && slices.ContainsFunc(r.watch, has)
}

func (r *rules) empty() bool { return len(r.list) == 0 || len(r.watch) == 0 }

// rulesIn a namespace. Nil if the API server does not know them all: an authorizer beside RBAC answers only single questions. Also nil if
// the dashboard is not allowed to ask as the viewer.
func (s *Server) rulesIn(ctx context.Context, viewer Viewer, namespace string) (*rules, error) {
	key := [2]string{viewer.key(), namespace}
	if found, ok := s.rules.Get(key); ok && s.options.Clock.Now().Before(found.(*rules).until) {
		return found.(*rules), nil
	}
	review, err := s.reviewRules(ctx, viewer, namespace)
	if isImpersonation(err) || err == nil && review.Incomplete {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found := &rules{until: s.options.Clock.Now().Add(allowedFor)}
	for _, one := range review.ResourceRules {
		if len(one.ResourceNames) > 0 {
			continue // a list needs the permission for all names
		}
		for verb, into := range map[string]*[]rule{"list": &found.list, "watch": &found.watch} {
			if slices.Contains(one.Verbs, verb) || slices.Contains(one.Verbs, "*") {
				*into = append(*into, rule{one.APIGroups, one.Resources})
			}
		}
	}
	s.rules.Add(key, found)
	return found, nil
}

func (s *Server) reviewRules(ctx context.Context, viewer Viewer, namespace string) (*authorizationv1.SubjectRulesReviewStatus, error) {
	client, err := s.cluster.any(viewer)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	body, err := json.Marshal(authorizationv1.SelfSubjectRulesReview{
		TypeMeta: metav1.TypeMeta{APIVersion: authorizationv1.SchemeGroupVersion.String(), Kind: "SelfSubjectRulesReview"},
		Spec:     authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace},
	})
	if err != nil {
		return nil, err
	}
	result := client.Post().AbsPath(pathRules).SetHeader("Content-Type", "application/json").Body(body).Do(ctx)
	if err := result.Error(); err != nil { // Raw has it without the message of the API server
		return nil, err
	}
	answer, err := result.Raw()
	if err != nil {
		return nil, err
	}
	var review authorizationv1.SelfSubjectRulesReview
	err = json.Unmarshal(answer, &review)
	return &review.Status, err
}

// reach of a viewer over all kinds: everywhere, and in single namespaces.
type reach struct {
	everywhere *rules
	namespaces []string
	in         map[string]*rules
}

// reachOf a viewer, with one request for each namespace. Nil if single reviews must say it.
func (s *Server) reachOf(ctx context.Context, viewer Viewer, all map[string]resource, namespace string) (*reach, error) {
	everywhere, err := s.rulesIn(ctx, viewer, noNamespace)
	if err != nil || everywhere == nil {
		return nil, err
	}
	found := &reach{everywhere: everywhere, in: map[string]*rules{}}
	limited := func(r resource) bool { return r.namespaced && !everywhere.listsAndWatches(r) }
	if !anyOf(all, limited) {
		return found, nil
	}
	candidates := []string{namespace}
	if namespace == "" {
		if candidates, err = s.access.known(ctx); err != nil {
			return nil, err
		}
	}
	var mu sync.Mutex
	unknown := false
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(parallelReviews)
	for _, candidate := range candidates {
		group.Go(func() error {
			there, err := s.rulesIn(groupCtx, viewer, candidate)
			mu.Lock()
			defer mu.Unlock()
			if unknown = unknown || err == nil && there == nil; there != nil && !there.empty() {
				found.in[candidate] = there
				found.namespaces = append(found.namespaces, candidate)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil || unknown {
		return nil, err
	}
	slices.Sort(found.namespaces)
	return found, nil
}

func anyOf(all map[string]resource, holds func(resource) bool) bool {
	for _, r := range all {
		if holds(r) {
			return true
		}
	}
	return false
}

// scopes of a resource, as scopesFor finds them.
func (r *reach) scopes(of resource, namespace string) []string {
	everywhere := r.everywhere.listsAndWatches(of)
	switch {
	case everywhere && namespace != "" && of.namespaced:
		return []string{namespace}
	case everywhere:
		return []string{""}
	case !of.namespaced:
		return nil
	}
	var scopes []string
	for _, candidate := range r.namespaces {
		if r.in[candidate].listsAndWatches(of) && len(scopes) < maxScopes {
			scopes = append(scopes, candidate)
		}
	}
	return scopes
}
