package promapi

import (
	"context"
	"net/url"
	"strings"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/stream"
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
		VersionInfo *struct {
			Version string `max:"64"`
		}
		Config *struct{ Original string }
	}
	request := provider.Request{Operation: "status", Path: "/api/v2/status", MaxBytes: provider.ListBytes}
	if err := a.client.JSON(ctx, request, &status); err != nil {
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
	return health, a.each(ctx, func(metrics.Alert) (bool, error) {
		health.Firing++
		return false, nil
	})
}

// receivers counts those of a configuration, in YAML as an Alertmanager prints it itself: in block style, with one receiver after each "- "
// at the beginning of a line. It may hold secrets: nothing of it is kept, nor told in an error. It is not parsed, because a tree of YAML is
// a multiple of its text.
func receivers(config string) (count int, err error) {
	const outside, before = -2, -1
	list := outside // the indentation of the receivers
	for line := range strings.Lines(config) {
		line = strings.TrimRight(line, " \r\n")
		content := strings.TrimLeft(line, " ")
		indent := len(line) - len(content)
		item := content == "-" || strings.HasPrefix(content, "- ")
		switch {
		case content == "" || content[0] == '#':
		case strings.HasPrefix(line, "receivers:"):
			list = before
			if rest := strings.TrimSpace(strings.TrimPrefix(line, "receivers:")); rest == "[]" || rest == "null" {
				list = outside
			} else if rest != "" {
				return 0, stream.ErrShape
			}
		case indent == 0 && !item:
			list = outside
		case item && list == before:
			list = indent
			count++
		case item && list == indent:
			count++
		}
	}
	return count, nil
}

// AlertmanagerAlerts that are active, neither silenced nor inhibited.
func (a *Alertmanager) AlertmanagerAlerts(ctx context.Context) ([]metrics.Alert, error) {
	var alerts []metrics.Alert
	err := a.each(ctx, func(alert metrics.Alert) (bool, error) {
		if len(alerts) >= a.limit {
			return false, metrics.Exceeded("maxSeries", "the Alertmanager has more than %d active alerts; silence some", a.limit)
		}
		alerts = append(alerts, alert)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	return alerts, nil
}

// each calls a function for each active alert, which reports whether it keeps it.
func (a *Alertmanager) each(ctx context.Context, each func(metrics.Alert) (kept bool, err error)) error {
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
	d := answer.Decoder()
	err = d.Array(func() error {
		before := d.Kept()
		alert, active, err := readAlert(d)
		kept := false
		if err == nil && active {
			kept, err = each(alert)
		}
		if !kept {
			d.Drop(before)
			return err
		}
		return d.Keep(2 * seriesBytes)
	})
	if err != nil {
		return a.client.DecodeProblem(err)
	}
	return nil
}

func readAlert(d *stream.Decoder) (found metrics.Alert, active bool, err error) {
	var alert struct {
		Labels      metrics.Labels
		Annotations map[string]string
		StartsAt    string `max:"64"`
		Status      struct {
			State string `max:"64"`
		}
	}
	if err := d.Decode(&alert); err != nil {
		return metrics.Alert{}, false, err
	}
	if alert.Status.State == "suppressed" { // unprocessed ones are about to be active
		return metrics.Alert{}, false, nil
	}
	return metrics.Alert{
		Name: alert.Labels["alertname"], Labels: alert.Labels, Annotations: alert.Annotations, Since: timestamp(alert.StartsAt),
		State: "firing",
	}, true, nil
}
