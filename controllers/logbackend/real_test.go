package logbackend

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/testkit/servers"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// interval and timeout of the back ends of these tests; up is how soon a server that is up must be Ready, busy is what a loaded
// machine adds to what the interval promises.
const interval, timeout, up, busy = 5 * time.Second, 2 * time.Second, 10 * time.Second, time.Second

// follower watches what a running manager, which is never restarted, says of a back end.
type follower struct {
	*tenant.Tenant
	t *testing.T
	b *v1alpha1.LogBackend
}

func follow(t *testing.T, spec v1alpha1.LogBackendSpec) *follower {
	t.Helper()
	n := tenant.New(t, realAPI)
	testsuite.StartManager(t, realAPI, Setup)
	f := &follower{Tenant: n, t: t, b: &v1alpha1.LogBackend{ObjectMeta: n.Meta("b"), Spec: spec}}
	f.b.Spec.Interval, f.b.Spec.Timeout = &metav1.Duration{Duration: interval}, &metav1.Duration{Duration: timeout}
	return f
}

// within waits until Ready has a reason, which must be soon enough.
func (f *follower) within(limit time.Duration, what, reason string) {
	f.t.Helper()
	began := time.Now()
	f.Eventually(func() error {
		if err := f.Client.Get(f.t.Context(), f.Key("b"), f.b); err != nil {
			return err
		}
		if c := condition(f.b, v1alpha1.ConditionReady); c.Reason != reason {
			return fmt.Errorf("%s: want %s: %+v", what, reason, c)
		}
		return nil
	})
	took := time.Since(began).Round(10 * time.Millisecond)
	f.t.Logf("%s: %s after %s", what, reason, took)
	if took > limit {
		f.t.Errorf("%s: it took %s, longer than %s", what, took, limit)
	}
}

// comesAndGoes takes a server that is stopped through all that may happen to one.
func (f *follower) comesAndGoes(server *servers.Process, flavor string) {
	f.t.Helper()
	f.Create(f.b)
	f.within(up, "not started yet", v1alpha1.ReasonUnreachable)
	server.Start()
	f.within(up, "started", v1alpha1.ReasonSucceeded)
	if s := f.b.Status; s.IngestLag == nil || s.QueryLatency == nil || s.Version == "" || s.Flavor != flavor {
		f.t.Errorf("status: %+v", s)
	}
	server.Pause()
	f.within(interval+timeout+busy, "hanging", v1alpha1.ReasonTimeout)
	server.Resume()
	f.within(up, "going on", v1alpha1.ReasonSucceeded)
	server.Stop()
	f.within(interval+busy, "stopped", v1alpha1.ReasonUnreachable)
	server.Start()
	f.within(up, "started again", v1alpha1.ReasonSucceeded)
}

func TestARealLokiThatComesAndGoes(t *testing.T) {
	server := servers.StartLoki(t, servers.LokiOptions{})
	server.Stop()
	f := follow(t, v1alpha1.LogBackendSpec{Type: v1alpha1.LogBackendLoki, Loki: &v1alpha1.LokiBackend{URL: server.URL}})
	f.comesAndGoes(server.Process, "loki")
}

func TestARealOpenSearchThatComesAndGoes(t *testing.T) {
	url, server := servers.OpenSearch(t)
	server.Stop()
	f := follow(t, v1alpha1.LogBackendSpec{
		Type: v1alpha1.LogBackendElasticsearch, Elasticsearch: &v1alpha1.ElasticsearchBackend{URL: url, Index: "logs-*", WriteIndex: "logs-kubeops"},
	})
	f.comesAndGoes(server, "opensearch")
}

func TestARealElasticsearchWhosePasswordChanges(t *testing.T) {
	const first, second = servers.FirstPassword, servers.SecondPassword
	url, _ := servers.Elasticsearch(t, servers.ElasticsearchOptions{Password: first})
	f := follow(t, v1alpha1.LogBackendSpec{
		Type: v1alpha1.LogBackendElasticsearch, Elasticsearch: &v1alpha1.ElasticsearchBackend{URL: url, Index: "logs-*", WriteIndex: "logs-kubeops"},
	})
	f.Account()
	f.Grant("login")
	f.Secret("login", "username", "elastic", "password", first)
	f.b.Spec.Auth = &v1alpha1.BackendAuth{Basic: &v1alpha1.SecretReference{Name: "login"}}
	f.Create(f.b)
	f.within(up, "with the right password", v1alpha1.ReasonSucceeded)
	changePassword(t, url, first, second)
	f.within(interval+busy, "changed at the server", v1alpha1.ReasonUnauthorized)
	f.Secret("login", "username", "elastic", "password", second)
	f.within(up, "changed in the Secret", v1alpha1.ReasonSucceeded)
	told := &corev1.EventList{}
	if err := f.Client.List(t.Context(), told, client.InNamespace(f.Namespace)); err != nil || len(told.Items) == 0 {
		t.Fatalf("%d events, %v", len(told.Items), err)
	}
	if text := fmt.Sprintf("%+v %+v", f.b.Status, told.Items); strings.Contains(text, first) || strings.Contains(text, second) {
		t.Errorf("a password is told: %s", text)
	}
}

// changePassword of the user elastic.
func changePassword(t *testing.T, url, from, to string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/_xpack/security/user/elastic/_password",
		strings.NewReader(fmt.Sprintf(`{"password":%q}`, to)))
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth("elastic", from)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("the password was not changed: %s", response.Status)
	}
}
