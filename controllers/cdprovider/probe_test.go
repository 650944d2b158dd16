package cdprovider

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/plugin"
	"kubeops.io/kubeops/internal/testkit/argocd"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

func TestAServerThatAcceptsTheTokenIsReady(t *testing.T) {
	w := newWorld(t, argocd.Plugin(t))
	fake := argocd.New(t, argocd.Application{Name: "a"}, argocd.Application{Name: "b"})
	w.provider(fake.URL, argocd.Token)
	p, after := w.reconcile()
	if c := ready(p); c.Status != metav1.ConditionTrue || c.Reason != v1alpha1.ReasonSucceeded || c.Message != "the server accepts user kubeops" ||
		after != time.Minute {
		t.Fatalf("Ready: %+v, next reconcile after %s", c, after)
	}
	s := p.Status
	if s.Version != "2.14.21" || s.User != argocd.User || s.Latency == nil || *s.Applications != 2 || !strings.HasPrefix(s.Plugin, "argocd ") ||
		!slices.Equal(s.Capabilities, []string{"cancel", "ensure", "find", "logs", "rollback"}) {
		t.Errorf("status: %+v", s)
	}
	for _, line := range w.Table("cdproviders", false) {
		if len([]rune(line)) > tenant.Screen {
			t.Errorf("wider than a screen: %s", line)
		}
	}
	fake.Close()
	if p, after = w.reconcile(); ready(p).Reason != v1alpha1.ReasonUnreachable || after > 8*time.Second || p.Status.User != "" ||
		p.Status.Version != "2.14.21" || p.Status.Applications != nil {
		t.Errorf("Ready: %+v, status %+v", ready(p), p.Status)
	}
	if syncs, calls := fake.Syncs(); syncs != 0 || slices.ContainsFunc(calls, func(c string) bool { return !strings.HasPrefix(c, "GET ") }) {
		t.Errorf("a probe changed something: %q", calls)
	}
}

func TestWhyAServerIsNotReady(t *testing.T) {
	pool := argocd.Plugin(t)
	fake := argocd.New(t)
	for name, tc := range map[string]struct {
		pool   *plugin.Pool
		token  string
		refuse string
		change func(*v1alpha1.CDProviderSpec)
		reason string
	}{
		"a revoked token":  {token: "revoked-api-token", reason: v1alpha1.ReasonUnauthorized},
		"5xx":              {refuse: "/api/version", reason: v1alpha1.ReasonServerError},
		"no plugin":        {pool: &plugin.Pool{Sockets: t.TempDir()}, reason: v1alpha1.ReasonPluginUnreachable},
		"no Secret":        {change: func(s *v1alpha1.CDProviderSpec) { s.ArgoCD.TokenRef.Name = "other" }, reason: v1alpha1.ReasonSecretForbidden},
		"a denied address": {change: func(s *v1alpha1.CDProviderSpec) { s.ArgoCD.URL = "http://169.254.169.254" }, reason: v1alpha1.ReasonEgressDenied},
	} {
		t.Run(name, func(t *testing.T) {
			plugins := pool
			if tc.pool != nil {
				plugins = tc.pool
			}
			w := newWorld(t, plugins)
			if tc.refuse != "" {
				fake.Refuse(tc.refuse, http.StatusBadGateway)
				defer fake.Refuse(tc.refuse, 0)
			}
			token := argocd.Token
			if tc.token != "" {
				token = tc.token
			}
			if tc.change == nil {
				tc.change = func(*v1alpha1.CDProviderSpec) {}
			}
			w.provider(fake.URL, token, tc.change)
			p, after := w.reconcile()
			c := ready(p)
			if c.Status != metav1.ConditionFalse || c.Reason != tc.reason || after < 0 || after > time.Minute {
				t.Errorf("Ready: %+v, next reconcile after %s", c, after)
			}
			if strings.Contains(c.Message, token) || strings.Contains(strings.Join(w.Told(), " "), token) {
				t.Error("the token is in a message")
			}
		})
	}
}

func TestAnotherPluginGetsItsSettingsAndSecrets(t *testing.T) {
	w := newWorld(t, argocd.Plugin(t))
	fake := argocd.New(t)
	w.provider(fake.URL, argocd.Token, func(s *v1alpha1.CDProviderSpec) {
		s.ArgoCD = nil
		s.Type = v1alpha1.CDProviderPlugin
		s.Process = &v1alpha1.PluginProcess{Socket: "argocd"}
		s.Plugin = &v1alpha1.CDPlugin{
			Settings: map[string]string{"url": fake.URL},
			Secrets:  []v1alpha1.PluginSecret{{Name: "token", Ref: v1alpha1.SecretKeyReference{Name: "login", Key: "token"}}},
		}
	})
	if p, _ := w.reconcile(); ready(p).Status != metav1.ConditionTrue || p.Status.User != argocd.User {
		t.Errorf("Ready: %+v", ready(p))
	}
}

func TestSuspendedAsksNothing(t *testing.T) {
	w := newWorld(t, argocd.Plugin(t))
	fake := argocd.New(t)
	w.provider(fake.URL, argocd.Token, func(s *v1alpha1.CDProviderSpec) { s.Suspend = true })
	p, after := w.reconcile()
	if _, calls := fake.Syncs(); ready(p).Reason != v1alpha1.ReasonSuspended || after != 0 || len(calls) > 0 {
		t.Errorf("Ready: %+v, calls %q", ready(p), calls)
	}
}

func TestTheAPIRefusesWhatCannotBeMeant(t *testing.T) {
	w := newWorld(t, &plugin.Pool{})
	tls := func() *v1alpha1.BackendTLS {
		return &v1alpha1.BackendTLS{
			CA: &v1alpha1.SecretKeyReference{Name: "tls", Key: "ca.crt"}, ClientCertificate: &v1alpha1.SecretReference{Name: "tls"},
		}
	}
	for name, change := range map[string]func(*v1alpha1.CDProviderSpec){
		"no server":            func(s *v1alpha1.CDProviderSpec) { s.ArgoCD = nil },
		"another type":         func(s *v1alpha1.CDProviderSpec) { s.Type = "magic" },
		"no Secret":            func(s *v1alpha1.CDProviderSpec) { s.ArgoCD.TokenRef.Name = "" },
		"credentials in a URL": func(s *v1alpha1.CDProviderSpec) { s.ArgoCD.URL = "http://a:b@x/" },
		"a long timeout":       func(s *v1alpha1.CDProviderSpec) { s.Timeout = &metav1.Duration{Duration: time.Hour} },
		"a path as a socket":   func(s *v1alpha1.CDProviderSpec) { s.Process = &v1alpha1.PluginProcess{Socket: "../containerd"} },
		"two processes": func(s *v1alpha1.CDProviderSpec) {
			s.Process = &v1alpha1.PluginProcess{Socket: "a", Address: "a:1", TLS: tls()}
		},
		"an address without TLS": func(s *v1alpha1.CDProviderSpec) { s.Process = &v1alpha1.PluginProcess{Address: "a:1"} },
		"an address without a client certificate": func(s *v1alpha1.CDProviderSpec) {
			s.Process = &v1alpha1.PluginProcess{Address: "a:1", TLS: tls()}
			s.Process.TLS.ClientCertificate = nil
		},
		"a plugin without a process": func(s *v1alpha1.CDProviderSpec) {
			s.Type = v1alpha1.CDProviderPlugin
			s.ArgoCD = nil
			s.Plugin = &v1alpha1.CDPlugin{}
		},
	} {
		p := &v1alpha1.CDProvider{ObjectMeta: w.Meta("bad"), Spec: specFor("http://x")}
		change(&p.Spec)
		if err := w.Client.Create(t.Context(), p); !apierrors.IsInvalid(err) {
			t.Errorf("%s: got %v, want a refusal", name, err)
		}
	}
	good := &v1alpha1.CDProvider{ObjectMeta: w.Meta("good"), Spec: specFor("https://argocd.example.com/cd")}
	good.Spec.Process = &v1alpha1.PluginProcess{Address: "argocd-provider.kubeops-system.svc:8443", TLS: tls()}
	w.Create(good)
}
