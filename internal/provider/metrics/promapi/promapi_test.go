package promapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/testkit/hostile"
)

// pages is a server with these pages and no others.
func pages(t *testing.T, bodies map[string]string) metrics.Settings {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, has := bodies[r.URL.Path]
		if !has {
			t.Errorf("%s is asked", r.URL.Path)
		}
		if r.URL.Path == "/api/v2/alerts" && r.URL.RawQuery != "active=true&inhibited=false&silenced=false" {
			t.Errorf("alerts are asked with %s", r.URL.RawQuery)
		}
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	endpoint := provider.Endpoint{URL: server.URL}
	return metrics.Settings{Endpoint: endpoint, Alertmanager: &endpoint, Egress: provider.Egress{AllowLoopback: true}}
}

func dial(t *testing.T, settings metrics.Settings) *API {
	client, err := Dial(settings, settings.Endpoint, "prometheus")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return New(client, Options{Budget: settings.Budget})
}

func TestTargetsTellTheSameTwentyThatAreDownEachTime(t *testing.T) {
	t.Parallel()
	var list []string
	for i := range 100 {
		list = append(list, fmt.Sprintf(`{"labels":{"job":"j","instance":"i-%02d"},"health":"down","lastError":"%s"}`, 99-i,
			strings.Repeat("é", 1000)))
	}
	list = append(list, `{"labels":{"job":"j"},"health":"up"}`, `{"labels":{"job":"j"},"health":"unknown"}`)
	targets, err := dial(t, pages(t, map[string]string{
		"/api/v1/targets": `{"status":"success","data":{"droppedTargets":[],"activeTargets":[` + strings.Join(list, ",") + `]}}`,
	})).Targets(context.Background())
	if err != nil || targets.Up != 1 || targets.Down != 100 || len(targets.Broken) != MaxBroken {
		t.Fatalf("got %d up, %d down, %d told, %v", targets.Up, targets.Down, len(targets.Broken), err)
	}
	if first, last := targets.Broken[0], targets.Broken[MaxBroken-1]; first.Instance != "i-00" || last.Instance != "i-19" ||
		len(first.Error) != maxError {
		t.Errorf("got %s to %s, %d bytes of error", first.Instance, last.Instance, len(first.Error))
	}
}

func TestPagesOfAnotherShapeAreNoAnswers(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{}`, `{"status":"success"}`, `{"status":"success","data":{}}`, `{"status":"success","data":[]}`,
		`{"status":"success","data":{"groups":{},"alerts":7,"activeTargets":"x"}}`} {
		a := dial(t, pages(t, map[string]string{"/api/v1/targets": body, "/api/v1/rules": body, "/api/v1/alerts": body}))
		_, targets := a.Targets(context.Background())
		_, rules := a.Rules(context.Background())
		_, alerts := a.Alerts(context.Background())
		for _, err := range []error{targets, rules, alerts} {
			if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonInvalidResponse {
				t.Errorf("%s: got %v", body, err)
			}
		}
	}
}

func TestAlertmanagerIsCountedAndItsConfigNeverTold(t *testing.T) {
	t.Parallel()
	config, _ := json.Marshal("receivers:\n- name: a\n  slack_configs: [{api_url: " + hostile.Password + "}]\n- name: b\n")
	broken, _ := json.Marshal("receivers: [" + hostile.Password)
	status := func(config []byte) string {
		return `{"versionInfo":{"version":"0.28.1"},"config":{"original":` + string(config) + `}}`
	}
	alerts := `[{"labels":{"alertname":"A"},"startsAt":"soon","status":{"state":"active"}},{"labels":{},"status":{"state":"suppressed"}},{"status":{"state":"unprocessed"}}]`
	for _, c := range []struct{ status, alerts, reason string }{
		{status(config), alerts, ""},
		{status(broken), alerts, v1alpha1.ReasonInvalidResponse},
		{`{}`, alerts, v1alpha1.ReasonInvalidResponse},
		{status(config), `{}`, v1alpha1.ReasonInvalidResponse},
	} {
		a, err := NewAlertmanager(pages(t, map[string]string{"/api/v2/status": c.status, "/api/v2/alerts": c.alerts}))
		if err != nil {
			t.Fatal(err)
		}
		got, err := a.ProbeAlertmanager(context.Background())
		a.CloseAlertmanager()
		if c.reason == "" {
			if want := (metrics.AlertmanagerHealth{Version: "0.28.1", Receivers: 2, Firing: 2}); err != nil || got != want {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
			continue
		}
		if p := problem.As(err); p == nil || p.Reason != c.reason || strings.Contains(err.Error(), hostile.Password) {
			t.Errorf("got %v, want reason %s and no secret", err, c.reason)
		}
	}
}

func TestProbeAlertmanagerNamesTheTrueCauseOfEveryMisbehaviour(t *testing.T) {
	t.Parallel()
	hostile.Run(t, func(ctx context.Context, endpoint provider.Endpoint) error {
		a, err := NewAlertmanager(metrics.Settings{
			Alertmanager: &endpoint, Timeout: hostile.Timeout, Budget: metrics.Budget{MaxBytes: hostile.MaxBytes}, Egress: provider.Egress{AllowLoopback: true},
		})
		if err != nil {
			return err
		}
		defer a.CloseAlertmanager()
		_, err = a.ProbeAlertmanager(ctx)
		return err
	})
}

func TestWordKeepsOnlyWhatAVersionMayHold(t *testing.T) {
	t.Parallel()
	if got := Word("2.42.0+ds\n\x00é\u202e" + strings.Repeat("x", 100)); len(got) != 64 || !strings.HasPrefix(got, "2.42.0+dsxxx") {
		t.Errorf("got %q", got)
	}
}
