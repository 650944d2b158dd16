package promapi

import (
	"context"
	"encoding/json"
	"net/url"

	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// Alertmanager asks one, by its API v2
// (https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml).
type Alertmanager struct {
	client *provider.Client
	// limit of alerts that are kept.
	limit int
}

// NewAlertmanager makes the client of the Alertmanager of a backend. It sends nothing.
func NewAlertmanager(settings metrics.Settings) (*Alertmanager, error) {
	client, err := Dial(settings, *settings.Alertmanager, "alertmanager")
	if err != nil {
		return nil, err
	}
	return &Alertmanager{client: client, limit: settings.Budget.Defaulted().MaxSeries}, nil
}

// CloseAlertmanager closes idle connections. It is not named Close, so that a backend that embeds an Alertmanager keeps its own.
func (a *Alertmanager) CloseAlertmanager() { a.client.Close() }

// ProbeAlertmanager asks for version, receivers and alerts, see metrics.Alertmanager.
func (a *Alertmanager) ProbeAlertmanager(ctx context.Context) (metrics.AlertmanagerHealth, error) {
	var status struct {
		VersionInfo *struct{ Version string }
		Config      *struct{ Original string }
	}
	if err := a.client.JSON(ctx, provider.Request{Operation: "status", Path: "/api/v2/status"}, &status); err != nil {
		return metrics.AlertmanagerHealth{}, err
	}
	if status.VersionInfo == nil || status.Config == nil {
		return metrics.AlertmanagerHealth{}, a.client.Invalid(nil)
	}
	receivers, err := receivers(status.Config.Original)
	if err != nil {
		return metrics.AlertmanagerHealth{}, a.client.Invalid(err)
	}
	health := metrics.AlertmanagerHealth{Version: Word(status.VersionInfo.Version), Receivers: receivers}
	return health, a.each(ctx, func(metrics.Alert) error {
		health.Firing++
		return nil
	})
}

// receivers counts those of a configuration. It may hold secrets: nothing of it is kept, nor told in an error.
func receivers(config string) (int, error) {
	var told struct {
		Receivers []struct{} `json:"receivers"`
	}
	if err := yaml.Unmarshal([]byte(config), &told); err != nil {
		return 0, errShape
	}
	return len(told.Receivers), nil
}

// AlertmanagerAlerts that are active, neither silenced nor inhibited.
func (a *Alertmanager) AlertmanagerAlerts(ctx context.Context) ([]metrics.Alert, error) {
	var alerts []metrics.Alert
	err := a.each(ctx, func(alert metrics.Alert) error {
		if len(alerts) >= a.limit {
			return metrics.Exceeded("maxSeries", "the Alertmanager has more than %d active alerts; silence some", a.limit)
		}
		alerts = append(alerts, alert)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return alerts, nil
}

// each calls a function for each active alert.
func (a *Alertmanager) each(ctx context.Context, each func(metrics.Alert) error) error {
	answer, err := a.client.Do(ctx, provider.Request{Operation: "alerts", Path: "/api/v2/alerts", Query: url.Values{
		"active": {"true"}, "silenced": {"false"}, "inhibited": {"false"},
	}})
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.Status < 200 || answer.Status > 299 {
		return a.client.Refused(answer)
	}
	decoder := json.NewDecoder(answer.Body)
	err = eachElement(decoder, func() error {
		var alert struct {
			Labels      metrics.Labels
			Annotations map[string]string
			StartsAt    string
			Status      struct{ State string }
		}
		if err := decoder.Decode(&alert); err != nil {
			return err
		}
		if alert.Status.State == "suppressed" { // unprocessed ones are about to be active
			return nil
		}
		return each(metrics.Alert{
			Name: alert.Labels["alertname"], Labels: alert.Labels, Annotations: alert.Annotations, Since: timestamp(alert.StartsAt),
			State: "firing",
		})
	})
	if err != nil && problem.As(err) == nil {
		err = a.client.Invalid(err)
	}
	return err
}
