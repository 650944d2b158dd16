package metricsbackend

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/metrics"
)

func login(s *v1alpha1.MetricsBackendSpec) {
	s.Auth = &v1alpha1.BackendAuth{Basic: &v1alpha1.SecretReference{Name: "login"}}
}

// TestEachStepToAWorkingLoginIsNamed walks from nothing to Ready as a user does, by what the condition says, and nothing but
// time goes by between two turns: neither the resource nor the manager is touched.
func TestEachStepToAWorkingLoginIsNamed(t *testing.T) {
	s := healthy()
	s.probe = guarded("open-sesame")
	w := newWorld(t, s)
	w.backend(login)
	want := func(reason string, parts ...string) {
		t.Helper()
		var c metav1.Condition
		var explanation string
		w.Eventually(func() error {
			b, after := w.reconcile()
			explanation = outcome.Explanation(b.Status.Conditions)
			if c = condition(b, v1alpha1.ConditionReady); c.Reason != reason {
				return fmt.Errorf("%s: %s", c.Reason, c.Message)
			}
			if after <= 0 {
				return errors.New("nobody looks again")
			}
			return nil
		})
		for _, part := range parts {
			if !strings.Contains(explanation, part) {
				t.Errorf("%q is not in: %s", part, explanation)
			}
		}
	}
	want(v1alpha1.ReasonServiceAccountNotFound, "create serviceaccount kubeops")
	w.Account()
	w.Secret("login", "username", "kubeops")
	want(v1alpha1.ReasonSecretForbidden, "referenced by spec.auth.basic", "--verb=get,watch --resource=secrets --resource-name=login")
	w.Grant("login")
	want(v1alpha1.ReasonSecretNotFound, "has no key password")
	w.Secret("login", "username", "kubeops", "password", "two\nlines")
	want(v1alpha1.ReasonInvalidSecret, "line breaks")
	w.Secret("login", "username", "kubeops", "password", "guess")
	want(v1alpha1.ReasonUnauthorized, "does not accept the credentials")
	w.Secret("login", "username", "kubeops", "password", "open-sesame\n")
	want(v1alpha1.ReasonSucceeded)
	w.Secret("login", "username", "kubeops", "password", "changed")
	want(v1alpha1.ReasonUnauthorized)
	w.Delete(secretNamed(w, "login"))
	want(v1alpha1.ReasonSecretNotFound, "does not exist")
}

// guarded answers to one password only.
func guarded(password string) func(metrics.Settings) (metrics.Health, error) {
	return func(s metrics.Settings) (metrics.Health, error) {
		if s.Endpoint.Auth != (provider.Auth{Username: "kubeops", Password: password}) {
			return metrics.Health{}, problem.Retrying(v1alpha1.ReasonUnauthorized, nil,
				"prometheus:9090 does not accept the credentials (401)")
		}
		return metrics.Health{Version: "2.53.1", Flavor: "prometheus"}, nil
	}
}

// TestNoCredentialIsShownAnywhere, even where the server sends back what it was sent.
func TestNoCredentialIsShownAnywhere(t *testing.T) {
	const password, token = "correct-horse", "battery-staple"
	s := healthy()
	echo := func(settings metrics.Settings) string {
		return fmt.Sprintf("you sent %s and %s", settings.Endpoint.Auth.Password, settings.Alertmanager.Auth.BearerToken)
	}
	good := func(settings metrics.Settings) (metrics.Health, error) {
		return metrics.Health{Version: echo(settings), Flavor: echo(settings), Retention: echo(settings)}, nil
	}
	s.alertmanager = func() (metrics.AlertmanagerHealth, error) {
		return metrics.AlertmanagerHealth{Version: token, Receivers: 1}, nil
	}
	w := newWorld(t, s)
	w.Account()
	w.Grant("login")
	w.Grant("am")
	w.Secret("login", "username", "kubeops", "password", password)
	w.Secret("am", "token", token)
	w.backend(login, func(s *v1alpha1.MetricsBackendSpec) {
		s.Alertmanager = &v1alpha1.AlertmanagerAccess{
			URL: "http://am:9093", Auth: &v1alpha1.BackendAuth{BearerToken: &v1alpha1.SecretKeyReference{Name: "am", Key: "token"}},
		}
	})
	var shown strings.Builder
	logger := funcr.New(func(prefix, args string) { shown.WriteString(prefix + args) }, funcr.Options{Verbosity: 10})
	probes := []func(metrics.Settings) (metrics.Health, error){good, func(settings metrics.Settings) (metrics.Health, error) {
		return metrics.Health{}, problem.Retrying(v1alpha1.ReasonServerError, errors.New(echo(settings)), "%s", echo(settings))
	}, good, func(settings metrics.Settings) (metrics.Health, error) {
		return metrics.Health{}, errors.New(echo(settings))
	}}
	for _, probe := range probes {
		s.probe = probe
		w.Eventually(func() error {
			if _, err := w.r.Reconcile(log.IntoContext(t.Context(), logger), ctrl.Request{NamespacedName: w.Key("b")}); err != nil {
				return err
			}
			if s.open == 0 {
				return errors.New("the rights are not in force yet")
			}
			return nil
		})
		status, err := json.Marshal(w.get().Status)
		if err != nil {
			t.Fatal(err)
		}
		shown.Write(status)
		w.Clock.SetTime(w.Clock.Now().Add(time.Hour))
	}
	families, err := w.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	shown.WriteString(fmt.Sprint(families) + strings.Join(w.Told(), "\n"))
	for _, secret := range []string{password, token} {
		if strings.Contains(shown.String(), secret) {
			t.Errorf("%s is shown in:\n%s", secret, shown.String())
		}
	}
	for _, part := range []string{"you sent [redacted] and [redacted]", "Not ready", "ServerError"} {
		if !strings.Contains(shown.String(), part) {
			t.Errorf("the test sees too little: %q is not in\n%s", part, shown.String())
		}
	}
}
