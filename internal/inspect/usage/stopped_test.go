package usage

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/testkit"
)

// runningShop is shop with running containers that started a week before the time of the graph.
func runningShop() string {
	const state = `, state: {running: {startedAt: "2026-01-08T12:00:00Z"}}}`
	return strings.Replace(shop, `startTime: "2026-01-01T00:00:00Z"}`, `startTime: "2026-01-01T00:00:00Z", containerStatuses: [{name: api`+
		state+`, {name: log`+state+`]}`, 1)
}

func TestSamplesThatStoppedAreToldFromAMissingMetric(t *testing.T) {
	const working = "container_memory_working_set_bytes"
	at := func(ago time.Duration) string { return testkit.Now().Add(-ago).UTC().Format(time.RFC3339) }
	for name, c := range map[string]struct {
		lacks []string
		last  map[string]time.Duration
		want  []string
	}{
		"never collected": {lacks: []string{markNew}, want: []string{
			"NotServed: The metrics backend has no metric container_memory_working_set_bytes with the labels namespace, pod and container."}},
		"stopped within the hour": {lacks: []string{markNew}, last: map[string]time.Duration{`container!=""`: 43 * time.Minute},
			want: []string{"Incomplete: Samples of container_memory_working_set_bytes with the labels namespace, pod and container stopped: " +
				"the last one is 43 minutes before the end of the window, at " + at(43*time.Minute) + "."}},
		"stopped days ago": {lacks: []string{markNew}, last: map[string]time.Duration{working: 76 * time.Hour},
			want: []string{"Incomplete: Samples of container_memory_working_set_bytes with the labels namespace, pod and container stopped: " +
				"the last one is 3 days 4 hours before the end of the window, at " + at(76*time.Hour) + "."}},
		"a time in the future": {lacks: []string{markNew}, last: map[string]time.Duration{working: -time.Hour}, want: []string{
			"NotServed: The metrics backend has no metric container_memory_working_set_bytes with the labels namespace, pod and container."}},
		"throttling stopped": {lacks: []string{markThrottling}, last: map[string]time.Duration{"cfs_periods": 2 * time.Hour},
			want: []string{"Incomplete: Samples of container_cpu_cfs_periods_total stopped: the last one is 2 hours before the end of the " +
				"window, at " + at(2*time.Hour) + "."}},
		"nodes stopped": {lacks: []string{markNodes}, last: map[string]time.Duration{`id="/"`: time.Hour}, want: []string{
			`Incomplete: Samples of container_memory_working_set_bytes with id="/" stopped: the last one is 1 hour before the end of the ` +
				"window, at " + at(time.Hour) + "."}},
		"all is there": {},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{t: t, lacks: c.lacks, last: c.last, rows: []row{
				{"shop", live, "api", 336, 0.5, 2, 100, 80, 0.3, ""}, {"shop", live, "log", 336, 0.5, 2, 100, 80, 0.3, ""}}}
			gaps := Collect(context.Background(), Input{Provider: f, Graph: testkit.Graph(t, runningShop()), Wanting: all()})
			var got []string
			for _, gap := range gaps {
				if gap.Remediation == "" {
					t.Errorf("%+v", gap)
				}
				got = append(got, fmt.Sprintf("%s: %s", gap.Reason, gap.Message))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("gaps (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWorkloadsWhoseSamplesStopped(t *testing.T) {
	both := []row{{"shop", live, "api", 336, 0.5, 2, 100, 80, 0.3, ""}, {"shop", live, "log", 300, 0.5, 2, 100, 80, 0.3, ""}}
	for name, c := range map[string]struct {
		documents string
		rows      []row
		ended     map[string]time.Duration
		want      map[string]time.Duration // by container
		gap       string
		queries   int
	}{
		"all current": {documents: runningShop(), rows: both, queries: 9},
		"one container stopped": {documents: runningShop(), rows: both, ended: map[string]time.Duration{live + "/log": 43 * time.Minute},
			want: map[string]time.Duration{"log": 43 * time.Minute}, queries: 10,
			gap: "Samples of 1 workload stopped although Pods run; the sizes are those until then: " +
				"Deployment/shop/cart (last sample 43 minutes before the end of the window)."},
		"both stopped: the later one counts": {documents: runningShop(), rows: both, queries: 10,
			ended: map[string]time.Duration{live + "/log": 43 * time.Minute, live + "/api": 6 * time.Hour},
			want:  map[string]time.Duration{"log": 43 * time.Minute, "api": 6 * time.Hour},
			gap: "Samples of 1 workload stopped although Pods run; the sizes are those until then: " +
				"Deployment/shop/cart (last sample 43 minutes before the end of the window)."},
		"stopped for days, with less than a day of history": {documents: runningShop(), queries: 10,
			rows:  []row{{"shop", live, "api", 20, 0.5, 2, 100, 80, 0.3, ""}},
			ended: map[string]time.Duration{live + "/api": 100 * time.Hour}, want: map[string]time.Duration{"api": 100 * time.Hour},
			gap: "Samples of 1 workload stopped although Pods run; the sizes are those until then: " +
				"Deployment/shop/cart (last sample 4 days 4 hours before the end of the window)."},
		"a Pod that does not run has no samples": {documents: shop, rows: both,
			ended: map[string]time.Duration{live + "/log": 43 * time.Minute}, queries: 9},
		"a Pod that is gone has no samples": {documents: runningShop(), queries: 10,
			rows:  append([]row{{"shop", "cart-5f7b75cb6d-xzbcd", "api", 100, 0.5, 2, 100, 80, 0.3, ""}}, both...),
			ended: map[string]time.Duration{"cart-5f7b75cb6d-xzbcd/api": 43 * time.Minute}},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{t: t, rows: c.rows, ended: c.ended}
			g := testkit.Graph(t, c.documents)
			gaps := Collect(context.Background(), Input{Provider: f, Graph: g, Wanting: all()})
			for _, u := range g.Usage().Containers {
				if u.Stopped != c.want[u.Container] {
					t.Errorf("%s stopped %s before the end, want %s", u.Container, u.Stopped, c.want[u.Container])
				}
			}
			var got string
			for _, gap := range gaps {
				got += gap.Message
				if strings.Join(gap.Checks, " ") != "size throttled" {
					t.Errorf("%+v", gap)
				}
			}
			if diff := cmp.Diff(c.gap, got); diff != "" {
				t.Errorf("gaps (-want +got):\n%s", diff)
			}
			if len(f.queries) > c.queries {
				t.Errorf("%d queries, want at most %d:\n%s", len(f.queries), c.queries, strings.Join(f.queries, "\n"))
			}
		})
	}
}
