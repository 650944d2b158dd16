package conformance

import (
	"context"
	"testing"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/testkit/hostile"
)

// RunMemory runs every method that the backend implements against responses that decoders may turn into a multiple of their size, see
// hostile.RunMemory. Do not run the test in parallel.
func RunMemory(t *testing.T, s Subject, responses ...hostile.Response) {
	span := lastHour()
	all := calls(span)
	all["lists"] = func(ctx context.Context, p metrics.Provider) error { everyList(ctx, p, span); return nil }
	for name, call := range all {
		t.Run(name, func(t *testing.T) {
			hostile.RunMemory(t, hostile.Backend{
				Usual: []hostile.Response{
					{Path: "/query", Body: vector(`{"metric":{},"value":[1,"1"]}`)},
					{Body: `{"status":"success","data":{}}`},
				},
				Call: func(ctx context.Context, endpoint provider.Endpoint) error {
					settings := s
					settings.Settings.Alertmanager = &endpoint
					p, err := settings.provider(endpoint)
					if err != nil {
						return err
					}
					defer p.Close()
					return call(ctx, p)
				},
			}, append(skeletons(), responses...)...)
		})
	}
}

// everyList calls what else the backend implements. The results do not matter.
func everyList(ctx context.Context, p metrics.Provider, span metrics.Range) {
	if p, is := p.(metrics.SeriesLister); is {
		_, _, _ = p.Series(ctx, []string{"up"}, span, 0)
	}
	if p, is := p.(metrics.LabelLister); is {
		_, _ = p.LabelNames(ctx, nil, span)
		_, _ = p.LabelValues(ctx, "job", nil, span)
	}
	if p, is := p.(metrics.MetadataReader); is {
		_, _ = p.Metadata(ctx, "")
	}
	if p, is := p.(metrics.RuleReader); is {
		_, _ = p.Rules(ctx)
	}
	if p, is := p.(metrics.TargetReader); is {
		_, _ = p.Targets(ctx)
	}
	if p, is := p.(metrics.AlertReader); is {
		_, _ = p.Alerts(ctx)
	}
	if p, is := p.(metrics.Alertmanager); is {
		_, _ = p.ProbeAlertmanager(ctx)
	}
}

func skeletons() []hostile.Response {
	data := func(path, data string) hostile.Response {
		return hostile.Response{Path: path, Body: `{"status":"success","data":` + data + `}`}
	}
	vector := func(result string) hostile.Response {
		return data("/query", `{"resultType":"vector","result":`+result+`}`)
	}
	matrix := func(result string) hostile.Response {
		return data("/query_range", `{"resultType":"matrix","result":`+result+`}`)
	}
	return []hostile.Response{
		vector(`VALUE`), vector(`[<<{"metric":{},"value":[1,"1"]}>>]`), vector(`[<<{"metric":{"a":""},"value":[1,"1"]}>>]`),
		vector(`[<<{"metric":{}}>>]`), vector(`[{"metric":VALUE,"value":[1,VALUE]}]`), vector(`[{"metric":{},"value":[VALUE,"1"]}]`),
		matrix(`VALUE`), matrix(`[<<{"metric":{},"values":[[1,"1"]]}>>]`), matrix(`[{"metric":{},"values":[<<[1,"1"]>>]}]`),
		matrix(`[{"metric":{},"values":[[1,VALUE]],"histograms":VALUE}]`), matrix(`[{"metric":{<<"a":"b">>},"values":[]}]`),
		data("/series", `[<<{}>>]`), data("/series", `[<<{"a":""}>>]`), data("/series", `[VALUE]`), data("/labels", `VALUE`),
		data("/values", `VALUE`), data("/metadata", `{<<"a":[{}]>>}`), data("/metadata", `{"a":VALUE}`), data("/metadata", `VALUE`),
		data("/rules", `{"groups":[<<{"rules":[{}]}>>]}`), data("/rules", `{"groups":[{"rules":[<<{}>>]}]}`),
		data("/rules", `{"groups":VALUE}`),
		data("/rules", `{"groups":[{"name":VALUE,"rules":[{"query":VALUE,"lastError":VALUE}]}]}`),
		data("/targets", `{"activeTargets":[<<{}>>]}`), data("/targets", `{"activeTargets":[<<{"labels":{"a":""},"health":"down"}>>]}`),
		data("/targets", `{"activeTargets":[{"labels":VALUE,"health":"down","lastError":VALUE}]}`),
		data("/v1/alerts", `{"alerts":[<<{}>>]}`), data("/v1/alerts", `{"alerts":[<<{"labels":{"a":""},"annotations":{"a":""}}>>]}`),
		data("/v1/alerts", `{"alerts":[{"labels":VALUE}]}`), {Path: "/v2/alerts", Body: `[<<{}>>]`},
		{Path: "/v2/alerts", Body: `[<<{"labels":{"a":""},"annotations":{"a":""}}>>]`}, {Path: "/v2/alerts", Body: `[{"labels":VALUE}]`},
		{Path: "/v2/status", Body: `{"versionInfo":{"version":VALUE},"config":{"original":VALUE}}`},
		data("/buildinfo", `{"version":VALUE}`),
		data("/tsdb", `VALUE`), data("/runtimeinfo", `{"storageRetention":VALUE}`),
		{Path: "/query", Body: `{"status":"success","warnings":VALUE,"infos":VALUE,"data":null}`},
		{Path: "/query", Body: `{"status":VALUE}`},
		{Path: "/metrics", Body: "<<\nvm_app_version{>>"}, {Path: "/metrics", Body: `flag{name="retentionPeriod", value="VALUE"}`},
	}
}
