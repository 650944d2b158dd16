package loki

import (
	"context"
	"io"
	"net/http"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/lines"
)

// Retention from Loki's path /config, which gateways often keep back: then it is not known. What a tenant has instead of the
// general setting (runtime overrides, retention_stream) is not told there.
func (p *Provider) Retention(ctx context.Context) (logs.Retention, bool, error) {
	answer, err := p.client.Do(ctx, provider.Request{Operation: "config", Path: "/config", MaxBytes: provider.ListBytes})
	if err != nil {
		return logs.Retention{}, false, err
	}
	defer func() { _ = answer.Body.Close() }()
	switch {
	case answer.Status == http.StatusNotFound, answer.Status == http.StatusForbidden, answer.Status == http.StatusMethodNotAllowed:
		return logs.Retention{}, false, nil
	case answer.Status != http.StatusOK:
		return logs.Retention{}, false, p.refused(answer)
	}
	settings, err := readSettings(answer.Body)
	if err != nil {
		if told := problem.As(err); told != nil {
			return logs.Retention{}, false, told
		}
		return logs.Retention{}, false, p.client.Invalid(nil)
	}
	return settings.retention()
}

// settings of Loki that say how long lines are kept.
type settings struct {
	period  string // limits_config.retention_period
	enabled string // compactor.retention_enabled
	deletes string // table_manager.retention_deletes_enabled, before Loki 3
	tables  string // table_manager.retention_period
}

// readSettings picks four lines out of the configuration. It is YAML as Loki itself prints it, two spaces a level, and may hold
// passwords, so it is neither kept nor parsed as a whole.
func readSettings(content io.Reader) (settings, error) {
	var s settings
	into := map[string]*string{
		"limits_config.retention_period": &s.period, "compactor.retention_enabled": &s.enabled,
		"table_manager.retention_deletes_enabled": &s.deletes, "table_manager.retention_period": &s.tables,
	}
	section := ""
	err := lines.Each(content, func(line string) {
		name, value, isPair := strings.Cut(line, ":")
		switch {
		case !isPair:
		case !strings.HasPrefix(name, " "):
			section = name
		case strings.HasPrefix(name, "  ") && !strings.HasPrefix(name, "   "):
			if field := into[section+"."+name[2:]]; field != nil {
				*field = strings.Trim(strings.TrimSpace(value), `"'`)
			}
		}
	})
	return s, err
}

// retention that the settings make. Without a compactor that deletes, Loki keeps everything, whatever the period is.
func (s settings) retention() (logs.Retention, bool, error) {
	if s.enabled == "" && s.period == "" && s.deletes == "" {
		return logs.Retention{}, false, nil
	}
	period := s.period
	source := "Loki's limits_config.retention_period"
	switch {
	case s.enabled == "true":
	case s.deletes == "true":
		period = s.tables
		source = "Loki's table_manager.retention_period"
	default:
		return logs.Retention{Source: "Loki's compactor.retention_enabled, which is false"}, true, nil
	}
	keeps, err := lines.Period(period)
	if err != nil {
		return logs.Retention{}, false, problem.Retrying(v1alpha1.ReasonInvalidResponse, nil, "%s is not a valid duration", source)
	}
	return logs.Retention{Keeps: keeps, Source: source}, true, nil
}
