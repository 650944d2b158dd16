package kind

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/internal/fairqueue"
)

const (
	// maxRequests is how many whole objects the controllers read and write at the same time. One can have 1.5 MiB, and takes several times
	// that while it is decoded; after a start, hundreds of reconciles begin at once, and many probes end at the same time: 128 reads of
	// 256 KiB took 42 MiB of heap without a bound, 7 MiB with this one, and no longer. A request takes milliseconds.
	maxRequests = 8
	// maxNamespaceRequests of them are for objects of one namespace.
	maxNamespaceRequests = 6
)

// newRequestSlots bound the requests of a manager.
func newRequestSlots() *fairqueue.Slots { return fairqueue.NewSlots(maxRequests, maxNamespaceRequests) }

// boundedReader reads a few objects at the same time.
type boundedReader struct {
	client.Reader
	slots *fairqueue.Slots
}

// Get implements client.Reader. It fails with the context's error while it waits.
func (r boundedReader) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	return within(ctx, r.slots, key.Namespace, func() error { return r.Reader.Get(ctx, key, object, options...) })
}

// List implements client.Reader, as Get.
func (r boundedReader) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	applied := client.ListOptions{}
	applied.ApplyOptions(options)
	return within(ctx, r.slots, applied.Namespace, func() error { return r.Reader.List(ctx, list, options...) })
}

// boundedClient writes a few objects at the same time: the API server answers with the whole object. It reads from the cache.
type boundedClient struct {
	client.Client
	slots *fairqueue.Slots
}

// Create implements client.Client. It fails with the context's error while it waits.
func (c boundedClient) Create(ctx context.Context, object client.Object, options ...client.CreateOption) error {
	return within(ctx, c.slots, object.GetNamespace(), func() error { return c.Client.Create(ctx, object, options...) })
}

// Update implements client.Client, as Create.
func (c boundedClient) Update(ctx context.Context, object client.Object, options ...client.UpdateOption) error {
	return within(ctx, c.slots, object.GetNamespace(), func() error { return c.Client.Update(ctx, object, options...) })
}

// Patch implements client.Client, as Create.
func (c boundedClient) Patch(ctx context.Context, object client.Object, patch client.Patch, options ...client.PatchOption) error {
	return within(ctx, c.slots, object.GetNamespace(), func() error { return c.Client.Patch(ctx, object, patch, options...) })
}

// Status implements client.Client.
func (c boundedClient) Status() client.SubResourceWriter {
	return boundedStatus{c.Client.Status(), c.slots}
}

// boundedStatus is the status of a boundedClient.
type boundedStatus struct {
	client.SubResourceWriter
	slots *fairqueue.Slots
}

// Patch implements client.SubResourceWriter, as that of boundedClient.
func (s boundedStatus) Patch(
	ctx context.Context, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption,
) error {
	return within(ctx, s.slots, object.GetNamespace(), func() error {
		return s.SubResourceWriter.Patch(ctx, object, patch, options...)
	})
}

// within a slot of a namespace, do something.
func within(ctx context.Context, slots *fairqueue.Slots, namespace string, do func() error) error {
	release, err := slots.Acquire(ctx, namespace)
	if err != nil {
		return err
	}
	defer release()
	return do()
}
