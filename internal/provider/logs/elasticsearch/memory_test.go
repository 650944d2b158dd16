package elasticsearch_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/provider/logs"
)

// A response of 31 MiB, which is within the limit, does not become a multiple of that. The test does not run in parallel: what others
// allocate would count.
func TestMemoryOfAResponseOf31MiB(t *testing.T) {
	const size = 31 << 20
	var labels strings.Builder
	for i := range 64 {
		fmt.Fprintf(&labels, `"%d":"%d",`, i, i)
	}
	hit := func(source string) string { return `{"_index":"a","_id":"b","_source":{` + source + `},"sort":[1]},` }
	for name, body := range map[string]struct{ before, repeated, after string }{
		"empty objects in an unused field": {`{"hits":{"hits":[{"_index":"a","_id":"b","_source":{"a":[`, `{},`, `]},"sort":[1]}]}}`},
		"more hits than were asked for":    {`{"hits":{"hits":[`, hit(``), `]}}`},
		"hits with many labels": {`{"hits":{"hits":[`, hit(`"message":"` + strings.Repeat("x", 6000) + `","labels":{` +
			strings.TrimSuffix(labels.String(), ",") + `}`), `]}}`},
		"one long line": {`{"hits":{"hits":[{"_index":"a","_id":"b","sort":[1],"_source":{"message":"`, `x`, `"}}]}}`},
	} {
		repeated := strings.TrimSuffix(strings.Repeat(body.repeated, size/len(body.repeated)), ",")
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := `{"version":{"number":"8.19.0"}}`
			switch {
			case strings.HasSuffix(r.URL.Path, "/_field_caps"):
				answer = `{"fields":{"@timestamp":{"date":{"searchable":true}},"message":{"text":{"searchable":true}}}}`
			case strings.HasSuffix(r.URL.Path, "/_search"):
				answer = body.before + repeated + body.after
			}
			_, _ = io.WriteString(w, answer)
		}))
		s := settings(server.URL, "logs")
		s.Timeout = time.Minute
		p := backend(t, s)
		var before, after runtime.MemStats
		query := logs.Query{Start: time.Now().Add(-time.Hour), End: time.Now(), Limit: 5000}
		_, _ = p.Search(t.Context(), logs.Query{Start: query.Start, End: query.Start}) // what is asked first
		runtime.GC()
		runtime.ReadMemStats(&before)
		page, err := p.Search(t.Context(), query)
		runtime.ReadMemStats(&after)
		server.Close()
		allocated := after.TotalAlloc - before.TotalAlloc - size // the server puts its body together
		t.Logf("%s: %d MiB were allocated for %d lines, %v", name, allocated>>20, len(page.Entries), err)
		if allocated > 3*size {
			t.Errorf("%s: %d bytes were allocated", name, allocated)
		}
	}
}
