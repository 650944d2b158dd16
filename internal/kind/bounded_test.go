package kind

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"kubeops.io/kubeops/api/v1alpha1"
)

// slowServer answers no request before it is opened, and counts those in progress by namespace.
type slowServer struct {
	opened  chan struct{}
	entered chan string
}

func (s *slowServer) answer(namespace string) error {
	s.entered <- namespace
	<-s.opened
	return nil
}

// clients of a slow server, which wait for each other.
func (s *slowServer) clients() (boundedClient, boundedReader) {
	behind := interceptor.NewClient(fake.NewClientBuilder().Build(), interceptor.Funcs{
		Get: func(_ context.Context, _ client.WithWatch, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
			return s.answer(key.Namespace)
		},
		List: func(_ context.Context, _ client.WithWatch, _ client.ObjectList, options ...client.ListOption) error {
			applied := client.ListOptions{}
			applied.ApplyOptions(options)
			return s.answer(applied.Namespace)
		},
		Create: func(_ context.Context, _ client.WithWatch, object client.Object, _ ...client.CreateOption) error {
			return s.answer(object.GetNamespace())
		},
		Update: func(_ context.Context, _ client.WithWatch, object client.Object, _ ...client.UpdateOption) error {
			return s.answer(object.GetNamespace())
		},
		Patch: func(_ context.Context, _ client.WithWatch, object client.Object, _ client.Patch, _ ...client.PatchOption) error {
			return s.answer(object.GetNamespace())
		},
		SubResourcePatch: func(
			_ context.Context, _ client.Client, _ string, object client.Object, _ client.Patch, _ ...client.SubResourcePatchOption,
		) error {
			return s.answer(object.GetNamespace())
		},
	})
	slots := newRequestSlots()
	return boundedClient{behind, slots}, boundedReader{behind, slots}
}

// requests of each kind for an object.
func requests(c boundedClient, r boundedReader, object client.Object) map[string]func(context.Context) error {
	patch := client.RawPatch(types.MergePatchType, []byte("{}"))
	return map[string]func(context.Context) error{
		"get": func(ctx context.Context) error { return r.Get(ctx, client.ObjectKeyFromObject(object), object) },
		"list": func(ctx context.Context) error {
			return r.List(ctx, &v1alpha1.InspectionList{}, client.InNamespace(object.GetNamespace()))
		},
		"create": func(ctx context.Context) error { return c.Create(ctx, object) },
		"update": func(ctx context.Context) error { return c.Update(ctx, object) },
		"patch":  func(ctx context.Context) error { return c.Patch(ctx, object, patch) },
		"status": func(ctx context.Context) error { return c.Status().Patch(ctx, object, patch) },
	}
}

func inspectionIn(namespace string) client.Object {
	return &v1alpha1.Inspection{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "a"}}
}

func TestFewObjectsAreReadAndWrittenAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowServer{opened: make(chan struct{}), entered: make(chan string, 1000)}
		c, r := s.clients()
		const rounds = 20
		all := 0
		failed := make(chan error, 1000)
		start := func(namespace string, rounds int) {
			for range rounds {
				for name, request := range requests(c, r, inspectionIn(namespace)) {
					all++
					go func() {
						err := request(t.Context())
						if err != nil {
							err = fmt.Errorf("%s: %w", name, err)
						}
						failed <- err
					}()
				}
			}
		}
		start("crowd", rounds)
		synctest.Wait()
		if n := len(s.entered); n != maxNamespaceRequests {
			t.Errorf("%d requests of one namespace are in progress, want %d", n, maxNamespaceRequests)
		}
		start("neighbour", 1)
		synctest.Wait()
		if n := len(s.entered); n != maxRequests {
			t.Errorf("%d requests are in progress, want %d: one namespace leaves some to others", n, maxRequests)
		}
		close(s.opened)
		for range all {
			if err := <-failed; err != nil {
				t.Error(err)
			}
		}
		if n := len(s.entered); n != all {
			t.Errorf("%d requests of %d were sent", n, all)
		}
	})
}

func TestARequestThatWaitsEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowServer{opened: make(chan struct{}), entered: make(chan string, 1000)}
		defer close(s.opened)
		c, r := s.clients()
		for range maxNamespaceRequests {
			go func() { _ = r.Get(t.Context(), client.ObjectKey{Namespace: "crowd", Name: "a"}, inspectionIn("crowd")) }() // held
		}
		synctest.Wait()
		for name, request := range requests(c, r, inspectionIn("crowd")) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := request(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
