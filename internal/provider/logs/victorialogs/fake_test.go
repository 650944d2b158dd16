package victorialogs_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is a VictoriaLogs as its documentation says: it stores lines of each tenant, and answers the subset of queries that the backend
// sends. Whatever else it is sent fails the test.
type fake struct {
	*httptest.Server
	t         *testing.T
	retention string
	mu        sync.Mutex
	rows      map[string][]row
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{t: t, retention: "4w", rows: map[string][]row{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, r *http.Request) {
		f.only(r)
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = fmt.Fprint(w, "OK")
	})
	mux.HandleFunc("GET /metrics", f.metrics)
	mux.HandleFunc("POST /insert/jsonline", f.insert)
	mux.HandleFunc("POST /select/logsql/query", f.query)
	mux.HandleFunc("POST /select/logsql/hits", f.hits)
	mux.HandleFunc("POST /select/logsql/field_names", f.fieldNames)
	mux.HandleFunc("POST /select/logsql/field_values", f.fieldValues)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("unexpected %s %s", r.Method, r.URL)
		w.WriteHeader(http.StatusNotFound)
	})
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	return f
}

// only these parameters may be there, in the form or in the URL.
func (f *fake) only(r *http.Request, names ...string) bool {
	if err := r.ParseForm(); err != nil {
		f.t.Error(err)
		return false
	}
	got := slices.Sorted(maps.Keys(r.Form))
	slices.Sort(names)
	if !slices.Equal(got, names) {
		f.t.Errorf("%s has the parameters %v, want %v", r.URL.Path, got, names)
		return false
	}
	return true
}

func tenant(r *http.Request) string {
	return r.Header.Get("AccountID") + ":" + r.Header.Get("ProjectID")
}

func (f *fake) metrics(w http.ResponseWriter, r *http.Request) {
	f.only(r)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintf(w,
		"flag{name=\"retentionPeriod\", value=%q, is_set=\"true\"} 1\nflag{name=\"storageNode\", value=\"\", is_set=\"false\"} 1\n",
		f.retention)
	_, _ = fmt.Fprint(w,
		"vm_app_version{version=\"victoria-logs-20260101-000000-tags-v1.43.1-0-g0123456789\", short_version=\"v1.43.1\"} 1\n")
}

// insert keeps lines that are not older than the retention and not further in the future than two days; others it drops and
// answers as if it had kept them.
func (f *fake) insert(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if len(query) != 3 || query.Get("_time_field") != "_time" || query.Get("_msg_field") != "_msg" || query.Get("_stream_fields") == "" ||
		r.Header.Get("Content-Type") != "application/stream+json" {
		f.t.Errorf("a write with %s as %s", r.URL.RawQuery, r.Header.Get("Content-Type"))
	}
	stream := strings.Split(query.Get("_stream_fields"), ",")
	lines := bufio.NewScanner(r.Body)
	lines.Buffer(nil, 256<<10) // -insert.maxLineSizeBytes
	for lines.Scan() {
		var fields map[string]string
		if err := json.Unmarshal(lines.Bytes(), &fields); err != nil {
			f.t.Errorf("a line that is no JSON object of texts: %v", err)
			return
		}
		at, err := time.Parse(time.RFC3339Nano, fields["_time"])
		if err != nil {
			f.t.Errorf("a line without a time: %v", err)
		}
		delete(fields, "_time")
		fields["_stream"] = streamOf(fields, stream)
		fields["_stream_id"] = fmt.Sprintf("%x", fields["_stream"])
		if age := time.Since(at); age < 28*24*time.Hour && age > -48*time.Hour {
			f.mu.Lock()
			f.rows[tenant(r)] = append(f.rows[tenant(r)], row{at: at.UTC(), fields: fields})
			f.mu.Unlock()
		}
	}
	if err := lines.Err(); err != nil {
		f.t.Error(err)
	}
	w.Header().Set("Content-Type", "application/json")
}

func streamOf(fields map[string]string, names []string) string {
	var parts []string
	for _, name := range names {
		if fields[name] != "" {
			parts = append(parts, name+"="+strconv.Quote(fields[name]))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// matching lines of the tenant, in any order.
func (f *fake) matching(w http.ResponseWriter, r *http.Request, wantSort bool) (logsql, []row, bool) {
	q, err := parseLogsQL(r.PostForm.Get("query"))
	if err != nil || q.sorted != wantSort {
		f.t.Errorf("a query that is not understood, sorted %t: %v", q.sorted, err)
		w.WriteHeader(http.StatusBadRequest)
		return q, nil, false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []row
	for _, one := range f.rows[tenant(r)] {
		if q.matches(one) {
			found = append(found, one)
		}
	}
	rand.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
	return q, found, true
}

func (f *fake) query(w http.ResponseWriter, r *http.Request) {
	if !f.only(r, "query") {
		return
	}
	q, found, ok := f.matching(w, r, true)
	if !ok {
		return
	}
	slices.SortStableFunc(found, func(a, b row) int {
		if q.desc {
			a, b = b, a
		}
		return a.at.Compare(b.at)
	})
	w.Header().Set("Content-Type", "application/x-ndjson")
	encoder := json.NewEncoder(w)
	for _, one := range found[:min(q.limit, len(found))] {
		line := maps.Clone(one.fields)
		line["_time"] = one.at.Format(time.RFC3339Nano)
		_ = encoder.Encode(line)
	}
}

// hits leaves empty buckets out.
func (f *fake) hits(w http.ResponseWriter, r *http.Request) {
	if !f.only(r, "query", "step") {
		return
	}
	_, found, ok := f.matching(w, r, false)
	if !ok {
		return
	}
	step, err := time.ParseDuration(r.PostForm.Get("step"))
	if err != nil {
		f.t.Error(err)
	}
	counts := map[int64]int{}
	for _, one := range found {
		ns := one.at.UnixNano()
		counts[ns-ns%int64(step)]++
	}
	type series struct {
		Fields     map[string]string `json:"fields"`
		Timestamps []string          `json:"timestamps"`
		Values     []int             `json:"values"`
		Total      int               `json:"total"`
	}
	one := series{Fields: map[string]string{}, Total: len(found)}
	for _, ns := range slices.Sorted(maps.Keys(counts)) {
		one.Timestamps = append(one.Timestamps, time.Unix(0, ns).UTC().Format(time.RFC3339Nano))
		one.Values = append(one.Values, counts[ns])
	}
	all := []series{}
	if len(found) > 0 {
		all = append(all, one)
	}
	answer(w, map[string]any{"hits": all})
}

func (f *fake) fieldNames(w http.ResponseWriter, r *http.Request) {
	if !f.only(r, "query") {
		return
	}
	if _, found, ok := f.matching(w, r, false); ok {
		counts := map[string]int{}
		for _, one := range found {
			counts["_time"]++
			for name := range one.fields {
				counts[name]++
			}
		}
		answerCounts(w, counts, len(counts))
	}
}

func (f *fake) fieldValues(w http.ResponseWriter, r *http.Request) {
	if !f.only(r, "query", "field", "limit") {
		return
	}
	if _, found, ok := f.matching(w, r, false); ok {
		counts := map[string]int{}
		for _, one := range found {
			counts[one.fields[r.PostForm.Get("field")]]++
		}
		limit, err := strconv.Atoi(r.PostForm.Get("limit"))
		if err != nil {
			f.t.Error(err)
		}
		answerCounts(w, counts, limit)
	}
}

func answerCounts(w http.ResponseWriter, counts map[string]int, limit int) {
	type value struct {
		Value string `json:"value"`
		Hits  int    `json:"hits"`
	}
	list := []value{}
	for name, hits := range counts {
		if len(list) < limit {
			list = append(list, value{name, hits})
		}
	}
	answer(w, map[string]any{"values": list})
}

func answer(w http.ResponseWriter, content any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(content)
}
