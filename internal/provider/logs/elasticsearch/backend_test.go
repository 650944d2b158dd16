package elasticsearch_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
)

func lastHour() logs.Query {
	return logs.Query{Start: time.Now().Add(-time.Hour), End: time.Now().Add(time.Minute), Limit: 10}
}

func now() string { return time.Now().UTC().Format(time.RFC3339Nano) }

func TestDocumentsOfEveryCollectorAreUnderstood(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		document object
		schema   string
		fields   logs.Fields
	}{
		"Filebeat": {schema: "ecs", document: object{"message": "m", "log": object{"level": "ERROR"}, "container": object{"id": "c"},
			"kubernetes": object{
				"namespace": "n", "pod": object{"name": "p"}, "container": object{"name": "c"}, "node": object{"name": "d"}}}},
		"Vector": {schema: "kubernetes", document: object{"message": "m", "level": "error", "kubernetes": object{
			"pod_namespace": "n", "pod_name": "p", "container_name": "c", "pod_node_name": "d"}}},
		"Fluent Bit": {schema: "kubernetes", document: object{"log": "m", "level": "Error", "kubernetes": object{
			"namespace_name": "n", "pod_name": "p", "container_name": "c", "host": "d"}}},
		"flat": {schema: "flat", document: object{"msg": "m", "severity": "error", "namespace": "n", "pod": "p", "container": "c", "node": "d"}},
		"its own": {document: object{"text": "m", "where": object{"ns": "n", "p": "p", "c": "c", "d": "d", "l": "error"}}, fields: logs.Fields{
			Message: "text", Namespace: "where.ns", Pod: "where.p", Container: "where.c", Node: "where.d", Level: "where.l"}},
	} {
		for _, old := range []bool{true, false} {
			t.Run(fmt.Sprint(name, " old ", old), func(t *testing.T) {
				t.Parallel()
				f := newFake(t, old)
				test.document["@timestamp"] = now()
				f.add("logs", "1", test.document)
				s := settings(f.url, "logs")
				s.Fields = test.fields
				p := backend(t, s)
				q := lastHour()
				want := map[string]string{logs.LabelNamespace: "n", logs.LabelPod: "p", logs.LabelContainer: "c", logs.LabelNode: "d",
					logs.LabelLevel: "error"}
				q.Labels = want
				page, err := p.Search(t.Context(), q)
				if err != nil || len(page.Entries) != 1 || page.Entries[0].Line != "m" {
					t.Fatalf("got %+v, %v", page, err)
				}
				for label, value := range want {
					if got := page.Entries[0].Labels[label]; got != value {
						t.Errorf("%s is %q, want %q", label, got, value)
					}
				}
				if health, err := p.Health(t.Context()); err != nil || health.Schema != test.schema {
					t.Errorf("health is %+v, %v, want schema %s", health, err, test.schema)
				}
			})
		}
	}
}

func TestFieldsThatNoDocumentHadWhenTheServerWasAskedAreFoundInNewerOnes(t *testing.T) {
	t.Parallel()
	f := newFake(t, false)
	p := backend(t, settings(f.url, "logs"))
	f.add("logs", "1", object{"@timestamp": now(), "message": "before", "kubernetes": object{"pod_namespace": "n", "pod_name": "p"}})
	if page, err := p.Search(t.Context(), lastHour()); err != nil || len(page.Entries) != 1 {
		t.Fatalf("got %+v, %v", page, err)
	}
	f.add("logs", "2", object{"@timestamp": now(), "message": "after", "level": "error",
		"kubernetes": object{"pod_namespace": "n", "pod_name": "p", "pod_node_name": "node-a"}})
	f.add("logs", "3", object{"@timestamp": now(), "log": "of another collector",
		"kubernetes": object{"namespace_name": "n", "pod_name": "p", "host": "node-b"}})
	page, err := p.Search(t.Context(), lastHour())
	if err != nil || len(page.Entries) != 3 {
		t.Fatalf("got %+v, %v", page, err)
	}
	for i, want := range []logs.Entry{
		{Line: "after", Labels: map[string]string{logs.LabelNamespace: "n", logs.LabelPod: "p", logs.LabelNode: "node-a",
			logs.LabelLevel: "error"}},
		{Line: "of another collector", Labels: map[string]string{logs.LabelNamespace: "n", logs.LabelPod: "p", logs.LabelNode: "node-b"}},
	} {
		if got := page.Entries[i+1]; got.Line != want.Line || !maps.Equal(got.Labels, want.Labels) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestSameIdsInTwoIndicesAreTwoLines(t *testing.T) {
	t.Parallel()
	f := newFake(t, false)
	at := now()
	for i := range 30 {
		f.add(fmt.Sprint("logs-", i%3), fmt.Sprint(i/3), object{"@timestamp": at, "message": fmt.Sprint("line ", i), "pod": "p"})
	}
	q := lastHour()
	p := backend(t, settings(f.url, "logs"))
	q.Limit = 7
	seen := map[string]bool{}
	for range 10 {
		page, err := p.Search(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range page.Entries {
			seen[entry.Line] = true
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	if len(seen) != 30 || q.Cursor != "" {
		t.Errorf("found %d lines, want 30", len(seen))
	}
}

func TestTextsAreFoundWhereCostlyQueriesAreRefused(t *testing.T) {
	t.Parallel()
	f := newFake(t, false)
	f.rejected = []string{"wildcard"}
	f.add("logs", "1", object{"@timestamp": now(), "message": "connection refused", "pod": "p"})
	f.add("logs", "2", object{"@timestamp": now(), "message": "connection accepted", "pod": "p"})
	q := lastHour()
	q.Contains = []string{"FUSE"}
	page, err := backend(t, settings(f.url, "logs")).Search(t.Context(), q)
	if err != nil || len(page.Entries) != 1 || page.Next != "" {
		t.Errorf("got %+v, %v", page, err)
	}
}

func TestAnswersThatAreTooLargeAreReadInParts(t *testing.T) {
	t.Parallel()
	f := newFake(t, false)
	for i := range 100 {
		f.add("logs", fmt.Sprint(i), object{"@timestamp": now(), "message": strings.Repeat("x", 10_000), "pod": "p"})
	}
	s := settings(f.url, "logs")
	s.MaxBytes = 200_000
	q := lastHour()
	q.Limit = 100
	page, err := backend(t, s).Search(t.Context(), q)
	if err != nil || len(page.Entries) != 100 {
		t.Errorf("got %d lines, %v", len(page.Entries), err)
	}
}

func TestLabelsThatNobodyHasFindNothingAndAskNothing(t *testing.T) {
	t.Parallel()
	f := newFake(t, false)
	f.add("logs", "1", object{"@timestamp": now(), "message": "x"})
	p := backend(t, settings(f.url, "logs"))
	for _, label := range []string{"pod", "unknown", "*", "a,b", "", strings.Repeat("x", 1000), "\x00"} {
		q := lastHour()
		q.Labels = map[string]string{label: "x"}
		if page, err := p.Search(t.Context(), q); err != nil || len(page.Entries) != 0 {
			t.Errorf("label %.10q: got %+v, %v", label, page, err)
		}
	}
	if f.searches != 0 {
		t.Errorf("%d searches were sent", f.searches)
	}
}

func TestAPIKeysAreSentInTheirOwnScheme(t *testing.T) {
	t.Parallel()
	f := newFake(t, false)
	f.authorization = "ApiKey encoded-key"
	s := settings(f.url, "logs")
	_, err := prove(t, s)
	wants(t, err, v1alpha1.ReasonUnauthorized)
	s.Endpoint.Auth = provider.Auth{APIKey: "encoded-key"}
	if trip, err := prove(t, s); err != nil || trip.IngestLag == nil {
		t.Errorf("with the key: %+v, %v", trip, err)
	}
}

func TestHealthIsToldInWords(t *testing.T) {
	t.Parallel()
	const gb = 1 << 30
	disk := func(total, available int) string {
		return fmt.Sprintf(
			`{"nodes":{"a":{"name":"es-1","roles":["master","data"],"fs":{"total":{"total_in_bytes":%d,"available_in_bytes":%d}}},
			"b":{"name":"es-master","roles":["master"],"fs":{"total":{"total_in_bytes":100,"available_in_bytes":0}}}}}`,
			total,
			available,
		)
	}
	watermark := func(text string) string {
		return `{"persistent":{},"transient":{},"defaults":{"cluster":{"routing":{"allocation":{"disk":{"threshold_enabled":"true","watermark":` + text + `}}}}}}`
	}
	for name, test := range map[string]struct {
		answers map[string]string
		refused map[string]int
		state   string
		says    string
		fails   bool
	}{
		"red":    {answers: map[string]string{"/_cluster/health": `{"status":"red","indices":{"logs-b":{"status":"red"},"logs-a":{"status":"red"},"c":{"status":"yellow"}}}`}, state: "red", fails: true, says: "primary shards of logs-a, logs-b are unassigned"},
		"yellow": {answers: map[string]string{"/_cluster/health": `{"status":"yellow","unassigned_shards":2,"indices":{"logs-a":{"status":"yellow"}}}`}, state: "yellow", says: "replica shards of logs-a are unassigned"},
		"low": {answers: map[string]string{"/_nodes/stats/fs": disk(100*gb, 14*gb)}, state: "green",
			says: "the disk of es-1 is over the watermark low"},
		"high": {answers: map[string]string{"/_nodes/stats/fs": disk(100*gb, 9*gb)}, state: "green", says: "over the watermark high"},
		"flood": {answers: map[string]string{"/_nodes/stats/fs": disk(100*gb, 4*gb)}, state: "green",
			says: "over the watermark flood_stage"},
		"below": {answers: map[string]string{"/_nodes/stats/fs": disk(100*gb, 16*gb)}, state: "green"},
		"own percent": {answers: map[string]string{"/_nodes/stats/fs": disk(100*gb, 29*gb),
			"/_cluster/settings": watermark(`{"low":"70%"}`)}, state: "green", says: "watermark low"},
		"bytes": {answers: map[string]string{"/_nodes/stats/fs": disk(100*gb, 3*gb),
			"/_cluster/settings": watermark(`{"low":"4gb","high":"2gb","flood_stage":"1gb"}`)}, state: "green", says: "watermark low"},
		"headroom": {answers: map[string]string{"/_nodes/stats/fs": disk(10_000*gb, 500*gb),
			"/_cluster/settings": watermark(`{"low":"85%","low.max_headroom":"200GB","high":"90%","high.max_headroom":"150GB","flood_stage":"95%","flood_stage.max_headroom":"100GB","flood_stage.frozen":"95%"}`)}, state: "green"},
		"turned off": {answers: map[string]string{"/_nodes/stats/fs": disk(100, 0),
			"/_cluster/settings": strings.Replace(watermark(`{}`), `"true"`, `"false"`, 1)}, state: "green"},
		"flood block": {answers: map[string]string{"/logs/_settings/index.blocks.*": `{"a":{"settings":{"index.blocks.read_only_allow_delete":"true"}},"b":{"settings":{}}}`}, state: "green", says: "index logs is read-only"},
		"write block": {answers: map[string]string{"/logs/_settings/index.blocks.*": `{"a":{"settings":{"index.blocks.write":"true"}}}`},
			state: "green", says: "does not accept writes"},
		"old write blocks": {answers: map[string]string{"/logs/_settings/index.blocks.*": `{"a":{"settings":{"index.blocks.write":"true"}},"b":{"settings":{}}}`}, state: "green"},
		"may not monitor":  {refused: map[string]int{"/": 403, "/_cluster/health": 403}, state: "ready", says: "cluster privilege monitor"},
		"no such API":      {refused: map[string]int{"/_nodes/stats/fs": 404, "/logs/_settings/index.blocks.*": 400}, state: "green"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, false)
			for path, text := range test.answers {
				f.answer(path, text)
			}
			for path, status := range test.refused {
				f.refuse(path, status)
			}
			health, err := backend(t, settings(f.url, "logs")).Health(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			said := strings.Join(append(slices.Clone(health.Warnings), health.Failed), ";")
			if health.State != test.state || (health.Failed != "") != test.fails || !strings.Contains(said, test.says) ||
				(test.says == "" && said != "") {
				t.Errorf("got %+v", health)
			}
		})
	}
}

func TestRefusedDocumentsAreExplained(t *testing.T) {
	t.Parallel()
	for kind, test := range map[string]struct {
		status int
		reason string
	}{
		"cluster_block_exception": {403, v1alpha1.ReasonUnhealthy}, "security_exception": {403, v1alpha1.ReasonForbidden},
		"es_rejected_execution_exception": {429, v1alpha1.ReasonRateLimited}, "index_not_found_exception": {404, v1alpha1.ReasonNotFound},
		"mapper_parsing_exception": {400, v1alpha1.ReasonNotIngesting}, "unavailable_shards_exception": {503, v1alpha1.ReasonServerError},
		"strange": {0, v1alpha1.ReasonInvalidResponse},
	} {
		f := newFake(t, false).answer("/logs/_bulk", fmt.Sprintf(`{"errors":true,"items":[{"create":{"status":%d,"error":{"type":%q}}}]}`,
			test.status, kind))
		wants(t, backend(t, settings(f.url, "logs")).Write(t.Context(), []logs.Entry{{Time: time.Now(), Line: "x"}}), test.reason)
	}
}

func TestRetentionOfEveryKind(t *testing.T) {
	t.Parallel()
	const openSearch = `{"version":{"number":"2.19.0","distribution":"opensearch"}}`
	day := 24 * time.Hour
	for name, test := range map[string]struct {
		answers map[string]string
		keeps   time.Duration
		source  string
	}{
		"data stream":          {answers: map[string]string{"/_data_stream/logs": `{"data_streams":[{"name":"logs","lifecycle":{"enabled":true,"data_retention":"7d","effective_retention":"5d"}}]}`}, keeps: 5 * day, source: "lifecycle of data stream logs"},
		"data stream for ever": {answers: map[string]string{"/_data_stream/logs": `{"data_streams":[{"name":"logs","lifecycle":{"enabled":true}}]}`}, source: "lifecycle of data stream logs"},
		"ILM without delete": {answers: map[string]string{
			"/logs/_settings/index.lifecycle.*": `{".ds-logs-1":{"settings":{"index.lifecycle.name":"logs"}}}`,
			"/_ilm/policy/logs":                 `{"logs":{"policy":{"phases":{"hot":{"min_age":"0ms","actions":{"rollover":{"max_age":"30d"}}}}}}}`}, source: "ILM policy logs"},
		"ISM": {answers: map[string]string{"/": openSearch,
			"/_plugins/_ism/explain/logs": `{"logs-1":{"index.plugins.index_state_management.policy_id":"p","policy_id":"p"},"total_managed_indices":1}`,
			"/_plugins/_ism/policies/p": `{"policy":{"default_state":"hot","states":[{"name":"hot","actions":[],"transitions":[{"state_name":"warm","conditions":{"min_index_age":"1d"}}]},
				{"name":"warm","actions":[],"transitions":[{"state_name":"hot"},{"state_name":"gone","conditions":{"min_index_age":"14d"}}]},{"name":"gone","actions":[{"delete":{}}],"transitions":[]}]}}`}, keeps: 14 * day, source: "ISM policy p"},
		"ISM of Open Distro": {answers: map[string]string{"/": openSearch,
			"/_opendistro/_ism/explain/logs": `{"logs-1":{"index.opendistro.index_state_management.policy_id":"p"}}`,
			"/_opendistro/_ism/policies/p":   `{"policy":{"default_state":"hot","states":[{"name":"hot","actions":[],"transitions":[]}]}}`}, source: "ISM policy p"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, false)
			for _, path := range []string{"/_data_stream/logs", "/_data_stream/logs*", "/_plugins/_ism/explain/logs",
				"/_plugins/_ism/explain/logs*"} {
				if test.answers[path] == "" {
					f.refuse(path, http.StatusMethodNotAllowed)
				}
			}
			for path, text := range test.answers {
				f.answer(path, text)
			}
			retention, known, err := backend(t, settings(f.url, "logs")).Retention(t.Context())
			if want := (logs.Retention{Keeps: test.keeps, Source: test.source}); err != nil || !known || retention != want {
				t.Errorf("got %+v, %t, %v, want %+v", retention, known, err, want)
			}
		})
	}
}

// Dates have milliseconds; two collectors' requests may arrive in any order.
func TestLinesOfOneMillisecondAreInTheOrderOfTheirNanoseconds(t *testing.T) {
	at := now()
	sources := []object{}
	for _, ns := range []int{3, 1, 2} {
		sources = append(sources, object{"@timestamp": at, "message": fmt.Sprint("line ", ns), "kubeops_ns": 1_767_323_045_000_000_000 + ns,
			"kubernetes": object{"pod_name": "p", "pod_namespace": "n"}})
	}
	check := func(t *testing.T, url, index string, wants map[bool]string) {
		t.Helper()
		for backward, want := range wants {
			q := lastHour()
			q.Backward = backward
			page, err := backend(t, settings(url, index)).Search(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			for _, entry := range page.Entries {
				lines = append(lines, entry.Line)
			}
			if got := strings.Join(lines, ", "); got != want {
				t.Errorf("backward %t: %s, want %s", backward, got, want)
			}
		}
	}
	t.Run("a fake", func(t *testing.T) {
		f := newFake(t, false)
		for i, source := range sources {
			f.add("logs", fmt.Sprint(i), source)
		}
		check(t, f.url, "logs", map[bool]string{false: "line 1, line 2, line 3", true: "line 3, line 2, line 1"})
	})
	t.Run("a server", func(t *testing.T) {
		url, _ := open.get(t)
		// An index without the field sorts last.
		for i, source := range append(sources, object{"@timestamp": at, "message": "line of another"}) {
			index := "nanoseconds-new"
			if i == len(sources) {
				index = "nanoseconds-old"
			}
			body, err := json.Marshal(source)
			if err != nil {
				t.Fatal(err)
			}
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, fmt.Sprintf("%s/%s/_doc/%d?refresh=true", url, index, i), bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/json")
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if answer.StatusCode >= 300 {
				t.Fatalf("a document is refused: %s", answer.Status)
			}
		}
		check(t, url, "nanoseconds-*", map[bool]string{false: "line 1, line 2, line 3, line of another", true: "line 3, line 2, line 1, line of another"})
	})
}
