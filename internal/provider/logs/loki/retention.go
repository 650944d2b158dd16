package loki

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
)

// Retention from Loki's path /config, which gateways often keep back: then it is not known. What a tenant has instead of the
// general setting (runtime overrides, retention_stream) is not told there.
func (p *Provider) Retention(ctx context.Context) (logs.Retention, bool, error) {
	answer, err := p.client.Do(ctx, provider.Request{Operation: "config", Path: "/config"})
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
	lines := bufio.NewReaderSize(content, 4<<10)
	for {
		line, whole, err := shortLine(lines)
		if err != nil && !errors.Is(err, io.EOF) {
			return settings{}, err
		}
		name, value, isPair := strings.Cut(line, ":")
		switch {
		case !whole || !isPair:
		case !strings.HasPrefix(name, " "):
			section = name
		case strings.HasPrefix(name, "  ") && !strings.HasPrefix(name, "   "):
			if field := into[section+"."+name[2:]]; field != nil {
				*field = strings.Trim(strings.TrimSpace(value), `"'`)
			}
		}
		if err != nil {
			return s, nil //nolint:nilerr // the end
		}
	}
}

// shortLine reads one line. One that is longer than the buffer holds nothing that is looked for, and is skipped.
func shortLine(r *bufio.Reader) (string, bool, error) {
	line, err := r.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return strings.TrimRight(string(line), "\r\n"), true, err
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = r.ReadSlice('\n')
	}
	return "", false, err
}

// retention that the settings make. Without a compactor that deletes, Loki keeps everything, whatever the period is.
func (s settings) retention() (logs.Retention, bool, error) {
	if s.enabled == "" && s.period == "" && s.deletes == "" {
		return logs.Retention{}, false, nil
	}
	period, source := s.period, "Loki's limits_config.retention_period"
	switch {
	case s.enabled == "true":
	case s.deletes == "true":
		period, source = s.tables, "Loki's table_manager.retention_period"
	default:
		return logs.Retention{Source: "Loki's compactor.retention_enabled, which is false"}, true, nil
	}
	keeps, err := parsePeriod(period)
	if err != nil {
		return logs.Retention{}, false, problem.Retrying(v1alpha1.ReasonInvalidResponse, nil, "%s is not a length of time", source)
	}
	return logs.Retention{Keeps: keeps, Source: source}, true, nil
}

// parsePeriod reads a duration as Prometheus and Loki print them, such as 31d, 4w3d or 744h; 0 and 0s are for ever.
func parsePeriod(text string) (time.Duration, error) {
	bad := errors.New("not a duration")
	if text == "0" {
		return 0, nil
	}
	units := []struct {
		name string
		size time.Duration
	}{{"ms", time.Millisecond}, {"y", 365 * 24 * time.Hour}, {"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}
	var sum time.Duration
	for rest := text; rest != ""; {
		number, digits := time.Duration(0), 0
		for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
			if number = number*10 + time.Duration(rest[digits]-'0'); number > 1<<40 {
				return 0, bad
			}
			digits++
		}
		rest = rest[digits:]
		found := false
		for _, unit := range units {
			if digits > 0 && strings.HasPrefix(rest, unit.name) {
				if number > (1<<62)/unit.size || sum > 1<<62-number*unit.size { //nolint:durationcheck // number is a count, of the type of its unit
					return 0, bad
				}
				sum, rest, found = sum+number*unit.size, rest[len(unit.name):], true //nolint:durationcheck // as above
				break
			}
		}
		if !found {
			return 0, bad
		}
	}
	if text == "" {
		return 0, bad
	}
	return sum, nil
}
