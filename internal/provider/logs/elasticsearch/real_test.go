package elasticsearch_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
)

// admin sends a request as the user elastic, and decodes the answer.
func admin(t *testing.T, method, url, body string) map[string]any {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth("elastic", password)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer := map[string]any{}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode > 299 {
		t.Fatalf("%s %s: %s: %v %v", method, url, response.Status, answer, err)
	}
	return answer
}

func prove(t *testing.T, s indexed) (logs.RoundTrip, error) {
	t.Helper()
	return logs.Prove(t.Context(), backend(t, s), logs.ProbeOptions{Clock: clock.RealClock{}})
}

func wants(t *testing.T, err error, reason string) {
	t.Helper()
	if p := problem.As(err); p == nil || p.Reason != reason {
		t.Errorf("got %v, want a problem with reason %s", err, reason)
	}
}

func TestElasticsearch6RejectsWrongCredentials(t *testing.T) {
	url, _ := old.get(t)
	_, err := prove(t, secured(url, "credentials", "wrong"))
	wants(t, err, v1alpha1.ReasonUnauthorized)
	if strings.Contains(err.Error(), "wrong") {
		t.Errorf("the error quotes the password: %v", err)
	}
	_, err = prove(t, settings(url, "credentials"))
	wants(t, err, v1alpha1.ReasonUnauthorized)

	change := func(to string) {
		admin(t, http.MethodPost, url+"/_security/user/changing/_password", `{"password":"`+to+`"}`)
	}
	admin(t, http.MethodPut, url+"/_security/user/changing", `{"password":"the-old-one","roles":["superuser"]}`)
	s := settings(url, "credentials")
	s.Endpoint.Auth = provider.Auth{Username: "changing", Password: "the-old-one"}
	p := backend(t, s)
	options := logs.ProbeOptions{Clock: clock.RealClock{}}
	if _, err := logs.Prove(t.Context(), p, options); err != nil {
		t.Fatal(err)
	}
	change("the-new-one")
	_, err = logs.Prove(t.Context(), p, options)
	wants(t, err, v1alpha1.ReasonUnauthorized)
	change("the-old-one")
	if _, err := logs.Prove(t.Context(), p, options); err != nil {
		t.Errorf("with the right password again: %v", err)
	}
}

func TestElasticsearch6NamesTheMissingPrivilege(t *testing.T) {
	url, _ := old.get(t)
	as := func(name, role string) indexed {
		admin(t, http.MethodPut, url+"/_security/role/"+name, role)
		admin(t, http.MethodPut, url+"/_security/user/"+name, `{"password":"one-of-the-tests","roles":["`+name+`"]}`)
		s := settings(url, "rights")
		s.Endpoint.Auth = provider.Auth{Username: name, Password: "one-of-the-tests"}
		return s
	}
	trip, err := prove(t, as("whole", `{"cluster":["monitor"],"indices":[{"names":["rights*"],"privileges":["all"]}]}`))
	if err != nil || trip.Health.Version != "6.8.23" || trip.IngestLag == nil {
		t.Errorf("with all rights to the index: %+v, %v", trip, err)
	}
	health, err := backend(t, as("index-only", `{"cluster":[],"indices":[{"names":["rights*"],"privileges":["all"]}]}`)).Health(t.Context())
	if err != nil || health.State != "ready" || len(health.Warnings) != 1 {
		t.Errorf("without the right to monitor: %+v, %v", health, err)
	}
	_, err = prove(t, as("elsewhere", `{"cluster":["monitor"],"indices":[{"names":["else*"],"privileges":["all"]}]}`))
	wants(t, err, v1alpha1.ReasonForbidden)
	reader := as("reader", `{"cluster":["monitor"],"indices":[{"names":["rights*"],"privileges":["read","view_index_metadata"]}]}`)
	_, err = prove(t, reader)
	wants(t, err, v1alpha1.ReasonForbidden)
	if _, err := logs.Prove(t.Context(), backend(t, reader), logs.ProbeOptions{ReadOnly: true, Clock: clock.RealClock{}}); err != nil {
		t.Errorf("read-only with the right to read: %v", err)
	}
	unknown := settings(url, "rights")
	unknown.Endpoint.Auth = provider.Auth{APIKey: base64.StdEncoding.EncodeToString([]byte("unknown:key"))}
	_, err = prove(t, unknown)
	wants(t, err, v1alpha1.ReasonUnauthorized)
}

func TestElasticsearch6RetentionIsRead(t *testing.T) {
	url, _ := old.get(t)
	p := backend(t, secured(url, "kept", password))
	if retention, known, err := p.Retention(t.Context()); err != nil || known {
		t.Errorf("without an index: %+v, %t, %v", retention, known, err)
	}
	admin(t, http.MethodPut, url+"/_ilm/policy/month",
		`{"policy":{"phases":{"hot":{"actions":{}},"delete":{"min_age":"30d","actions":{"delete":{}}}}}}`)
	admin(t, http.MethodPut, url+"/_ilm/policy/week", `{"policy":{"phases":{"delete":{"min_age":"168h","actions":{"delete":{}}}}}}`)
	admin(t, http.MethodPut, url+"/kept-2", `{"settings":{"index.lifecycle.name":"week"}}`)
	admin(t, http.MethodPut, url+"/kept-1", `{"settings":{"index.lifecycle.name":"month"}}`)
	if retention, known, err := p.Retention(t.Context()); err != nil || !known ||
		retention != (logs.Retention{Keeps: 168 * time.Hour, Source: "ILM policy week"}) {
		t.Errorf("with two policies: %+v, %t, %v", retention, known, err)
	}
	admin(t, http.MethodPut, url+"/kept", `{"settings":{"index.lifecycle.name":"month"}}`)
	if retention, known, err := p.Retention(t.Context()); err != nil || !known ||
		retention != (logs.Retention{Keeps: 720 * time.Hour, Source: "ILM policy month"}) {
		t.Errorf("of the write index: %+v, %t, %v", retention, known, err)
	}
}

func TestElasticsearch6BlocksAreNamed(t *testing.T) {
	url, _ := old.get(t)
	p := backend(t, secured(url, "blocked", password))
	write := func() error {
		return p.Write(t.Context(), []logs.Entry{{Time: time.Now(), Line: "x", Labels: map[string]string{logs.LabelPod: "a"}}})
	}
	if err := write(); err != nil {
		t.Fatal(err)
	}
	admin(t, http.MethodPut, url+"/blocked/_settings", `{"index.blocks.read_only_allow_delete":true}`)
	wants(t, write(), v1alpha1.ReasonUnhealthy)
	health, err := p.Health(t.Context())
	if err != nil || !strings.Contains(strings.Join(health.Warnings, ";"), "read_only_allow_delete") {
		t.Errorf("%+v, %v", health, err)
	}
	admin(t, http.MethodPut, url+"/blocked/_settings", `{"index.blocks.read_only_allow_delete":null}`)
	if err := write(); err != nil {
		t.Error(err)
	}
}

func TestOpenSearchDataStream(t *testing.T) {
	url, _ := open.get(t)
	admin(t, http.MethodPut, url+"/_index_template/streams", `{"index_patterns":["stream-*"],"data_stream":{}}`)
	s := settings(url, "stream-kubeops")
	trip, err := prove(t, s)
	if err != nil || trip.Health.Flavor != "opensearch" {
		t.Errorf("%+v, %v", trip, err)
	}
	if streams := admin(t, http.MethodGet, url+"/_data_stream/stream-kubeops", ""); len(streams["data_streams"].([]any)) != 1 {
		t.Errorf("the marker is not in a data stream: %v", streams)
	}
	// Without the plugin for policies nothing is told, which is no failure.
	if retention, known, err := backend(t, s).Retention(t.Context()); err != nil || known {
		t.Errorf("%+v, %t, %v", retention, known, err)
	}
}

// TestElasticsearch6ComesBack is the last one: it stops the server that the others share.
func TestElasticsearch6ComesBack(t *testing.T) { comesBack(t, old, "6.8.23") }

func TestOpenSearchComesBack(t *testing.T) { comesBack(t, open, "") }

func comesBack(t *testing.T, server *lazy, version string) {
	url, process := server.get(t)
	s := secured(url, "back", password)
	s.Timeout = 3 * time.Second
	p := backend(t, s)
	proven := func() error {
		trip, err := logs.Prove(t.Context(), p, logs.ProbeOptions{Clock: clock.RealClock{}})
		if err == nil && version != "" && trip.Health.Version != version {
			t.Errorf("it is %q", trip.Health.Version)
		}
		return err
	}
	recovers := func(after string) {
		t.Helper()
		began := time.Now()
		deadline := time.After(time.Minute)
		for err := proven(); err != nil; err = proven() {
			select {
			case <-deadline:
				t.Fatalf("after %s: %v", after, err)
			case <-time.After(200 * time.Millisecond):
			}
		}
		t.Logf("proven %s after %s", time.Since(began).Round(time.Millisecond), after)
	}
	recovers("the start")
	process.Pause()
	err := proven()
	process.Resume()
	wants(t, err, v1alpha1.ReasonTimeout)
	recovers("the pause")
	process.Stop()
	wants(t, proven(), v1alpha1.ReasonUnreachable)
	process.Start()
	recovers("the restart")
}
