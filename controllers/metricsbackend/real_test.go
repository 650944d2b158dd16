package metricsbackend

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/provider/metrics/victoriametrics"
	"kubeops.io/kubeops/internal/testkit/servers"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

const (
	realInterval, realTimeout = 5 * time.Second, 2 * time.Second
	// up is how soon a server that is up must be Ready.
	up = 10 * time.Second
	// busy is what a loaded machine may take for the writing and reading of a status.
	busy = time.Second
)

// running is a namespace with a manager that runs until the test ends.
type running struct {
	*tenant.Tenant
	t *testing.T
}

func run(t *testing.T) *running {
	t.Helper()
	n := tenant.New(t, realAPI)
	testsuite.StartManager(t, realAPI, Setup)
	return &running{Tenant: n, t: t}
}

// within waits until a condition has a reason, and fails when that takes longer than it may.
func (n *running) within(limit time.Duration, what, kind, reason string) *v1alpha1.MetricsBackend {
	n.t.Helper()
	began := time.Now()
	b := &v1alpha1.MetricsBackend{}
	n.Eventually(func() error {
		if err := n.Client.Get(n.t.Context(), n.Key("b"), b); err != nil {
			return err
		}
		if c := condition(b, kind); c.Reason != reason {
			return fmt.Errorf("%s: want %s: %+v", what, reason, c)
		}
		return nil
	})
	took := time.Since(began).Round(10 * time.Millisecond)
	n.t.Logf("%s: %s after %s", what, reason, took)
	if took > limit {
		n.t.Errorf("%s: it took %s, longer than %s", what, took, limit)
	}
	return b
}

// TestARealPrometheusThatComesAndGoes is followed by a running manager, which is never restarted.
func TestARealPrometheusThatComesAndGoes(t *testing.T) {
	web := &servers.WebConfig{Username: "kubeops", Password: servers.FirstPassword}
	alertmanagerURL, alertmanager := servers.Alertmanager(t, servers.AlertmanagerOptions{})
	url, process := servers.Prometheus(t, servers.PrometheusOptions{Web: web})
	process.Stop()

	n := run(t)
	n.Account()
	n.Grant("login")
	n.Secret("login", "username", "kubeops", "password", servers.FirstPassword+"\n")
	spec := prometheusAt(url)
	spec.Interval, spec.Timeout = &metav1.Duration{Duration: realInterval}, &metav1.Duration{Duration: realTimeout}
	spec.Auth = &v1alpha1.BackendAuth{Basic: &v1alpha1.SecretReference{Name: "login"}}
	spec.Alertmanager = &v1alpha1.AlertmanagerAccess{URL: alertmanagerURL}
	n.Create(&v1alpha1.MetricsBackend{ObjectMeta: n.Meta("b"), Spec: spec})
	ready := v1alpha1.ConditionReady
	n.within(up, "not started yet", ready, v1alpha1.ReasonUnreachable)

	process.Start()
	b := n.within(up, "started", ready, v1alpha1.ReasonSucceeded)
	if b.Status.Version == "" || b.Status.Flavor != "prometheus" || b.Status.QueryLatency == nil || b.Status.Targets == nil ||
		b.Status.Alertmanager == nil {
		t.Errorf("status: %+v", b.Status)
	}
	process.Stop()
	n.within(realInterval+busy, "stopped", ready, v1alpha1.ReasonUnreachable)
	process.Start()
	n.within(up, "started again", ready, v1alpha1.ReasonSucceeded)

	process.Pause()
	n.within(realInterval+realTimeout+busy, "hanging", ready, v1alpha1.ReasonTimeout)
	process.Resume()
	n.within(up, "going on", ready, v1alpha1.ReasonSucceeded)

	web.Password = servers.SecondPassword
	web.Write(t)
	n.within(realInterval+busy, "another password", ready, v1alpha1.ReasonUnauthorized)
	n.Secret("login", "username", "kubeops", "password", servers.SecondPassword)
	n.within(up, "the Secret follows", ready, v1alpha1.ReasonSucceeded)

	alertmanager.Stop()
	b = n.within(realInterval+busy, "the Alertmanager stopped", v1alpha1.ConditionAlertmanagerReady, v1alpha1.ReasonUnreachable)
	if c := condition(b, ready); c.Status != metav1.ConditionTrue {
		t.Errorf("Ready was taken away: %+v", c)
	}
	alertmanager.Start()
	n.within(up, "the Alertmanager started", v1alpha1.ConditionAlertmanagerReady, v1alpha1.ReasonSucceeded)
	n.wantNoPassword()
}

// wantNoPassword looks at every status and event of the namespace.
func (n *running) wantNoPassword() {
	n.t.Helper()
	list := &v1alpha1.MetricsBackendList{}
	told := &eventsv1.EventList{}
	for _, l := range []client.ObjectList{list, told} {
		if err := n.Client.List(n.t.Context(), l, client.InNamespace(n.Namespace)); err != nil {
			n.t.Fatal(err)
		}
	}
	if len(told.Items) == 0 {
		n.t.Error("no events")
	}
	content, err := json.Marshal([]any{list, told})
	if err != nil {
		n.t.Fatal(err)
	}
	for _, password := range []string{servers.FirstPassword, servers.SecondPassword} {
		if strings.Contains(string(content), password) {
			n.t.Errorf("a password is in %s", content)
		}
	}
}

// TestARealVictoriaMetricsThatComesAndGoes is followed by a running manager, which is never restarted.
func TestARealVictoriaMetricsThatComesAndGoes(t *testing.T) {
	url, process := servers.VictoriaMetrics(t, servers.VictoriaMetricsOptions{})
	process.Stop()
	n := run(t)
	spec := v1alpha1.MetricsBackendSpec{
		Type:            v1alpha1.MetricsBackendVictoriaMetrics,
		VictoriaMetrics: &v1alpha1.VictoriaMetricsBackend{URL: url},
	}
	spec.Interval, spec.Timeout = &metav1.Duration{Duration: realInterval}, &metav1.Duration{Duration: realTimeout}
	n.Create(&v1alpha1.MetricsBackend{ObjectMeta: n.Meta("b"), Spec: spec})
	ready := v1alpha1.ConditionReady
	n.within(up, "not started yet", ready, v1alpha1.ReasonUnreachable)
	process.Start()
	if b := n.within(up, "started", ready, v1alpha1.ReasonSucceeded); b.Status.Flavor != victoriametrics.FlavorSingle {
		t.Errorf("status: %+v", b.Status)
	}
	process.Pause()
	n.within(realInterval+realTimeout+busy, "hanging", ready, v1alpha1.ReasonTimeout)
	process.Resume()
	n.within(up, "going on", ready, v1alpha1.ReasonSucceeded)
	process.Stop()
	n.within(realInterval+busy, "stopped", ready, v1alpha1.ReasonUnreachable)
}
