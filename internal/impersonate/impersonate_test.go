package impersonate_test

import (
	"context"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/impersonate"
	"kubeops.io/kubeops/internal/problem"
)

// reader records the keys that are requested, and finds everything.
type reader struct {
	client.Reader
	keys []string
}

func (r *reader) Get(_ context.Context, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	r.keys = append(r.keys, key.String())
	return nil
}

func TestAnAccountThatIsNoNameRequestsNothing(t *testing.T) {
	for _, account := range []string{
		"../../shop/serviceaccounts/kubeops", "../../../../../apis/kubeops.io/v1alpha1/namespaces/shop/inspections/everything",
		"a/b", "a:b", "..", "a%2fb", "a\nb", "A", strings.Repeat("a", 254),
	} {
		asked := &reader{}
		source := impersonate.Source{Reader: asked, Config: &rest.Config{}}
		_, existing := source.Existing(t.Context(), "team", account, "reads", "grant it")
		config, as := source.As("team", account)
		for _, err := range []error{existing, as} {
			p := problem.As(err)
			if p == nil || p.Reason != v1alpha1.ReasonInvalidSpec || !strings.HasPrefix(p.Message, "spec.serviceAccountName: \"") {
				t.Errorf("%q: got %v", account, err)
			}
		}
		if len(asked.keys) != 0 || config != nil {
			t.Errorf("%q: requested %q, config %v", account, asked.keys, config)
		}
	}
}

func TestAnAccountIsActedAsWithinItsNamespace(t *testing.T) {
	for account, want := range map[string]string{"": "kubeops", "reader": "reader", "team.example.com": "team.example.com"} {
		asked := &reader{}
		config, err := impersonate.Source{Reader: asked, Config: &rest.Config{}}.Existing(t.Context(), "team", account, "reads", "grant it")
		if err != nil || config.Impersonate.UserName != "system:serviceaccount:team:"+want || asked.keys[0] != "team/"+want {
			t.Errorf("%q: %v, %v, requested %q", account, config, err, asked.keys)
		}
	}
	if _, err := (impersonate.Source{Config: &rest.Config{}}).As("../shop", "kubeops"); problem.As(err) == nil {
		t.Error("a namespace with a slash is accepted")
	}
}
