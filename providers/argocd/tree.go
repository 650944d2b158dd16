package argocd

import (
	"context"
	"errors"
	"net/http"
	"slices"

	pluginv1 "kubeops.io/kubeops/api/plugin/v1"
	"kubeops.io/kubeops/internal/provider/stream"
)

// maxUnhealthy resources that are reported.
const maxUnhealthy = 50

// node of the resource tree.
type node struct {
	Group     string  `json:"group" max:"253"`
	Kind      string  `json:"kind" max:"63"`
	Namespace string  `json:"namespace" max:"63"`
	Name      string  `json:"name" max:"253"`
	Health    *health `json:"health"`
}

// unwell are the nodes that are not healthy.
type unwell []node

// UnmarshalStream implements stream.Unmarshaler: other nodes are not kept.
func (u *unwell) UnmarshalStream(d *stream.Decoder) error {
	kind, err := d.Kind()
	if err != nil || kind == stream.Null {
		return err
	}
	return d.Array(func() error {
		kept := d.Kept()
		var n node
		if err := d.Decode(&n); err != nil {
			return err
		}
		if n.Health == nil || n.Health.Status == "Healthy" || n.Health.Status == "" || len(*u) >= maxUnhealthy {
			d.Drop(kept)
			return nil
		}
		*u = append(*u, n)
		return nil
	})
}

// unhealthy resources of an application, the worst first. A tree that the account cannot get is left out.
func (s *server) unhealthy(ctx context.Context, a *pluginv1.Application, found *application) ([]*pluginv1.ResourceState, error) {
	var tree struct {
		Nodes unwell `json:"nodes"`
	}
	_, err := s.call(ctx, "resource-tree", http.MethodGet, path(a, "/resource-tree"), scope(a, found.Spec.Project), nil, &tree)
	var r *refusal
	if errors.As(err, &r) && r.status < 500 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []*pluginv1.ResourceState
	for _, n := range tree.Nodes {
		list = append(list, &pluginv1.ResourceState{
			Resource: &pluginv1.ResourceName{Group: n.Group, Kind: n.Kind, Namespace: n.Namespace, Name: n.Name},
			Status:   n.Health.Status, Message: n.Health.Message,
		})
	}
	rank := map[string]int{"Degraded": 0, "Missing": 1, "Progressing": 2}
	slices.SortStableFunc(list, func(x, y *pluginv1.ResourceState) int {
		return order(rank, x.GetStatus()) - order(rank, y.GetStatus())
	})
	return list, nil
}

func order(rank map[string]int, status string) int {
	if at, known := rank[status]; known {
		return at
	}
	return len(rank)
}
