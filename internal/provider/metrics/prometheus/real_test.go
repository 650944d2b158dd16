package prometheus_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/metrics/prometheus"
	conformance "kubeops.io/kubeops/internal/testkit/conformance/metrics"
	"kubeops.io/kubeops/internal/testkit/servers"
)

const rules = `groups:
- name: tests
  rules:
  - {alert: AlwaysFiring, expr: vector(1), labels: {severity: page}, annotations: {summary: it fires}}
  - {record: job:up:sum, expr: sum by (job) (up)}
`

func dial(t *testing.T, settings metrics.Settings) metrics.Provider {
	t.Helper()
	settings.Timeout = conformance.Timeout
	settings.Egress = provider.Egress{AllowLoopback: true}
	p, err := prometheus.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestARealPrometheusTellsAllThatTheContractAsksFor(t *testing.T) {
	t.Parallel()
	url, process := servers.Prometheus(t, servers.PrometheusOptions{Rules: rules,
		Targets: map[string]string{"broken": servers.FreeAddress(t)}})
	p := dial(t, metrics.Settings{Endpoint: provider.Endpoint{URL: url}})
	if diff := cmp.Diff([]string{"alerts", "labels", "metadata", "query", "rules", "series", "targets"}, metrics.Capabilities(p)); diff != "" {
		t.Errorf("capabilities (-want +got):\n%s", diff)
	}
	health := conformance.Healthy(t, p)
	if !strings.HasPrefix(health.Version, "2.") || health.Flavor != prometheus.FlavorPrometheus || health.Retention != "15d" {
		t.Errorf("got %+v", health)
	}
	conformance.Eventually(t, "one target up and one down", func(ctx context.Context) error {
		targets, err := p.(metrics.TargetReader).Targets(ctx)
		if err != nil || targets.Up != 1 || targets.Down != 1 || len(targets.Broken) != 1 || targets.Broken[0].Job != "broken" ||
			targets.Broken[0].Error == "" {
			return fmt.Errorf("got %+v, %w", targets, err)
		}
		return nil
	})
	conformance.Eventually(t, "a firing alert", func(ctx context.Context) error {
		alerts, err := p.(metrics.AlertReader).Alerts(ctx)
		if err != nil || len(alerts) != 1 || alerts[0].Name != "AlwaysFiring" || alerts[0].State != "firing" ||
			alerts[0].Labels["severity"] != "page" ||
			alerts[0].Annotations["summary"] != "it fires" || time.Since(alerts[0].Since) > time.Hour {
			return fmt.Errorf("got %+v, %w", alerts, err)
		}
		return nil
	})
	conformance.Eventually(t, "points of a range", func(ctx context.Context) error {
		now := time.Now()
		list, err := p.QueryRange(ctx, `up{job="prometheus"}`,
			metrics.Range{Start: now.Add(-10 * time.Minute), End: now, Step: 15 * time.Second})
		if err != nil || len(list) != 1 || len(list[0].Points) == 0 ||
			!slices.ContainsFunc(list[0].Points, func(p metrics.Point) bool { return p.Value == 1 }) {
			return fmt.Errorf("got %+v, %w", list, err)
		}
		return nil
	})
	lists(t, p)
	refusals(t, p)
	conformance.Recovers(t, p, process)
}

// lists reads series, labels, metadata and rules.
func lists(t *testing.T, p metrics.Provider) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), conformance.Patience)
	defer cancel()
	span := metrics.Range{Start: time.Now().Add(-time.Hour), End: time.Now()}
	series, truncated, err := p.(metrics.SeriesLister).Series(ctx, []string{"up"}, span, 10)
	if err != nil || truncated || len(series) != 2 {
		t.Errorf("got series %v, %t, %v", series, truncated, err)
	}
	series, truncated, err = p.(metrics.SeriesLister).Series(ctx, []string{`{__name__=~".+"}`}, span, 10)
	if err != nil || !truncated || len(series) != 10 {
		t.Errorf("got %d series, %t, %v", len(series), truncated, err)
	}
	jobs, err := p.(metrics.LabelLister).LabelValues(ctx, "job", nil, span)
	if err != nil || !slices.Equal(jobs, []string{"broken", "prometheus"}) {
		t.Errorf("got jobs %v, %v", jobs, err)
	}
	names, err := p.(metrics.LabelLister).LabelNames(ctx, []string{"up"}, span)
	if err != nil || !slices.Equal(names, []string{"__name__", "instance", "job"}) {
		t.Errorf("got labels %v, %v", names, err)
	}
	known, err := p.(metrics.MetadataReader).Metadata(ctx, "")
	if err != nil || known["prometheus_build_info"].Type != "gauge" || known["prometheus_build_info"].Help == "" {
		t.Errorf("got metadata of %d metrics, %v", len(known), err)
	}
	list, err := p.(metrics.RuleReader).Rules(ctx)
	if err != nil || len(list) != 2 || list[0].Name != "AlwaysFiring" || list[0].Kind != "alerting" || list[0].Health != "ok" ||
		list[1].Kind != "recording" || list[1].Group != "tests" {
		t.Errorf("got rules %+v, %v", list, err)
	}
}

// refusals are what a real server says about queries that are wrong.
func refusals(t *testing.T, p metrics.Provider) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), conformance.Patience)
	defer cancel()
	now := time.Now()
	for _, expression := range []string{"up[", "", "no_such_function(up)", "up[5m]", `"text"`,
		`label_replace(up, "job", "", "", "") + on() group_left up`} {
		_, err := p.Query(ctx, expression, now)
		conformance.Reason(t, err, v1alpha1.ReasonInvalidQuery, "")
	}
	_, err := p.QueryRange(ctx, "rate(up[", metrics.Range{Start: now.Add(-time.Hour), End: now, Step: time.Minute})
	conformance.Reason(t, err, v1alpha1.ReasonInvalidQuery, "parse")
	vector, err := p.Query(ctx, "scalar(vector(3))", now)
	if err != nil || len(vector) != 1 || vector[0].Value != 3 {
		t.Errorf("got %v, %v", vector, err)
	}
	vector, err = p.Query(ctx, "vector(0)/0", now)
	if err != nil || len(vector) != 0 {
		t.Errorf("NaN: got %v, %v", vector, err)
	}
}

func TestARealPrometheusWithTLSAndAPassword(t *testing.T) {
	t.Parallel()
	web := &servers.WebConfig{Username: "kubeops", Password: servers.FirstPassword, Certificate: servers.NewCertificate(t)}
	url, _ := servers.Prometheus(t, servers.PrometheusOptions{Web: web})
	auth := provider.Auth{Username: "kubeops", Password: servers.FirstPassword}
	right := dial(t, metrics.Settings{Endpoint: provider.Endpoint{URL: url, Auth: auth, TLS: provider.TLS{CA: web.Certificate.CA}}})
	conformance.Healthy(t, right)
	ctx, cancel := context.WithTimeout(context.Background(), conformance.Patience)
	defer cancel()
	for name, c := range map[string]struct {
		endpoint provider.Endpoint
		reason   string
	}{
		"without the CA": {provider.Endpoint{URL: url, Auth: auth}, v1alpha1.ReasonTLSFailed},
		"with another name": {provider.Endpoint{URL: url, Auth: auth,
			TLS: provider.TLS{CA: web.Certificate.CA, ServerName: "prometheus.example"}}, v1alpha1.ReasonTLSFailed},
		"without a password": {provider.Endpoint{URL: url, TLS: provider.TLS{CA: web.Certificate.CA}}, v1alpha1.ReasonUnauthorized},
		"with another one": {provider.Endpoint{URL: url, Auth: provider.Auth{Username: "kubeops", Password: servers.SecondPassword},
			TLS: provider.TLS{CA: web.Certificate.CA}}, v1alpha1.ReasonUnauthorized},
		"without TLS": {provider.Endpoint{URL: strings.Replace(url, "https:", "http:", 1), Auth: auth}, v1alpha1.ReasonInvalidResponse},
		"with a path too many": {provider.Endpoint{URL: url + "/prefix", Auth: auth, TLS: provider.TLS{CA: web.Certificate.CA}},
			v1alpha1.ReasonNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dial(t, metrics.Settings{Endpoint: c.endpoint}).Probe(ctx)
			conformance.Reason(t, err, c.reason, "")
		})
	}
	web.Password = servers.SecondPassword
	web.Write(t)
	_, err := right.Probe(ctx)
	conformance.Reason(t, err, v1alpha1.ReasonUnauthorized, "rejected the credentials")
	web.Password = servers.FirstPassword
	web.Write(t)
	conformance.Eventually(t, "a round trip with the old password",
		func(ctx context.Context) error { _, err := right.Probe(ctx); return err })
}

func TestARealAlertmanagerReportsItsAlerts(t *testing.T) {
	t.Parallel()
	manager, process := servers.Alertmanager(
		t,
		servers.AlertmanagerOptions{
			Config: "route: {receiver: a}\nreceivers: [{name: a}, {name: b, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}]\n",
		},
	)
	url, _ := servers.Prometheus(t, servers.PrometheusOptions{Rules: rules, Alertmanager: strings.TrimPrefix(manager, "http://")})
	p := dial(t, metrics.Settings{Endpoint: provider.Endpoint{URL: url}, Alertmanager: &provider.Endpoint{URL: manager}})
	if !slices.Contains(metrics.Capabilities(p), "alertmanager") {
		t.Errorf("capabilities are %v", metrics.Capabilities(p))
	}
	post(t, manager+"/api/v2/alerts", []map[string]any{{"labels": map[string]string{"alertname": "Posted", "namespace": "shop"},
		"annotations": map[string]string{"summary": "by hand"}}})
	firing := func(want ...string) {
		t.Helper()
		conformance.Eventually(t, fmt.Sprintf("alerts %v", want), func(ctx context.Context) error {
			health, err := p.(metrics.Alertmanager).ProbeAlertmanager(ctx)
			if err != nil || health.Firing != len(want) || health.Receivers != 2 || !strings.HasPrefix(health.Version, "0.") {
				return fmt.Errorf("got %+v, %w", health, err)
			}
			alerts, err := p.(metrics.AlertReader).Alerts(ctx)
			var names []string
			for _, a := range alerts {
				names = append(names, a.Name)
			}
			slices.Sort(names)
			if err != nil || !slices.Equal(names, want) || alerts[0].State != "firing" || alerts[0].Since.IsZero() {
				return fmt.Errorf("got %+v, %w", alerts, err)
			}
			return nil
		})
	}
	firing("AlwaysFiring", "Posted")
	post(t, manager+"/api/v2/silences", map[string]any{
		"matchers": []map[string]any{{"name": "alertname", "value": "Posted", "isRegex": false,
			"isEqual": true}}, "createdBy": "tests", "comment": "quiet",
		"startsAt": time.Now().Add(-time.Minute), "endsAt": time.Now().Add(time.Hour),
	})
	firing("AlwaysFiring")
	process.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), conformance.Patience)
	defer cancel()
	_, err := p.(metrics.Alertmanager).ProbeAlertmanager(ctx)
	conformance.Reason(t, err, v1alpha1.ReasonUnreachable, "")
	if _, err := p.Probe(ctx); err != nil {
		t.Errorf("metrics cannot be read without the Alertmanager: %v", err)
	}
	process.Start()
	conformance.Eventually(t, "an Alertmanager again", func(ctx context.Context) error {
		_, err := p.(metrics.Alertmanager).ProbeAlertmanager(ctx)
		return err
	})
}

func post(t *testing.T, url string, body any) {
	t.Helper()
	content, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Post(url, "application/json", bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s answers %s", url, response.Status)
	}
}
