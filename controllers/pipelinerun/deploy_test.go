package pipelinerun_test

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit/argocd"
)

// delivery makes the CDProvider argocd for a fake of Argo CD, and the Pipeline p with a stage that deploys the application shop.
func (w *world) delivery(fake *argocd.Server) {
	w.t.Helper()
	fake.SetClock(w.Clock.Now)
	w.e.Backends.Plugins = argocd.Plugin(w.t)
	w.restart()
	w.Secret("login", "token", argocd.Token)
	w.Grant("login")
	w.Create(&v1alpha1.CDProvider{ObjectMeta: w.Meta("argocd"), Spec: v1alpha1.CDProviderSpec{
		Type:   v1alpha1.CDProviderArgoCD,
		ArgoCD: &v1alpha1.ArgoCDServer{URL: fake.URL, TokenRef: v1alpha1.SecretKeyReference{Name: "login", Key: "token"}},
	}})
	w.pipeline(v1alpha1.PipelineSpec{
		Concurrency: v1alpha1.ConcurrencyAllow,
		Parameters:  []v1alpha1.PipelineParameter{{Name: "revision"}},
		Stages: []v1alpha1.PipelineStage{{Name: "deploy", Type: v1alpha1.StageDeploy, Deploy: &v1alpha1.DeployStage{
			ProviderRef: v1alpha1.LocalReference{Name: "argocd"}, Application: v1alpha1.DeployedApplication{Name: "shop"},
			Revision:  &v1alpha1.StageText{Expression: "params.revision"},
			StableFor: &metav1.Duration{Duration: 10 * time.Second},
		}}},
	})
}

// TestACrashAtAnyWriteIsOneSync lets the manager crash at each of its writes, before the API server saw it or before its answer arrived.
func TestACrashAtAnyWriteIsOneSync(t *testing.T) {
	w := newWorld(t)
	fake := argocd.New(t, argocd.Application{Name: "shop"})
	w.delivery(fake)
	const maxWrites = 9
	runs := 0
	crashes := 0
	for _, lost := range []bool{false, true} {
		for fails := 1; fails <= maxWrites; fails++ {
			runs++
			name := fmt.Sprintf("r-%d", runs)
			revision := fmt.Sprintf("%040x", runs)
			fake.Set("shop", func(a *argocd.Application) { a.Head = revision })
			w.run(name, v1alpha1.ParameterValue{Name: "revision", Value: revision})
			w.requests.arm(fails, lost)
			w.untilDeployed(name)
			run := w.get(name)
			w.want(run, v1alpha1.RunSucceeded, "deploy=Succeeded")
			if s := run.Status.Stage("deploy"); s.Attempt != 1 || s.Outputs[v1alpha1.OutputRevision] != revision {
				t.Errorf("stage: %+v", s)
			}
			if syncs, _ := fake.Syncs(); syncs != runs {
				t.Fatalf("%d syncs of %d runs, at write %d (lost %t)", syncs, runs, fails, lost)
			}
			if _, writes := w.requests.counts(); writes >= fails {
				crashes++
			}
		}
	}
	if crashes < maxWrites {
		t.Errorf("%d crashes", crashes)
	}
}

// untilDeployed reconciles a run to its end.
func (w *world) untilDeployed(name string) {
	w.t.Helper()
	w.throughCrashes(name, func(*v1alpha1.PipelineRun) {})
}

func TestADeployThatCannotStartIsFoundBeforeTheFirstStage(t *testing.T) {
	w := newWorld(t)
	w.delivery(argocd.New(t, argocd.Application{Name: "other"}))
	w.run("r", v1alpha1.ParameterValue{Name: "revision", Value: "main"})
	run := w.settle("r")
	w.want(run, v1alpha1.RunFailed)
	wantReason(t, run, v1alpha1.ReasonApplicationNotFound)
}
