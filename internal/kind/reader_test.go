package kind_test

import (
	"context"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/problem"
)

// counter counts the requests that reach the API server.
type counter struct {
	client.Reader
	requests int
}

func (c *counter) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	c.requests++
	return nil
}

func (c *counter) List(context.Context, client.ObjectList, ...client.ListOption) error {
	c.requests++
	return nil
}

func TestAReaderRequestsNothingForAnInvalidName(t *testing.T) {
	behind := &counter{}
	reader := kind.CheckedReader{Reader: behind}
	object := &metav1.PartialObjectMetadata{}
	for _, value := range []string{"", ".", "..", "../../shop/serviceaccounts/kubeops", "x/y", "x%2fy"} {
		if err := reader.Get(t.Context(), client.ObjectKey{Namespace: "team", Name: value}, object); problem.As(err) == nil {
			t.Errorf("name %q: %v", value, err)
		}
		if value == "" {
			continue
		}
		if err := reader.Get(t.Context(), client.ObjectKey{Namespace: value, Name: "a"}, object); problem.As(err) == nil {
			t.Errorf("namespace %q: %v", value, err)
		}
		if err := reader.List(t.Context(), &v1alpha1.InspectionList{}, client.InNamespace(value)); problem.As(err) == nil {
			t.Errorf("list in %q: %v", value, err)
		}
	}
	if behind.requests != 0 {
		t.Errorf("%d requests", behind.requests)
	}
	for _, err := range []error{
		reader.Get(t.Context(), client.ObjectKey{Namespace: "team", Name: "a"}, object), reader.List(t.Context(), &v1alpha1.InspectionList{}),
	} {
		if err != nil || behind.requests == 0 {
			t.Error(err)
		}
	}
}
