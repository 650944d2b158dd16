package secretref

import (
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

func TestANameThatIsNoNameOfASecretRequestsNothing(t *testing.T) {
	source := &Source{Config: &rest.Config{}} // without a reader: a request would panic
	for _, name := range []string{"x/y", "../../shop/secrets/login", "..", "a%2fb", "a b", "x;id", "", strings.Repeat("a", 254)} {
		reader := source.For("team", "")
		ref := v1alpha1.SecretReference{Name: name}
		_, _, basic := reader.Basic(t.Context(), ref, "spec.auth.basic")
		_, _, pair := reader.KeyPair(t.Context(), ref, "spec.auth.basic")
		_, text := reader.Text(t.Context(), v1alpha1.SecretKeyReference{Name: name, Key: "token"}, "spec.auth.basic")
		for _, err := range []error{basic, pair, text} {
			p := problem.As(err)
			if p == nil || p.Reason != v1alpha1.ReasonInvalidSpec || p.Action != problem.UserMustAct ||
				!strings.HasPrefix(p.Message, "spec.auth.basic: \"") || !strings.Contains(p.Message, "name of a Secret") {
				t.Errorf("%q: got %v", name, err)
			}
		}
	}
	for _, key := range []string{"", "a/b", "..", "a b"} {
		_, err := source.For("team", "").Text(t.Context(), v1alpha1.SecretKeyReference{Name: "login", Key: key}, "spec.auth.apiKey")
		if p := problem.As(err); p == nil || !strings.Contains(p.Message, "key of a Secret") {
			t.Errorf("key %q: got %v", key, err)
		}
	}
}
