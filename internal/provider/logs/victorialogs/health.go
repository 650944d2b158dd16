package victorialogs

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/lines"
)

// Health asks whether it is well, for its version, and for the names of fields of the last hour, which also shows that it
// answers queries. A proxy before it may keep the first two back.
func (p *Provider) Health(ctx context.Context) (logs.Health, error) {
	health := logs.Health{Flavor: Type, State: "ready"}
	failed, err := p.failed(ctx)
	if err != nil {
		return logs.Health{}, err
	}
	if failed {
		health.State = "not ready"
		health.Failed = p.client.Host() + " reports that it is not ready; see its log"
		return health, nil
	}
	told, err := p.metrics(ctx)
	if err != nil {
		return logs.Health{}, err
	}
	health.Version = told.version
	now := time.Now()
	names, err := p.fieldNames(ctx, p.fields.filter(logs.Query{}, now.Add(-time.Hour), now))
	if err != nil {
		return logs.Health{}, err
	}
	health.Schema = schema(names)
	return health, nil
}

// failed says whether it reports that it is not well.
func (p *Provider) failed(ctx context.Context) (bool, error) {
	answer, err := p.client.Do(ctx, provider.Request{Operation: "health", Path: "/health", MaxBytes: provider.ProbeBytes})
	if err != nil {
		return false, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 64))
	if err == nil {
		_, err = io.Copy(io.Discard, answer.Body)
	}
	plain := strings.HasPrefix(answer.Header.Get("Content-Type"), "text/plain")
	switch {
	case answer.Status == http.StatusNotFound:
		return false, nil
	case answer.Status == http.StatusServiceUnavailable && plain && err == nil:
		return true, nil
	case answer.Status != http.StatusOK:
		return false, p.client.RefusedStatus(answer.Status)
	case err != nil:
		return false, p.client.ToProblem(err)
	case strings.TrimSpace(string(text)) != "OK":
		return false, p.client.Invalid(nil)
	}
	return false, nil
}

// told is what the metrics of a server tell.
type told struct {
	version string
	// retention as the flag has it; empty where it is not told, or is not this process' own affair.
	retention string
	cluster   bool
}

// metrics are not served by every proxy, or want a key of their own: then they tell nothing.
func (p *Provider) metrics(ctx context.Context) (told, error) {
	answer, err := p.client.Do(ctx, provider.Request{Operation: "metrics", Path: "/metrics", MaxBytes: provider.ListBytes})
	if err != nil {
		return told{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	switch {
	case answer.Status >= 500, answer.Status == http.StatusTooManyRequests:
		return told{}, p.client.RefusedStatus(answer.Status)
	case answer.Status != http.StatusOK:
		return told{}, nil
	}
	result, err := readMetrics(answer.Body)
	if err != nil {
		return told{}, p.client.ToProblem(err)
	}
	return result, nil
}

// readMetrics picks the version and two flags out of metrics in Prometheus' text format.
func readMetrics(content io.Reader) (told, error) {
	var result told
	number := regexp.MustCompile(`v?([0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.-]*)`)
	isVictoriaLogs := false
	err := lines.Each(content, func(line string) {
		switch {
		case strings.HasPrefix(line, "vm_app_version{"):
			// A vmauth in front of it reports itself here.
			long, short := label(line, "version"), label(line, "short_version")
			if !strings.HasPrefix(long, "victoria-logs") && !strings.HasPrefix(long, "vlselect") && !strings.HasPrefix(long, "vlsingle") {
				return
			}
			isVictoriaLogs = true
			for _, text := range []string{short, long} {
				if found := number.FindStringSubmatch(text); found != nil && len(found[1]) <= 64 {
					result.version = found[1]
					return
				}
			}
		case strings.HasPrefix(line, `flag{name="retentionPeriod"`):
			result.retention = label(line, "value")
		case strings.HasPrefix(line, `flag{name="storageNode"`):
			result.cluster = label(line, "value") != ""
		}
	})
	if err != nil {
		return told{}, err
	}
	if !isVictoriaLogs || result.cluster {
		result.retention = ""
	}
	return result, nil
}

// label of a metric's line, unquoted; empty when it is not there.
func label(line, name string) string {
	for _, before := range []string{"{", " ", ","} {
		_, rest, found := strings.Cut(line, before+name+`="`)
		if !found {
			continue
		}
		quoted, err := strconv.QuotedPrefix(`"` + rest)
		if err != nil {
			return ""
		}
		text, _ := strconv.Unquote(quoted)
		return text
	}
	return ""
}

// Retention from the flag -retentionPeriod, which the metrics of a single node tell. That of a cluster is set on its storage
// nodes, and not known here.
func (p *Provider) Retention(ctx context.Context) (logs.Retention, bool, error) {
	result, err := p.metrics(ctx)
	if err != nil || result.retention == "" {
		return logs.Retention{}, false, err
	}
	keeps, err := period(result.retention)
	if err != nil {
		return logs.Retention{}, false, problem.Retrying(v1alpha1.ReasonInvalidResponse, nil,
			"flag -retentionPeriod of %s is not a valid duration", p.client.Host())
	}
	return logs.Retention{Keeps: keeps, Source: "VictoriaLogs flag -retentionPeriod"}, true, nil
}

// period as VictoriaMetrics' products read it: a number alone counts months of 31 days.
func period(text string) (time.Duration, error) {
	if months, err := strconv.ParseUint(text, 10, 16); err == nil && months <= 1200 {
		return time.Duration(months) * 31 * 24 * time.Hour, nil
	}
	return lines.Period(text)
}

// fieldNames of the lines that match.
func (p *Provider) fieldNames(ctx context.Context, filter string) ([]string, error) {
	return p.values(ctx, askList("field_names", "/select/logsql/field_names", url.Values{"query": {filter}}))
}
