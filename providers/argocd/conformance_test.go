package argocd_test

import (
	"fmt"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	pluginhost "kubeops.io/kubeops/internal/plugin"
	"kubeops.io/kubeops/internal/provider/cd"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/argocd"
	"kubeops.io/kubeops/internal/testkit/conformance/plugin"
	"kubeops.io/kubeops/internal/testkit/servers"
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

// manifest of an application of the suite, which changes with each commit.
func manifest(application string, commit int) string {
	switch application {
	case "failing": // not a valid name
		return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Not_Valid, annotations: {commit: \"%d\"}}\n", commit)
	case "held": // nothing runs Jobs there, so that the hook does not end
		return fmt.Sprintf(`apiVersion: batch/v1
kind: Job
metadata: {name: hook, annotations: {argocd.argoproj.io/hook: PreSync, commit: "%d"}}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: busybox}]}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: held}
`, commit)
	}
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {commit: \"%d\"}\n", application, commit)
}

func TestConformanceAgainstARealArgoCD(t *testing.T) {
	if !servers.OwnNetwork(t) {
		return
	}
	real := servers.ArgoCD(t, testkit.APIServer(t))
	s := subject(t, real.URL, real.Token)
	s.User = "admin"
	s.Version = servers.ArgoCDVersion
	for _, name := range []string{s.Application, s.Automated, s.Held, s.Failing} {
		real.Application(name, "default", manifest(name, 0), name == s.Automated)
	}
	commits := 0
	s.Commit = func(t testing.TB, application string) string {
		commits++
		return real.Commit(t, application, manifest(application, commits))
	}
	plugin.Run(t, s)
}
