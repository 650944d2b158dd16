package pipelinerun_test

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	clientinterceptor "sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"kubeops.io/kubeops/internal/kind"
)

// cached is a client that reads what the cache of the manager keeps, without its delay.
func cached(c client.WithWatch) client.Client {
	slim := kind.CacheTransform()
	return clientinterceptor.NewClient(c, clientinterceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
			if err := c.Get(ctx, key, into, options...); err != nil {
				return err
			}
			_, err := slim(into)
			return err
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			if err := c.List(ctx, list, options...); err != nil {
				return err
			}
			return meta.EachListItem(list, func(item runtime.Object) error {
				_, err := slim(item)
				return err
			})
		},
	})
}
