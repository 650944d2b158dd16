package loki

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/logs"
)

// TestTheServersLimitOfLinesIsLearned pages through the lines of a server that returns fewer at once than is its default.
func TestTheServersLimitOfLinesIsLearned(t *testing.T) {
	t.Parallel()
	const (
		lines = 250
		most  = 100
	)
	var limits []int
	p := gateway(t, logs.Fields{}, map[string]http.HandlerFunc{
		pathLabels: names200("pod"),
		pathRange: func(w http.ResponseWriter, r *http.Request) {
			limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
			limits = append(limits, limit)
			if limit > most {
				says(400, "text/plain", fmt.Sprintf("max entries limit per query exceeded, limit > max_entries_limit_per_query (%d > %d)",
					limit, most))(w, r)
				return
			}
			start, _ := strconv.ParseInt(r.URL.Query().Get("start"), 10, 64)
			end, _ := strconv.ParseInt(r.URL.Query().Get("end"), 10, 64)
			values := ""
			for i := range int64(lines) {
				if at := 1000 + i; at >= start && at < end && limit > 0 {
					values += fmt.Sprintf(`,["%d","line %d"]`, at, i)
					limit--
				}
			}
			says(200, "application/json", `{"status":"success","data":{"resultType":"streams","result":[{"stream":{"pod":"p"},"values":[`+
				values[min(1, len(values)):]+`]}]}}`)(w, r)
		},
	})
	var got []string
	query := logs.Query{Start: time.Unix(0, 0), End: time.Now(), Limit: 5000}
	for pages := 0; ; pages++ {
		page, err := p.Search(t.Context(), query)
		if err != nil || pages > lines/most+2 {
			t.Fatalf("page %d: %v", pages, err)
		}
		for _, entry := range page.Entries {
			got = append(got, entry.Line)
		}
		if query.Cursor = page.Next; query.Cursor == "" {
			break
		}
	}
	for i, line := range got {
		if line != fmt.Sprintf("line %d", i) {
			t.Fatalf("line %d is %q", i, line)
		}
	}
	if len(got) != lines || limits[0] != maxEntries || slices.Max(limits[1:]) != most {
		t.Errorf("%d lines, limits %v", len(got), limits)
	}
}

func TestALimitThatCannotBePagedWithIsAProblem(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"too low":      "max entries limit per query exceeded, limit > max_entries_limit_per_query (5000 > 1)",
		"not a number": "max entries limit per query exceeded",
		"higher":       "max entries limit per query exceeded, limit > max_entries_limit_per_query (5000 > 9000)",
		"huge":         "max entries limit per query exceeded, limit > max_entries_limit_per_query (5000 > 99999999999999999999)",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			p := gateway(t, logs.Fields{}, map[string]http.HandlerFunc{
				pathLabels: names200("pod"),
				pathRange: func(w http.ResponseWriter, r *http.Request) {
					asked++
					says(400, "text/plain", text)(w, r)
				},
			})
			_, err := p.Search(t.Context(), logs.Query{Start: time.Unix(0, 0), End: time.Now()})
			if found := problem.As(err); found == nil || found.Reason != v1alpha1.ReasonBudgetExceeded || asked != 1 {
				t.Errorf("asked %d times: %v", asked, err)
			}
		})
	}
}
