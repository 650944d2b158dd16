package secretref

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/api/v1alpha1"
)

func TestNamesFindsEveryReferenceOfASpec(t *testing.T) {
	key := func(name string) *v1alpha1.SecretKeyReference {
		return &v1alpha1.SecretKeyReference{Name: name, Key: "k"}
	}
	for name, tc := range map[string]struct {
		spec any
		want []string
	}{
		"none": {v1alpha1.MetricsBackendSpec{}, nil},
		"nested, twice and in a list": {
			v1alpha1.AIProviderSpec{
				TLS: &v1alpha1.BackendTLS{CA: key("ca"), ClientCertificate: &v1alpha1.SecretReference{Name: "pair"}},
				OpenAI: &v1alpha1.OpenAIServer{
					APIKey: key("api"), Headers: []v1alpha1.AIHeader{{Name: "X-A", ValueFrom: key("header")}, {Name: "X-B", ValueFrom: key("api")}},
				},
			},
			[]string{"api", "ca", "header", "pair"},
		},
		"a field that is no pointer": {
			v1alpha1.NotificationChannelSpec{Slack: &v1alpha1.ChatWebhook{WebhookURL: *key("url"), SigningKey: key("sign")}},
			[]string{"sign", "url"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Names(tc.spec)); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
		})
	}
}
