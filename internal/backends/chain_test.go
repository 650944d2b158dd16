package backends

import (
	"context"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// fallbacks is a reader whose AIProviders all fall back to the same name.
type fallbacks struct {
	client.Reader
	to   string
	keys []string
}

func (f *fallbacks) Get(_ context.Context, key client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	f.keys = append(f.keys, key.String())
	object.SetName(key.Name)
	object.(*v1alpha1.AIProvider).Spec.FallbackRef = &v1alpha1.LocalReference{Name: f.to}
	return nil
}

func TestAReferenceToAModelThatIsNoNameRequestsNothing(t *testing.T) {
	const elsewhere = "../../shop/aiproviders/gpt"
	for field, tc := range map[string]struct {
		first    string
		requests []string
	}{
		"spec.ai.providerRef.name": {elsewhere, nil}, "spec.fallbackRef.name of AIProvider gpt": {"gpt", []string{"team/gpt"}},
	} {
		reader := &fallbacks{to: elsewhere}
		_, err := Chain(t.Context(), reader, client.ObjectKey{Namespace: "team", Name: tc.first})
		p := problem.As(err)
		if p == nil || p.Reason != v1alpha1.ReasonInvalidSpec || !strings.HasPrefix(p.Message, field+`: "`+elsewhere) {
			t.Errorf("%s: got %v", field, err)
		}
		if !slices.Equal(reader.keys, tc.requests) {
			t.Errorf("%s: requested %q", field, reader.keys)
		}
	}
}
