package elasticsearch_test

import (
	"context"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	conformance "kubeops.io/kubeops/internal/testkit/conformance/logs"
	"kubeops.io/kubeops/internal/testkit/hostile"
)

func TestElasticsearch6Conforms(t *testing.T) {
	url, _ := old.get(t)
	conformance.Run(t, conformance.Target{ForeignLabels: true, New: func(t *testing.T) logs.Provider {
		return backend(t, secured(url, "conformance", password))
	}})
}

func TestOpenSearchConforms(t *testing.T) {
	url, _ := open.get(t)
	conformance.Run(t, conformance.Target{ForeignLabels: true, New: func(t *testing.T) logs.Provider {
		return backend(t, settings(url, "conformance"))
	}})
}

func TestAHostileServerIsAProblem(t *testing.T) {
	t.Parallel()
	conformance.RunHostile(t, func(endpoint provider.Endpoint) (logs.Provider, error) {
		s := settings(endpoint.URL, "logs")
		s.Endpoint = endpoint
		s.Timeout = hostile.Timeout
		s.MaxBytes = hostile.MaxBytes
		return s.open()
	})
}

func TestMemoryOfHostileResponses(t *testing.T) {
	usual := []hostile.Response{
		{Path: "/_field_caps", Body: `{"fields":{"@timestamp":{"date":{"searchable":true}},"message":{"text":{"searchable":true}},` +
			`"kubernetes.pod_name":{"keyword":{"searchable":true}},"kubernetes.pod_namespace":{"keyword":{"searchable":true}}}}`},
		{Path: "/_bulk", Body: `{"errors":false,"items":[{"create":{"status":201}}]}`},
		{Path: "/_cluster/health", Body: `{"status":"green"}`}, {Path: "/_settings/index.lifecycle.*", Body: `{}`},
		{Path: "/_search", Body: `{"hits":{"hits":[]}}`}, {Path: "/", Body: `{"version":{"number":"8.19.0"}}`}, {Body: `{}`},
	}
	const hit = `{"_index":"a","_id":"b","sort":[1],"_source":{"message":"x","kubernetes":{"pod_namespace":"default"},%s}}`
	source := func(more string) string { return `{"hits":{"hits":[` + strings.ReplaceAll(hit, "%s", more) + `]}}` }
	conformance.RunMemory(t, func(endpoint provider.Endpoint) (logs.Provider, error) {
		s := settings(endpoint.URL, "logs")
		s.Endpoint = endpoint
		s.Timeout = hostile.Timeout
		s.MaxBytes = hostile.MaxBytes
		return s.open()
	}, usual,
		hostile.Response{Path: "/_search", Body: source(`"a":VALUE`)}, hostile.Response{Path: "/_search", Body: source(`"labels":VALUE`)},
		hostile.Response{Path: "/_search", Body: source(`"message":VALUE`)},
		hostile.Response{Path: "/_search", Body: source(`"kubernetes":{"pod_name":VALUE,"pod_labels":VALUE}`)},
		hostile.Response{Path: "/_search", Body: `{"hits":{"hits":[<<{"_index":"a","_id":"b","sort":[1]}>>]}}`},
		hostile.Response{Path: "/_search", Body: `{"hits":{"hits":[<<` + strings.ReplaceAll(hit, "%s", `"labels":{"a":""}`) + `>>]}}`},
		hostile.Response{Path: "/_search", Body: `{"hits":VALUE,"aggregations":VALUE}`},
		hostile.Response{Path: "/_search", Body: `{"aggregations":{"time":{"buckets":VALUE},"f0":{"buckets":VALUE}}}`},
		hostile.Response{Path: "/_search", Body: `{"aggregations":{"time":{"buckets":[<<{"key":1}>>]},"f0":{"buckets":[<<{"key":1}>>]}}}`},
		hostile.Response{Path: "/_bulk", Body: `{"errors":true,"items":[<<{"create":{"status":400}}>>]}`},
		hostile.Response{Path: "/_bulk", Body: `{"errors":true,"items":[{"create":{"status":400,"error":{"type":VALUE}}}]}`},
		hostile.Response{Path: "/_field_caps", Body: `{"fields":VALUE}`},
		hostile.Response{Path: "/_field_caps", Body: `{"fields":{"message":VALUE}}`},
		hostile.Response{Path: "/_cluster/health", Body: `{"status":"red","indices":{<<"a":{}>>}}`},
		hostile.Response{Path: "/_cluster/health", Body: `{"status":"red","indices":VALUE}`},
		hostile.Response{Path: "/_nodes/stats/fs", Body: `{"nodes":{"a":{"roles":VALUE,"fs":{"data":VALUE}}}}`},
		hostile.Response{Path: "/_nodes/stats/fs", Body: `{"nodes":{"a":{"fs":{"data":[<<{"total_in_bytes":1}>>]}}}}`},
		hostile.Response{
			Path: "/_cluster/settings", Body: `{"transient":{"cluster":{"routing":{"allocation":{"disk":{"watermark":VALUE}}}}}}`,
		},
		hostile.Response{Path: "/_settings/index.blocks.*", Body: `{"a":{"settings":VALUE}}`},
		hostile.Response{Path: "/_settings/index.lifecycle.*", Body: `{<<"a":{"settings":{"a":""}}>>}`},
		hostile.Response{Path: "/_data_stream/logs", Body: `{"data_streams":[<<{"lifecycle":{}}>>]}`},
		hostile.Response{Path: "/", Body: `{"version":VALUE,"tagline":VALUE}`},
	)
}

// A policy of OpenSearch with many ways from state to state.
func TestMemoryOfHostilePolicies(t *testing.T) {
	usual := []hostile.Response{
		{Path: "/explain/logs-kubeops-default", Body: `{"a":{"policy_id":"p"}}`}, {Path: "/policies/p", Body: `{"policy":{}}`},
		{Path: "/", Body: `{"version":{"number":"2.19.0","distribution":"opensearch"}}`}, {Body: `{}`},
	}
	const ways = `{"policy":{"default_state":"","states":[{"transitions":[<<{"state_name":""}>>]}]}}`
	hostile.RunMemory(t, hostile.Backend{Usual: usual, Call: func(ctx context.Context, endpoint provider.Endpoint) error {
		s := settings(endpoint.URL, "logs")
		s.Endpoint = endpoint
		s.Timeout = hostile.Timeout
		s.MaxBytes = hostile.MaxBytes
		p, err := s.open()
		if err != nil {
			return err
		}
		defer p.Close()
		_, _, err = p.(logs.RetentionReader).Retention(ctx)
		return err
	}},
		hostile.Response{Path: "/explain/logs-kubeops-default", Body: `{<<"a":{"policy_id":"a"}>>}`},
		hostile.Response{Path: "/explain/logs-kubeops-default", Body: `{"a":VALUE,"b":{"policy_id":VALUE}}`},
		hostile.Response{Path: "/policies/p", Body: ways}, hostile.Response{Path: "/policies/p", Body: `{"policy":{"states":[<<{}>>]}}`},
		hostile.Response{
			Path: "/policies/p", Body: `{"policy":{"default_state":"a","states":[<<{"name":"a","transitions":[{"state_name":"a"}]}>>]}}`,
		},
		hostile.Response{Path: "/policies/p", Body: `{"policy":{"states":[{"actions":VALUE,"transitions":VALUE}]}}`},
	)
}

func TestElasticsearchConformsToTheContract(t *testing.T) {
	t.Parallel()
	for name, old := range map[string]bool{"Elasticsearch 6.8": true, "Elasticsearch 8": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, old)
			conformance.Run(t, conformance.Target{ForeignLabels: true, New: func(t *testing.T) logs.Provider {
				return backend(t, settings(f.url, "conformance"))
			}})
		})
	}
}
