package argocd_test

import (
	"fmt"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	pluginhost "kubeops.io/kubeops/internal/plugin"
	"kubeops.io/kubeops/internal/provider/cd"
	"kubeops.io/kubeops/internal/testkit/argocd"
	"kubeops.io/kubeops/internal/testkit/conformance/plugin"
)

// subject of a server, without its applications.
func subject(t *testing.T, url, token string) plugin.Subject {
	t.Helper()
	settings, err := cd.Settings(cd.ArgoCD{URL: url}, map[string][]byte{cd.SecretToken: []byte(token)})
	if err != nil {
		t.Fatal(err)
	}
	revoked, err := cd.Settings(cd.ArgoCD{URL: url}, map[string][]byte{cd.SecretToken: []byte("revoked-token")})
	if err != nil {
		t.Fatal(err)
	}
	return plugin.Subject{
		Pool: argocd.Plugin(t), Target: pluginhost.Target{Socket: v1alpha1.DefaultArgoCDSocket}, Settings: settings, Revoked: revoked,
		Secret: "revoked-token", Version: "2.14.21", Name: "suite",
		Application: "shop", Automated: "automated", Held: "held", Failing: "failing",
	}
}

func TestConformanceAgainstTheStrictFake(t *testing.T) {
	fake := argocd.New(t, argocd.Application{Name: "shop"}, argocd.Application{Name: "automated", Automated: true},
		argocd.Application{Name: "held", Hold: true}, argocd.Application{Name: "failing", Fail: "one or more objects failed to apply"})
	s := subject(t, fake.URL, argocd.Token)
	s.User = argocd.User
	commits := 0
	s.Commit = func(_ testing.TB, application string) string {
		commits++
		revision := fmt.Sprintf("%040x", commits)
		fake.Set(application, func(a *argocd.Application) { a.Head = revision })
		return revision
	}
	plugin.Run(t, s)
}
