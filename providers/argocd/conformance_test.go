package argocd_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/expression"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/pipeline/deploy"
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
		New: "created", Unmanaged: "unmanaged", Owned: "owned",
	}
}

func TestConformanceAgainstTheStrictFake(t *testing.T) {
	fake := argocd.New(t, argocd.Application{Name: "shop"}, argocd.Application{Name: "automated", Automated: true},
		argocd.Application{Name: "held", Hold: true}, argocd.Application{Name: "failing", Fail: "one or more objects failed to apply"},
		argocd.Application{Name: "unmanaged"}, argocd.Application{Name: "owned", ApplicationSet: "all"})
	s := subject(t, fake.URL, argocd.Token)
	s.Spec = func(target string) string { return spec("https://git.example.com/shop.git", target) }
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

// spec of an application of the suite.
func spec(repository, target string) string {
	return fmt.Sprintf(`{"project":"default","destination":{"server":"https://kubernetes.default.svc","namespace":"default"},`+
		`"source":{"repoURL":%q,"path":".","targetRevision":%q}}`, repository, target)
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
	// There is no route to derive an address from.
	config, stop, err := testkit.StartAPIServer("advertise-address=192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("stop the API server: %v", err)
		}
	})
	real := servers.ArgoCD(t, config)
	s := subject(t, real.URL, real.Token)
	s.User = "admin"
	s.Version = servers.ArgoCDVersion
	for _, name := range []string{s.Application, s.Automated, s.Held, s.Failing, s.Unmanaged, s.Owned} {
		real.Application(name, "default", manifest(name, 0), name == s.Automated)
	}
	real.Own(s.Owned, "all")
	s.Spec = func(target string) string { return spec(real.Repository(s.Unmanaged), target) }
	commits := 0
	s.Commit = func(t testing.TB, application string) string {
		commits++
		return real.Commit(t, application, manifest(application, commits))
	}
	plugin.Run(t, s)
	t.Run("stages deploy", func(t *testing.T) { stages(t, s) })
}

// deployed runs a stage of type deploy on an application until it ends.
func deployed(t *testing.T, s plugin.Subject, stage v1alpha1.DeployStage) *v1alpha1.StageStatus {
	t.Helper()
	stage.StableFor = &metav1.Duration{Duration: 2 * time.Second}
	plan, err := pipeline.NewPlan(&v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{{
		Name: "deploy", Type: v1alpha1.StageDeploy, Deploy: &stage,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	engine := &pipeline.Engine{
		Expressions: expression.Local{}, Redact: func(text string) string { return text },
		Drivers: map[v1alpha1.StageType]pipeline.Driver{v1alpha1.StageDeploy: &deploy.Driver{
			Reader: anyProvider{}, Open: func(ctx context.Context, _ *v1alpha1.CDProvider) (*backends.Delivery, error) {
				p, err := cd.Open(ctx, s.Pool, s.Target, s.Settings)
				return &backends.Delivery{Provider: p}, err
			},
		}},
	}
	run := &v1alpha1.PipelineRun{ObjectMeta: metav1.ObjectMeta{
		Namespace: "team", Name: "r", UID: types.UID(stage.Application.Name + time.Now().String()),
	}}
	pipeline.Begin(run, plan, time.Now())
	save := func(context.Context) error { return nil }
	err = wait.PollUntilContextTimeout(t.Context(), 500*time.Millisecond, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
		_, err := engine.Advance(ctx, run, plan, false, time.Now(), save)
		return run.Status.Stage("deploy").Phase.Ended(), err
	})
	if err != nil {
		t.Fatalf("%v: %+v", err, run.Status.Stage("deploy"))
	}
	return run.Status.Stage("deploy")
}

// anyProvider finds every CDProvider.
type anyProvider struct{ client.Reader }

func (anyProvider) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return nil
}

// stages deploys by stages of a Pipeline: by hand, automatically, and a commit that cannot be applied.
func stages(t *testing.T, s plugin.Subject) {
	of := func(name string) (v1alpha1.DeployStage, string) {
		revision := s.Commit(t, name)
		return v1alpha1.DeployStage{
			Application: v1alpha1.DeployedApplication{Name: name}, Revision: &v1alpha1.StageText{Value: &revision},
		}, revision
	}
	first, before := of(s.Application)
	if status := deployed(t, s, first); status.Phase != v1alpha1.StageSucceeded || status.Outputs[v1alpha1.OutputRevision] != before {
		t.Errorf("stage: %+v", status)
	}
	second, revision := of(s.Application)
	if status := deployed(t, s, second); status.Phase != v1alpha1.StageSucceeded || status.Outputs[v1alpha1.OutputRevision] != revision ||
		status.Outputs[v1alpha1.OutputPreviousRevision] != before || status.Triggers != 1 {
		t.Errorf("stage: %+v", status)
	}
	automated, revision := of(s.Automated)
	if status := deployed(t, s, automated); status.Phase != v1alpha1.StageSucceeded || status.Outputs[v1alpha1.OutputRevision] != revision {
		t.Errorf("automated: %+v", status)
	}
	created := v1alpha1.DeployStage{Application: v1alpha1.DeployedApplication{Name: "by-a-stage"}, Ensure: &v1alpha1.EnsuredApplication{}}
	created.Ensure.Spec.Raw = []byte(s.Spec("main"))
	if status := deployed(t, s, created); status.Phase != v1alpha1.StageSucceeded || status.Outputs[v1alpha1.OutputPreviousRevision] != "" {
		t.Errorf("created: %+v", status)
	}
	failing, _ := of(s.Failing)
	if status := deployed(t, s, failing); status.Phase != v1alpha1.StageFailed || status.Reason != v1alpha1.ReasonSyncFailed ||
		len(status.Diagnosis) == 0 {
		t.Errorf("failing: %+v", status)
	}
}
