package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"io"
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
	// maxRulesAnswer of one review, in bytes. Tenants write roles, and can bind any number of them to themselves.
	maxRulesAnswer = 256 << 10
	// noNamespace is no valid name of a namespace. What a viewer can do there, the viewer can do in all namespaces, and in the cluster.
	noNamespace = "_"
	// pathRules of the reviews, which the API server does not store.
	pathRules = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
)

// errRulesTooLong is an answer that is not read.
var errRulesTooLong = errors.New("the review of rules has over 256 KiB")

// rules are what a viewer can list and watch in a namespace, as one request for all kinds says it. They are for lists of kinds: the
// permission for what is read has a review. What they were made from is not kept: tenants decide how long it is.
type rules struct {
	ids   []string // of resources, sorted
	until time.Time
}

type rule struct{ groups, resources []string }

func (r rule) has(of resource) bool {
	has := func(all []string, one string) bool { return slices.Contains(all, "*") || slices.Contains(all, one) }
	return has(r.groups, of.Group) && has(r.resources, of.Resource)
}

// listsAndWatches reports whether the viewer can list and watch a resource.
func (r *rules) listsAndWatches(of resource) bool {
	_, found := slices.BinarySearch(r.ids, of.id())
	return found
}

func (r *rules) empty() bool { return len(r.ids) == 0 }

// rulesIn a namespace for all kinds. Nil if the API server does not know them all: an authorizer beside RBAC answers only single questions.
// Also nil if the dashboard is not allowed to ask as the viewer, and if there are too many.
func (s *Server) rulesIn(ctx context.Context, viewer Viewer, all map[string]resource, namespace string) (*rules, error) {
	key := [2]string{viewer.key(), namespace}
	if found, ok := s.rules.Get(key); ok && s.options.Clock.Now().Before(found.(*rules).until) {
		return found.(*rules), nil
	}
	review, err := s.reviewRules(ctx, viewer, namespace)
	if isImpersonation(err) || errors.Is(err, errRulesTooLong) || err == nil && review.Incomplete {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found := &rules{ids: review.of(all), until: s.options.Clock.Now().Add(allowedFor)}
	s.rules.Add(key, found)
	return found, nil
}

// rulesReview is what is read of an answer.
type rulesReview struct {
	Incomplete bool `json:"incomplete"`
	Rules      []struct {
		Verbs     []string `json:"verbs"`
		Groups    []string `json:"apiGroups"`
		Resources []string `json:"resources"`
		Names     []string `json:"resourceNames"`
	} `json:"resourceRules"`
}

// of all kinds those that the rules allow to list and watch.
func (r *rulesReview) of(all map[string]resource) []string {
	var list, watch []rule
	for _, one := range r.Rules {
		if len(one.Names) > 0 {
			continue // a list needs the permission for all names
		}
		for verb, into := range map[string]*[]rule{"list": &list, "watch": &watch} {
			if slices.Contains(one.Verbs, verb) || slices.Contains(one.Verbs, "*") {
				*into = append(*into, rule{one.Groups, one.Resources})
			}
		}
	}
	var ids []string
	for id, kind := range all {
		has := func(one rule) bool { return one.has(kind) }
		if slices.ContainsFunc(list, has) && slices.ContainsFunc(watch, has) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (s *Server) reviewRules(ctx context.Context, viewer Viewer, namespace string) (*rulesReview, error) {
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
	answer, err := client.Post().AbsPath(pathRules).SetHeader("Content-Type", "application/json").SetHeader("Accept", "application/json").
		Body(body).Stream(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Close() }()
	content, err := io.ReadAll(io.LimitReader(answer, maxRulesAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxRulesAnswer {
		return nil, errRulesTooLong
	}
	var review struct {
		Status rulesReview `json:"status"`
	}
	err = json.Unmarshal(content, &review)
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
	everywhere, err := s.rulesIn(ctx, viewer, all, noNamespace)
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
			there, err := s.rulesIn(groupCtx, viewer, all, candidate)
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
