package deploy_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	pluginv1 "kubeops.io/kubeops/api/plugin/v1"
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/pipeline/deploy"
	"kubeops.io/kubeops/internal/plugin"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/testkit/argocd"
	argocdplugin "kubeops.io/kubeops/providers/argocd"
)

// defined is a stage that ensures its application.
func defined(spec string, adopt bool) v1alpha1.DeployStage {
	stage := v1alpha1.DeployStage{Ensure: &v1alpha1.EnsuredApplication{Adopt: adopt}}
	stage.Ensure.Spec.Raw = []byte(spec)
	return stage
}

const specOfShop = `{"project":"default","destination":{"namespace":"shop"},"source":{"repoURL":"https://git.example.com/shop.git","path":"."}}`

// missing is an application that the server does not have: the stage deploys another one.
func missing(t *testing.T, stage v1alpha1.DeployStage) *machine {
	t.Helper()
	m := newMachine(t, argocd.Plugin(t), argocd.Application{Name: "other"}, stage)
	m.deployed.Deploy.Application.Name = "shop"
	return m
}

func TestAnApplicationIsCreatedAndDeployed(t *testing.T) {
	m := missing(t, defined(specOfShop, false))
	if err := m.engine.Check(t.Context(), m.stored, m.plan, m.now); err != nil {
		t.Fatalf("check: %v", err)
	}
	if _, exists := m.fake.Get("shop"); exists {
		t.Fatal("the check created the application")
	}
	s := m.end()
	created, exists := m.fake.Get("shop")
	if s.Phase != v1alpha1.StageSucceeded || !exists || created.Annotations["kubeops.io/pipeline"] != "team/" ||
		!strings.HasPrefix(created.Annotations["kubeops.io/definition"], "sha256:") {
		t.Errorf("stage %+v, application %+v", s, created)
	}
	if syncs, _ := m.fake.Syncs(); syncs != 1 {
		t.Errorf("%d syncs", syncs)
	}
}

func TestEveryCrashOfACreationIsOneSync(t *testing.T) {
	for _, lost := range []bool{false, true} {
		for n := 1; n <= 40; n++ {
			m := missing(t, defined(specOfShop, false))
			m.fake.Crash(n, lost)
			s := m.end()
			syncs, calls := m.fake.Syncs()
			if _, exists := m.fake.Get("shop"); syncs != 1 || !exists || s.Phase != v1alpha1.StageSucceeded || s.Attempt != 1 {
				t.Fatalf("crash at request %d (lost %t): %d syncs, %s %s: %s", n, lost, syncs, s.Phase, s.Reason, s.Message)
			}
			if n > len(calls) {
				break
			}
		}
	}
}

func TestWhatCannotBeEnsuredIsRefusedBeforeTheFirstStage(t *testing.T) {
	pool := argocd.Plugin(t)
	for name, c := range map[string]struct {
		app     argocd.Application
		stage   v1alpha1.DeployStage
		message string
	}{
		"an application of a person": {manual(), defined(specOfShop, false), "deploy.ensure.adopt"},
		"one of another Pipeline": {
			argocd.Application{Name: "shop", Annotations: map[string]string{"kubeops.io/pipeline": "team/other"}}, defined(specOfShop, true),
			"managed for Pipeline team/other",
		},
		"one of an ApplicationSet": {
			argocd.Application{Name: "shop", ApplicationSet: "all"}, defined(specOfShop, true), "belongs to ApplicationSet all",
		},
		"one of another application": {
			argocd.Application{Name: "shop", Annotations: map[string]string{"argocd.argoproj.io/tracking-id": "apps:argoproj.io/Application:a/b"}},
			defined(specOfShop, true), "belongs to application apps",
		},
		"one that Argo CD tracks by label": {
			argocd.Application{Name: "shop", Labels: map[string]string{"app.kubernetes.io/instance": "apps"}}, defined(specOfShop, true),
			"belongs to application apps",
		},
		"one of Flux": {
			argocd.Application{Name: "shop", Labels: map[string]string{"kustomize.toolkit.fluxcd.io/name": "apps"}}, defined(specOfShop, true),
			"belongs to Kustomization apps",
		},
		"one of Helm": {
			argocd.Application{Name: "shop", Annotations: map[string]string{"meta.helm.sh/release-name": "apps"}}, defined(specOfShop, true),
			"belongs to Helm release apps",
		},
		"a spec that is too large": {
			manual(), defined(`{"a":"`+strings.Repeat("x", 64<<10)+`"}`, true), "64 KiB",
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, pool, c.app, c.stage)
			err := m.engine.Check(t.Context(), m.stored, m.plan, m.now)
			if err == nil || !strings.Contains(err.Error(), c.message) {
				t.Errorf("check: %v", err)
			}
			if s := m.end(); s.Phase != v1alpha1.StageFailed || !strings.Contains(s.Message, c.message) {
				t.Errorf("stage: %s %s: %s", s.Phase, s.Reason, s.Message)
			}
			kept, _ := m.fake.Get("shop")
			if syncs, _ := m.fake.Syncs(); syncs != 0 || kept.Spec != nil {
				t.Errorf("%d syncs, spec %v", syncs, kept.Spec)
			}
		})
	}
}

func TestAnApplicationOfAPersonIsAdoptedWhenTold(t *testing.T) {
	app := manual()
	app.Annotations = map[string]string{"owner": "carol"}
	m := newMachine(t, argocd.Plugin(t), app, defined(specOfShop, true))
	s := m.end()
	kept, _ := m.fake.Get("shop")
	if s.Phase != v1alpha1.StageSucceeded || kept.Annotations["kubeops.io/pipeline"] != "team/" || kept.Annotations["owner"] != "carol" ||
		kept.Spec["destination"] == nil {
		t.Errorf("stage %+v, application %+v", s, kept)
	}
}

// TestAnApplicationOfAnotherProjectIsNoMissingOne has servers that report it as one that does not exist, when asked for it in the project of
// the spec.
func TestAnApplicationOfAnotherProjectIsNoMissingOne(t *testing.T) {
	pool := argocd.Plugin(t)
	moved := strings.Replace(specOfShop, `"default"`, `"`+argocd.OtherProject+`"`, 1)
	t.Run("ours is not moved", func(t *testing.T) {
		app := manual()
		app.Annotations = map[string]string{"kubeops.io/pipeline": "team/"}
		m := newMachine(t, pool, app, defined(moved, false))
		err := m.engine.Check(t.Context(), m.stored, m.plan, m.now)
		if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonApplicationRefused || !strings.Contains(p.Message, "project default") {
			t.Errorf("check: %v", err)
		}
		if s := m.end(); s.Phase != v1alpha1.StageFailed || s.Reason != v1alpha1.ReasonApplicationRefused {
			t.Errorf("stage %s %s: %s", s.Phase, s.Reason, s.Message)
		}
		if kept, _ := m.fake.Get("shop"); kept.Spec != nil {
			t.Errorf("the application became %v", kept.Spec)
		}
	})
	t.Run("that of a person stays", func(t *testing.T) {
		m := newMachine(t, pool, manual(), defined(moved, false))
		err := m.engine.Check(t.Context(), m.stored, m.plan, m.now)
		if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonApplicationNotManaged {
			t.Errorf("check: %v", err)
		}
	})
}

func TestTwoClustersDoNotShareAnApplication(t *testing.T) {
	pool := argocd.Plugin(t)
	for owner, want := range map[string]string{"team/@east": "", "team/@west": "managed for Pipeline team/@west", "team/": "managed for Pipeline team/"} {
		app := manual()
		app.Annotations = map[string]string{"kubeops.io/pipeline": owner}
		m := newMachine(t, pool, app, defined(specOfShop, true))
		driver, is := m.engine.Drivers[v1alpha1.StageDeploy].(*deploy.Driver)
		if !is {
			t.Fatal("another driver")
		}
		driver.Cluster = func(context.Context) (string, error) { return "east", nil }
		switch s := m.end(); {
		case want == "" && s.Phase != v1alpha1.StageSucceeded, want != "" && !strings.Contains(s.Message, want):
			t.Errorf("of %s: %s %s: %s", owner, s.Phase, s.Reason, s.Message)
		}
		if kept, _ := m.fake.Get("shop"); kept.Annotations["kubeops.io/pipeline"] != owner {
			t.Errorf("of %s: the owner became %v", owner, kept.Annotations)
		}
	}
}

// olderPlugin cannot create applications.
type olderPlugin struct{ argocdplugin.Plugin }

func (p *olderPlugin) Describe(ctx context.Context, request *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	described, err := p.Plugin.Describe(ctx, request)
	described.Capabilities = slices.DeleteFunc(described.GetCapabilities(), func(c string) bool { return c == plugin.CapabilityEnsure })
	return described, err
}

func TestAPluginThatCannotCreateApplicationsIsNamed(t *testing.T) {
	pool := argocd.Serve(t, &olderPlugin{argocdplugin.Plugin{Egress: provider.Egress{AllowLoopback: true}}})
	m := newMachine(t, pool, manual(), defined(specOfShop, true))
	err := m.engine.Check(t.Context(), m.stored, m.plan, m.now)
	if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonPluginIncompatible || !strings.Contains(p.Message, "CDProvider argocd") {
		t.Errorf("check: %v", err)
	}
	if s := m.end(); s.Phase != v1alpha1.StageFailed || s.Reason != v1alpha1.ReasonPluginIncompatible {
		t.Errorf("stage: %s %s: %s", s.Phase, s.Reason, s.Message)
	}
	if m = newMachine(t, pool, manual(), v1alpha1.DeployStage{}); m.end().Phase != v1alpha1.StageSucceeded {
		t.Errorf("without ensure: %+v", m.stage())
	}
}
