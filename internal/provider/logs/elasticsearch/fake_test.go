package elasticsearch_test

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is a server in memory that understands what the backend sends, and fails the test on anything else. An old one is like
// Elasticsearch 6.8: documents have types, dynamic strings are text with a subfield keyword, histograms have an interval. A new
// one is like a data stream of Elasticsearch 8 with its own templates: keywords, match_only_text, create only.
type fake struct {
	t   testing.TB
	old bool
	url string

	mu   sync.Mutex
	docs []stored
	// answers instead of its own, by path.
	answers map[string]string
	// status instead of 200, by path.
	status map[string]int
	// rejected kinds of queries, as search.allow_expensive_queries rejects them.
	rejected []string
	searches int
	// authorization that every request must bear.
	authorization string
}

type stored struct {
	index, id string
	seq       int
	source    map[string]any
}

func newFake(t testing.TB, old bool) *fake {
	t.Helper()
	f := &fake{t: t, old: old, answers: map[string]string{}, status: map[string]int{}}
	server := httptest.NewServer(f)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	f.url = server.URL
	return f
}

// answer a path with a text from now on.
func (f *fake) answer(path, text string) *fake {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[path] = text
	return f
}

// refuse a path with a status from now on.
func (f *fake) refuse(path string, status int) *fake {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status[path] = status
	return f
}

// add a document.
func (f *fake) add(index, id string, source map[string]any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.docs = append(f.docs, stored{index, id, len(f.docs), source})
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		f.t.Error(err)
	}
	if got := r.Header.Get("Authorization"); got != f.authorization {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if status := f.status[r.URL.Path]; status != 0 {
		w.WriteHeader(status)
		return
	}
	if text, there := f.answers[r.URL.Path]; there {
		_, _ = io.WriteString(w, text)
		return
	}
	index, call, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	var answer any
	switch {
	case r.URL.Path == "/":
		answer = object{
			"version": object{"number": map[bool]string{true: "6.8.23", false: "8.19.0"}[f.old]},
			"tagline": "You Know, for Search",
		}
	case r.URL.Path == "/_cluster/health":
		answer = object{"status": "green", "active_shards": 1, "unassigned_shards": 0}
	case r.URL.Path == "/_nodes/stats/fs", r.URL.Path == "/_cluster/settings":
		answer = object{}
	case strings.HasPrefix(call, "_settings/index."):
		answer = object{index: object{"settings": object{}}}
	case call == "_field_caps" && r.URL.Query().Get("ignore_unavailable") == "true":
		answer = object{"fields": f.caps(index, strings.Split(r.URL.Query().Get("fields"), ","))}
	case call == "_bulk" && r.Header.Get("Content-Type") == "application/x-ndjson":
		answer = f.bulk(index, string(body))
	case call == "_search" && r.Header.Get("Content-Type") == "application/json":
		answer = f.search(w, index, body, r)
	}
	if answer == nil {
		f.t.Errorf("unexpected request: %s %s %s", r.Method, r.URL, body)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	_ = json.NewEncoder(w).Encode(answer)
}

type object = map[string]any

// kindOf a field.
func (f *fake) kindOf(name string) string {
	base, sub := strings.CutSuffix(name, ".keyword")
	there := slices.ContainsFunc(f.docs, func(d stored) bool { _, is := get(d.source, base).(string); return is })
	switch {
	case !there, sub && !f.old:
		return ""
	case name == "@timestamp":
		return "date"
	case sub:
		return "keyword"
	case f.old:
		return "text"
	case name == "message":
		return "match_only_text"
	}
	return "keyword"
}

func get(source map[string]any, name string) any {
	outer, rest, nested := strings.Cut(name, ".")
	if !nested {
		return source[outer]
	}
	inner, _ := source[outer].(map[string]any)
	return get(inner, rest)
}

func (f *fake) caps(_ string, names []string) object {
	fields := object{}
	for _, name := range names {
		if kind := f.kindOf(name); kind != "" {
			fields[name] = object{kind: object{"type": kind, "searchable": true, "aggregatable": kind != "text"}}
		}
	}
	return fields
}

func (f *fake) bulk(index, body string) any {
	var items []any
	lines := bufio.NewScanner(strings.NewReader(body))
	lines.Buffer(nil, 1<<20)
	want := map[bool]string{true: `{"index":{"_type":"_doc"}}`, false: `{"create":{}}`}[f.old]
	for lines.Scan() {
		if lines.Text() != want {
			f.t.Errorf("bulk: got %s, want %s", lines.Text(), want)
		}
		source := object{}
		if !lines.Scan() || json.Unmarshal(lines.Bytes(), &source) != nil {
			f.t.Errorf("bulk: no document: %q", lines.Text())
		}
		if _, err := time.Parse(time.RFC3339Nano, fmt.Sprint(source["@timestamp"])); err != nil {
			f.t.Error(err)
		}
		f.docs = append(f.docs, stored{index, fmt.Sprintf("id-%d", len(f.docs)), len(f.docs), source})
		items = append(items, object{"create": object{"status": 201}})
	}
	return object{"errors": false, "items": items}
}

func (f *fake) search(w http.ResponseWriter, index string, body []byte, r *http.Request) any {
	var q struct {
		Query  object              `json:"query"`
		Size   int                 `json:"size"`
		Sort   []map[string]object `json:"sort"`
		Source []string            `json:"_source"`
		Total  *bool               `json:"track_total_hits"`
		Aggs   map[string]object   `json:"aggs"`
	}
	if r.URL.Query().Get("filter_path") == "hits.hits._type" {
		return object{}
	}
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&q); err != nil {
		f.t.Errorf("search: %v: %s", err, body)
	}
	if r.URL.Query().Get("allow_partial_search_results") != "false" || q.Total == nil || *q.Total {
		f.t.Errorf("search: partial results or totals are asked for: %s %s", r.URL, body)
	}
	f.searches++
	for _, kind := range f.rejected {
		if strings.Contains(string(body), `"`+kind+`":`) {
			w.WriteHeader(http.StatusBadRequest)
			return object{"error": object{}}
		}
	}
	var found []stored
	for _, d := range f.docs {
		if in, _ := path.Match(index, d.index); in && f.matches(q.Query, d) {
			found = append(found, d)
		}
	}
	if q.Aggs != nil {
		return object{"hits": object{"total": len(found), "hits": []any{}}, "aggregations": f.aggregate(q.Aggs, found)}
	}
	return object{"took": 1, "hits": object{"total": len(found), "hits": f.hits(found, q.Sort, q.Size, q.Source)}}
}

func at(d stored) int64 {
	t, _ := time.Parse(time.RFC3339Nano, fmt.Sprint(d.source["@timestamp"]))
	return t.UnixMilli()
}

// nanoseconds of a document, by which those of one millisecond are sorted; the server puts those without them last.
func nanoseconds(d stored) int {
	if ns, ok := d.source["kubeops_ns"].(int); ok {
		return ns
	}
	return math.MaxInt
}

func (f *fake) hits(found []stored, sort []map[string]object, size int, fields []string) []any {
	if len(sort) != 3 || sort[0]["@timestamp"] == nil || sort[1]["kubeops_ns"]["unmapped_type"] != "long" || sort[2]["_seq_no"] == nil ||
		size < 1 || size > 10_000 {
		f.t.Errorf("search: size %d sorted by %v", size, sort)
		return nil
	}
	slices.SortFunc(found, func(a, b stored) int {
		if sort[0]["@timestamp"]["order"] == "desc" {
			a, b = b, a
		}
		if at(a) != at(b) {
			return int(at(a) - at(b))
		}
		if c := cmp.Compare(nanoseconds(a), nanoseconds(b)); c != 0 {
			return c
		}
		return a.seq - b.seq
	})
	hits := []any{}
	for _, d := range found[:min(size, len(found))] {
		hits = append(hits, object{"_index": d.index, "_type": "_doc", "_id": d.id, "_score": nil, "_source": only(d.source, "", fields),
			"sort": []int64{at(d), int64(d.seq)}})
	}
	return hits
}

// only the fields that were asked for, as the server does it: a path stands for all that is below it, however the document nests it.
func only(source object, above string, fields []string) object {
	kept := object{}
	for name, value := range source {
		path := above + name
		if slices.ContainsFunc(fields, func(field string) bool { return field == path || strings.HasPrefix(path, field+".") }) {
			kept[name] = value
		} else if inner, is := value.(object); is {
			if inner = only(inner, path+".", fields); len(inner) > 0 {
				kept[name] = inner
			}
		}
	}
	return kept
}

func (f *fake) aggregate(aggs map[string]object, found []stored) object {
	all := object{}
	for name, agg := range aggs {
		buckets := []any{}
		counts := map[any]int{}
		for kind, about := range agg {
			about := about.(object)
			var step int64
			interval, _ := about[map[bool]string{true: "interval", false: "fixed_interval"}[f.old]].(string)
			if _, err := fmt.Sscanf(interval, "%dms", &step); kind == "date_histogram" && (err != nil || about["field"] != "@timestamp") {
				f.t.Errorf("histogram: %v", about)
			}
			for _, d := range found {
				switch kind {
				case "date_histogram":
					counts[at(d)-at(d)%step]++
				case "terms":
					if f.kindOf(about["field"].(string)) != "keyword" {
						f.t.Errorf("terms of %v", about)
					}
					if value, is := get(d.source, strings.TrimSuffix(about["field"].(string), ".keyword")).(string); is {
						counts[value]++
					}
				default:
					f.t.Errorf("aggregation %s", kind)
				}
			}
			size, sized := about["size"].(float64)
			for key, n := range counts {
				if !sized || len(buckets) < int(size) {
					buckets = append(buckets, object{"key": key, "doc_count": n})
				}
			}
		}
		all[name] = object{"buckets": buckets}
	}
	return all
}
