package kind

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/internal/names"
)

// CheckedReader refuses to read an object whose name or namespace is not one segment of a path: the client for metadata joins them to
// a path without a check. Callers that know the field of the spec check the name with names.Object first, for a better message.
type CheckedReader struct{ client.Reader }

// Get implements client.Reader. The error for an invalid key is a problem with reason InvalidSpec.
func (r CheckedReader) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	if err := names.Segments(key.Namespace, key.Name); err != nil {
		return err
	}
	return r.Reader.Get(ctx, key, object, options...)
}

// List implements client.Reader, with the same check of the namespace.
func (r CheckedReader) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	applied := client.ListOptions{}
	applied.ApplyOptions(options)
	if applied.Namespace != "" {
		if err := names.Namespace("namespace", applied.Namespace); err != nil {
			return err
		}
	}
	return r.Reader.List(ctx, list, options...)
}
