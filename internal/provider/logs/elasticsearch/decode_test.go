package elasticsearch

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/stream"
	"kubeops.io/kubeops/internal/testkit/memory"
)

// answerOf hits as Elasticsearch 6.8 gives it, with Pod metadata as Vector has it.
func answerOf(hits int) string {
	var text strings.Builder
	text.WriteString(
		`{"took":3,"timed_out":false,"_shards":{"total":5,"successful":5,"skipped":0,"failed":0},"hits":{"total":10000,"max_score":null,"hits":[`,
	)
	for i := range hits {
		if i > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(
			&text,
			`{"_index":"logs-kubeops-default","_type":"_doc","_id":"id%018d","_score":null,"_source":{"@timestamp":"2025-01-01T00:00:00.000Z",`+
				`"message":"GET /api/v1/items/%d took 12 ms and answered 200 to 10.0.0.%d","level":"info","kubernetes":{"pod_namespace":"shop","pod_name":"web-7d9f-%d",`+
				`"container_name":"web","pod_node_name":"node-%d","pod_labels":{"app":"web","tier":"front"}}},"sort":[%d,%d]}`,
			i,
			i,
			i%256,
			i%40,
			i%9,
			1735689600000+i,
			i,
		)
	}
	text.WriteString(`]}}`)
	return text.String()
}

func vector() *mapping {
	m := &mapping{time: "@timestamp", message: []field{{path: "message"}}, labels: map[string][]field{}}
	for _, label := range roles()[2:] {
		m.labels[label] = []field{{path: names(schemaKubernetes, label)[0]}}
	}
	return m
}

func BenchmarkDecode5000Hits(b *testing.B) {
	answer := answerOf(5000)
	m := vector()
	b.SetBytes(int64(len(answer)))
	b.ReportAllocs()
	for b.Loop() {
		entries := make([]logs.Entry, 0, 5000)
		d := stream.New(strings.NewReader(answer), stream.Limits{Memory: int64(2 * len(answer))})
		err := decodeHits(d, newDocumentReader(m), func(found document) error {
			entries = append(entries, logs.Entry{Line: cut(found.line), Labels: found.labels})
			return nil
		})
		if err != nil || len(entries) != 5000 || entries[7].Labels[logs.LabelNode] != "node-7" {
			b.Fatal(err, len(entries))
		}
	}
}

func FuzzDecodeHits(f *testing.F) {
	for _, seed := range []string{
		answerOf(2), `{}`, `[]`, `{"hits":{"hits":[]}}`, `{"hits":{"hits":[{"_index":"a","_id":"b","sort":[1.5]}]}}`, `{"hits":{"hits":{}}}`,
		`{"hits":{"hits":[{"_index":"a","_id":"b","_source":{"message":["a",["b"],{"c":1}],"labels":{"a":{"b":{"c":null}},"d":1e400}},"sort":[9223372036854775807]}]}}`,
		`{"hits":{"hits":[{"_index":"a","_id":"b","_source":{"kubernetes.pod_name":"x","kubernetes":{"pod.name":"y"},"message":"` + "\xff" + `"},"sort":[-1,null]}]}} trailing`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		m := vector()
		memory.Bounded(t, len(answer), func(limits stream.Limits) {
			_ = decodeHits(stream.New(strings.NewReader(answer), limits), newDocumentReader(m), func(found document) error {
				if line := found.line; len(line) > logs.LineLimit || !utf8.ValidString(line) {
					t.Errorf("line of %d bytes", len(line))
				}
				if labels := found.labels; len(labels) > maxLabels+len(m.labels) {
					t.Errorf("%d labels", len(labels))
				}
				return nil
			})
		})
	})
}

func FuzzOtherAnswers(f *testing.F) {
	for _, seed := range []string{
		`{"message":{"text":{"type":"text","searchable":true}},"message.keyword":{"keyword":{"type":"keyword"}},"@timestamp":{"date":{},"date_nanos":{}}}`,
		`{"default_state":"a","states":[{"name":"a","transitions":[{"state_name":"b","conditions":{"min_index_age":"1d"}},{"state_name":"a"}]},{"name":"b","actions":[{"delete":{}}]}]}`,
		`{"low":"85%","high":{"max_headroom":"1tb"},"flood_stage":"0.95"}`, `30d`, `1.5gb`, `{}`, `null`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		decoded := func(into any) (is bool) {
			memory.Bounded(t, len(answer), func(limits stream.Limits) {
				is = stream.New(strings.NewReader(answer), limits).Decode(into) == nil
			})
			return is
		}
		var caps capabilities
		if decoded(&caps) {
			if _, err := (&Provider{}).build(caps, []string{"x"}); err != nil {
				t.Error(err)
			}
		}
		var p policy
		if decoded(&p) {
			if keeps, _ := p.keeps(); keeps < 0 {
				t.Errorf("kept for %s", keeps)
			}
		}
		var items bulkItems
		var policies managingPolicies
		var key termKey
		decoded(&items)
		decoded(&policies)
		decoded(&key)
		var set nestedSettings
		if decoded(&set) {
			for _, mark := range stages() {
				mark.read(set)
				mark.over(100, 10)
			}
		}
		if age, is := timeValue(answer); is && age <= 0 {
			t.Errorf("an age of %s", age)
		}
		_, _ = byteSize(answer)
	})
}

func FuzzCursor(f *testing.F) {
	p := &position{Version: cursorVersion}
	p.pass(hit{index: "logs", id: "1", at: 5})
	f.Add(p.cursor())
	f.Add("x")
	f.Fuzz(func(t *testing.T, cursor string) {
		p, err := startOf(cursor, false)
		if err != nil {
			return
		}
		if again, err := startOf(p.cursor(), false); p.begun && (err != nil || again.Time != p.Time || again.skipped != p.skipped) {
			t.Errorf("%q: %+v, %v", cursor, again, err)
		}
		p.filters("@timestamp")
	})
}

// FuzzNarrow checks the rule that what a server is asked for holds for every line with the text: here for the words of the
// text itself, put between others.
func FuzzNarrow(f *testing.F) {
	for _, seed := range []string{"fuse", "connection refused", "a b c", " -> ", "10.0.0.7:443", "日本 語", `"} OR x`, "x\u00a0y", "é1 ü2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, whole, last := chunks(text)
		if !strings.HasPrefix(text, first) || !strings.HasSuffix(text, last) ||
			(whole != "" && len(first)+len(whole)+len(last) > len(text)) {
			t.Errorf("%q is cut into %q, %q, %q", text, first, whole, last)
		}
		if run := leading(last); !strings.HasPrefix(last, run) {
			t.Errorf("%q does not begin with %q", last, run)
		}
		if run := longest(first, last); !strings.Contains(text, run) {
			t.Errorf("%q is not in %q", run, text)
		}
		clause, _ := words("message", text)
		if _, err := json.Marshal(clause); err != nil {
			t.Error(err)
		}
	})
}

func TestAFieldOfTheSettingsDoesNotHideAnotherNamespace(t *testing.T) {
	for _, tc := range []struct {
		field    string
		document map[string]any
		want     string
	}{
		{"env", map[string]any{"env": "a", "kubernetes": map[string]any{"namespace_name": "b"}}, ""},
		{"env", map[string]any{"env": "a", "kubernetes.namespace": "b"}, ""},
		{"env", map[string]any{"env": "a", "namespace": "b", "labels": map[string]any{"namespace": "a"}}, ""},
		{"env", map[string]any{"env": "a", "namespace": "a"}, "a"},
		{"env", map[string]any{"env": "a"}, "a"},
		{"kubernetes.namespace", map[string]any{"kubernetes.namespace": "a", "namespace": "default"}, "a"},
	} {
		p := &Provider{fields: logs.Fields{Namespace: tc.field}}
		m, err := p.build(capabilities{tc.field: {"keyword": {Searchable: true}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		source, err := json.Marshal(tc.document)
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf(`{"hits":{"hits":[{"_index":"i","_id":"1","sort":[1],"_source":%s}]}}`, source)
		var got string
		err = decodeHits(stream.New(strings.NewReader(text), stream.Limits{Memory: 1 << 20}), newDocumentReader(m), func(d document) error {
			got = d.labels[logs.LabelNamespace]
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got != tc.want {
			t.Errorf("%s of %v: got %q, want %q", tc.field, tc.document, got, tc.want)
		}
		for _, path := range m.disputing {
			if !slices.Contains(m.wanted(), path) {
				t.Errorf("%s is not asked for", path)
			}
		}
	}
}
