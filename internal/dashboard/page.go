package dashboard

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
)

// parallelLists of the namespaces of one viewer.
const parallelLists = 8

// Query selects a part of a list. The server filters, sorts and pages.
type Query struct {
	Namespace string `query:"namespace" maxLength:"63" pattern:"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$" doc:"Only this namespace."`
	Q         string `query:"q" maxLength:"200" doc:"Only rows that contain this text, ignoring case."`
	Sort      string `query:"sort" maxLength:"32" doc:"Column to sort by. A leading - sorts descending."`
	Limit     int    `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"Number of rows."`
	Offset    int    `query:"offset" minimum:"0" maximum:"1000000" doc:"Number of rows before the first one."`
}

// Page is a part of a list.
type Page[T any] struct {
	Items  []T       `json:"items" nullable:"false" doc:"Rows of this page."`
	Total  int       `json:"total" doc:"Number of rows that match, on all pages."`
	ReadAt time.Time `json:"readAt" doc:"Time when the API server was read."`
}

// columns that a list can be sorted by, and the text that is searched.
type columns[T any] struct {
	sort    map[string]func(a, b T) int
	initial string
	text    func(T) string
}

// page filters, sorts and cuts rows.
func page[T any](query Query, all []T, by columns[T], readAt time.Time) (Page[T], error) {
	name := query.Sort
	if name == "" {
		name = by.initial
	}
	name, descending := strings.CutPrefix(name, "-")
	compare, ok := by.sort[name]
	if !ok {
		var known []string
		for column := range by.sort {
			known = append(known, column)
		}
		slices.Sort(known)
		return Page[T]{}, problem(http.StatusUnprocessableEntity, fmt.Sprintf("Cannot sort by %q. Columns: %s.", name, strings.Join(known,
			", ")))
	}
	if query.Q != "" {
		wanted := strings.ToLower(query.Q)
		all = slices.DeleteFunc(all, func(row T) bool { return !strings.Contains(strings.ToLower(by.text(row)), wanted) })
	}
	slices.SortStableFunc(all, func(a, b T) int {
		if descending {
			return compare(b, a)
		}
		return compare(a, b)
	})
	total := len(all)
	start := min(query.Offset, total)
	items := slices.Clone(all[start:min(start+query.Limit, total)])
	if items == nil {
		items = []T{}
	}
	return Page[T]{Items: items, Total: total, ReadAt: readAt}, nil
}

// collect lists a resource as the viewer, in all namespaces in which the viewer can. What was forbidden since the check is left out.
func (s *Server) collect(ctx context.Context, viewer Viewer, resource, namespace string, empty func() runtime.Object,
	visit func(runtime.Object)) error {
	scopes, err := s.access.scopes(ctx, viewer, resource, namespace)
	if err != nil {
		return err
	}
	from, err := s.cluster.resources(viewer)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelLists)
	for _, scope := range scopes {
		group.Go(func() error {
			found := empty()
			err := list(ctx, from, resource, scope, found)
			if apierrors.IsForbidden(err) && !isImpersonation(err) || apierrors.IsNotFound(err) {
				return nil
			}
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			return meta.EachListItem(found, func(item runtime.Object) error {
				visit(item)
				return nil
			})
		})
	}
	return group.Wait()
}
