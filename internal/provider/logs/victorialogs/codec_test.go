package victorialogs

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/lines"
	"kubeops.io/kubeops/internal/provider/stream"
	"kubeops.io/kubeops/internal/testkit/memory"
)

func TestQueriesBecomeFiltersWithQuotedValues(t *testing.T) {
	t.Parallel()
	start, end := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC)
	const between = "_time:[2026-01-02T03:04:05.000000006Z, 2262-01-01T00:00:00.000000000Z)"
	for name, test := range map[string]struct {
		query logs.Query
		want  string
	}{
		"time only":   {logs.Query{}, ""},
		"one field":   {logs.Query{Labels: map[string]string{"app": `a" or *`}}, ` "app":="a\" or *"`},
		"field name":  {logs.Query{Labels: map[string]string{`a":="b" or "c`: "d"}}, ` "a\":=\"b\" or \"c":="d"`},
		"fields":      {logs.Query{AnyOf: map[string][]string{"pod": {"a", "b"}, "none": {}}}, ` ("pod":in("a","b") or "my.pod":in("a","b"))`},
		"no value":    {logs.Query{Labels: map[string]string{"pod": ""}}, ` ("pod":="" "my.pod":="")`},
		"level":       {logs.Query{Labels: map[string]string{"level": "error|.*"}}, ` "level":~"(?i)^(error\\|\\.\\*)$"`},
		"text":        {logs.Query{Contains: []string{"a.b", ""}}, ` "_msg":~"(?i)a\\.b"`},
		"not a UTF-8": {logs.Query{Labels: map[string]string{"app": "\xff"}}, " \"app\":=\"\uFFFD\""},
	} {
		f := newFields(logs.Fields{Level: "level"})
		f.names["pod"] = []string{"pod", "my.pod"}
		if got := f.filter(test.query, start, end); got != between+test.want {
			t.Errorf("%s: got %s, want %s", name, got, between+test.want)
		}
	}
}

func TestMetricsOfAClusterDoNotTellItsRetention(t *testing.T) {
	t.Parallel()
	const version = `vm_app_version{version="victoria-logs-20260101-tags-v1.43.1-0-g0", short_version="v1.43.1"} 1` + "\n"
	flag := func(name, value string) string {
		return fmt.Sprintf("flag{name=%q, value=%q, is_set=\"true\"} 1\n", name, value)
	}
	for name, test := range map[string]struct {
		text               string
		version, retention string
	}{
		"single":  {flag("retentionPeriod", "8w") + version, "1.43.1", "8w"},
		"cluster": {flag("retentionPeriod", "7d") + flag("storageNode", "vlstorage-0:9428") + version, "1.43.1", ""},
		"another product": {flag("retentionPeriod", "1") + `vm_app_version{version="victoria-metrics-x", short_version="v1.2.3"} 1`, "",
			""},
		"no short version":       {`vm_app_version{version="victoria-logs-20260101-tags-v1.43.1-victorialogs"} 1`, "1.43.1-victorialogs", ""},
		"a label that is broken": {`vm_app_version{version="victoria-logs-\`, "", ""},
	} {
		got, err := readMetrics(strings.NewReader(test.text))
		if err != nil || got.version != test.version || got.retention != test.retention {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
	for text, want := range map[string]time.Duration{"7d": 168 * time.Hour, "1": 744 * time.Hour, "100y": 876000 * time.Hour} {
		if got, err := period(text); err != nil || got != want {
			t.Errorf("%s is %s, %v", text, got, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"_msg":"a","_time":"2023-01-01T13:32:13.000000000Z","_stream":"{}","level":"ERROR"}` + "\n"))
	f.Add([]byte(`{"_time":"9999-12-31T23:59:60Z"}` + "\n{"))
	f.Add([]byte("[]"))
	f.Fuzz(func(t *testing.T, content []byte) {
		var entries []logs.Entry
		memory.Bounded(t, len(content), func(limits stream.Limits) {
			var err error
			if entries, err = newFields(logs.Fields{}).decode(stream.New(bytes.NewReader(content), limits)); err != nil {
				entries = nil
			}
		})
		lines.Sort(entries, true)
		for _, entry := range entries {
			if len(entry.Line) > logs.LineLimit {
				t.Errorf("a line of %d bytes", len(entry.Line))
			}
		}
	})
}

func FuzzHits(f *testing.F) {
	f.Add([]byte(`{"hits":[{"fields":{},"timestamps":["2024-01-01T00:00:00Z"],"values":[410339],"total":1}]}`))
	f.Add([]byte(`{"hits":[{"timestamps":["0000-01-01T00:00:00Z"],"values":[18446744073709551615]}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		var answer hitsAnswer
		var err error
		memory.Bounded(t, len(content), func(limits stream.Limits) {
			err = stream.New(bytes.NewReader(content), limits).Decode(&answer)
		})
		if err != nil {
			return
		}
		buckets := []logs.Bucket{
			{Start: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)},
			{Start: time.Date(2024, 1, 1, 1, 0, 0, 0, time.UTC)},
		}
		if answer.into(buckets, time.Hour) && (buckets[0].Count < 0 || buckets[1].Count < 0) {
			t.Errorf("counts are %v", buckets)
		}
	})
}

func FuzzMetrics(f *testing.F) {
	f.Add(
		"flag{name=\"retentionPeriod\", value=\"7d\", is_set=\"true\"} 1\nvm_app_version{version=\"victoria-logs-x\", short_version=\"v1.2.3\"} 1\n",
	)
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := readMetrics(strings.NewReader(text)); err != nil || len(got.version) > 64 {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

func BenchmarkDecode5000Lines(b *testing.B) {
	var content bytes.Buffer
	for i := range 5000 {
		fmt.Fprintf(
			&content,
			`{"_msg":"%s","_stream":"{namespace=\"default\",pod=\"web-%d\"}","_stream_id":"0000000000000000e934a84adb05276890d7f7bfcadabe92","_time":"2026-01-02T03:04:05.%09dZ","container":"main","namespace":"default","pod":"web-%d"}`+"\n",
			strings.Repeat("a word ", 28),
			i%50,
			i,
			i%50,
		)
	}
	f := newFields(logs.Fields{})
	b.SetBytes(int64(content.Len()))
	b.ReportAllocs()
	for b.Loop() {
		d := stream.New(bytes.NewReader(content.Bytes()), stream.Limits{Memory: 32 << 20})
		if entries, err := f.decode(d); err != nil || len(entries) != 5000 {
			b.Fatal(len(entries), err)
		}
	}
}

func TestAFieldOfTheSettingsDoesNotHideAnotherNamespace(t *testing.T) {
	for _, tc := range []struct {
		field string
		line  map[string]string
		want  string
	}{
		{"env", map[string]string{"env": "a", "namespace": "b"}, ""},
		{"env", map[string]string{"env": "a", "kubernetes.pod_namespace": "b"}, ""},
		{"env", map[string]string{"env": "a", "namespace": "a"}, "a"},
		{"env", map[string]string{"env": "a"}, "a"},
		{"env", map[string]string{"namespace": "b"}, ""},
		{"kubernetes.namespace", map[string]string{"kubernetes.namespace": "a", "namespace": "logging"}, "a"},
	} {
		if got := newFields(logs.Fields{Namespace: tc.field}).contract(tc.line)[logs.LabelNamespace]; got != tc.want {
			t.Errorf("%s of %v: got %q, want %q", tc.field, tc.line, got, tc.want)
		}
	}
}
