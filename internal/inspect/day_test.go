package inspect

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks/telemetry"
	"kubeops.io/kubeops/internal/inspect/loganalysis"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/loki"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/metrics/prometheus"
	"kubeops.io/kubeops/internal/redact"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/servers"
)

const (
	dayWorkloads = 200
	// From failing on, each of dayOutages workloads has an outage of half an hour, which begins five minutes after that of the one before.
	// They are scraped every five minutes. changed logs an error that differs in one word from an old one.
	failing    = 117
	dayOutages = 12
	outageTime = 30 * time.Minute
	outageStep = 5 * time.Minute
	changed    = 42
	// dayInspections are an hour apart; the last is now. The incidents begin in the hour before the one of that number, from the last.
	dayInspections = 24
	afterIncident  = 5
)

// TestADayOf200Workloads inspects a day of 200 workloads every hour, on a real Prometheus with weeks of samples and a real Loki with the
// lines of two days. The workloads log the same errors before and after midnight, in four formats of dates. The only incidents are outages
// of half an hour, which begin at any five minutes of an hour, and a new error. The first inspection after the end of each reports it, and
// nothing else is reported. `make test-full` runs it.
func TestADayOf200Workloads(t *testing.T) {
	if os.Getenv("DAY") == "" {
		t.Skip("`make test-day` runs it, which takes more than a minute")
	}
	now := time.Now().UTC().Truncate(time.Hour)
	d := day{now: now, incident: now.Add(-(afterIncident + 1) * time.Hour)}
	samples, lines := d.backends(t)
	gate, err := redact.New(redact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	in := Input{
		Metrics: samples, Logs: lines, LogAnalysis: &loganalysis.Options{}, Clock: clock.RealClock{},
		Checks: slices.DeleteFunc(telemetry.Checks(), func(c check.Check) bool { return len(c.Sources) == 0 }),
	}
	seen := map[string][]int{}
	for before := dayInspections - 1; before >= 0; before-- {
		began := time.Now()
		found := d.inspect(t, in, gate, before)
		for _, name := range found {
			seen[name] = append(seen[name], before)
		}
		t.Logf("%d hours before: %d findings, %s", before, len(found), time.Since(began).Round(time.Millisecond))
	}
	inTime := 0
	for name, want := range d.wanted() {
		if got := seen[name]; want.covers(got) {
			inTime++
		} else {
			t.Errorf("%s is reported %v hours before, want it %d hours before, and not more than an hour earlier", name, got, int(want))
		}
		delete(seen, name)
	}
	for name, got := range seen {
		t.Errorf("%s is reported %v hours before, want no finding", name, got)
	}
	t.Logf("%d workloads, %d inspections, %d of them before midnight: %d of %d incidents reported in time, %d false findings",
		dayWorkloads, dayInspections, dayInspections-1-now.Hour(), inTime, len(d.wanted()), len(seen))
}

// inspect returns the findings of the inspection of an hour.
func (d day) inspect(t *testing.T, in Input, gate *redact.Redactor, before int) []string {
	t.Helper()
	g := testkit.Graph(t, d.objects())
	g.Now = d.now.Add(-time.Duration(before) * time.Hour)
	filter := scope.New(g, nil)
	gaps := slices.Concat(readMetrics(t.Context(), in, newTimer(in), filter), readLogs(t.Context(), in, newTimer(in), filter, gate))
	for _, gap := range gaps {
		t.Errorf("%d hours before: gap %+v", before, gap)
	}
	findings, _, failed := check.Run(g, in.Checks, check.DefaultParams())
	if len(failed) > 0 {
		t.Errorf("%d hours before: failed %v", before, failed)
	}
	names := make([]string, 0, len(findings))
	for _, f := range findings {
		t.Logf("%d hours before: %s %s: %+v", before, f.Check, f.Object, f.Evidence)
		names = append(names, fmt.Sprintf("%s %s", f.Check, f.Object))
	}
	return names
}

// atLatest is the inspection, in hours before the last, that must report an incident: the first after its end. One an hour earlier may,
// if the incident has begun.
type atLatest int

func (l atLatest) covers(got []int) bool {
	return slices.Equal(got, []int{int(l)}) || slices.Equal(got, []int{int(l) + 1, int(l)}) && int(l) < afterIncident
}

// wanted are the findings of the day.
func (d day) wanted() map[string]atLatest {
	want := map[string]atLatest{fmt.Sprintf("log-new-error StatefulSet/shop/web-%d", changed): afterIncident}
	for i := range dayOutages {
		latest := atLatest(afterIncident)
		if ends := d.outageOf(failing + i).Add(outageTime); ends.Sub(d.incident) > time.Hour {
			latest--
		}
		want[fmt.Sprintf("error-rate-anomaly Service/shop/web-%d", failing+i)] = latest
	}
	return want
}

// day is what the workloads do.
type day struct {
	now time.Time
	// incident is the beginning of the hour in which the outages begin, and of the new error.
	incident time.Time
}

// outageOf returns when the outage of a workload begins; zero if it has none.
func (d day) outageOf(i int) time.Time {
	if i < failing || i >= failing+dayOutages {
		return time.Time{}
	}
	return d.incident.Add(time.Duration(i-failing) * outageStep)
}

// objects of the cluster.
func (d day) objects() string {
	var text strings.Builder
	for i := range dayWorkloads {
		fmt.Fprintf(&text, `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web-%[1]d, namespace: shop, uid: u%[1]d}
spec: {selector: {matchLabels: {app: web-%[1]d}}, template: {metadata: {labels: {app: web-%[1]d}}, spec: {containers: [{name: app, image: a}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: web-%[1]d-0, namespace: shop, labels: {app: web-%[1]d}, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: web-%[1]d, uid: u%[1]d, controller: true}]}
spec: {containers: [{name: app, image: a}]}
---
apiVersion: v1
kind: Service
metadata: {name: web-%[1]d, namespace: shop}
spec: {selector: {app: web-%[1]d}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data-%[1]d, namespace: shop}
spec: {accessModes: [ReadWriteOnce]}
---`, i)
	}
	return text.String()
}

// backends starts the servers and writes what they have.
func (d day) backends(t *testing.T) (metrics.Provider, logs.Provider) {
	t.Helper()
	egress := provider.Egress{AllowLoopback: true}
	url, _ := servers.Prometheus(t, servers.PrometheusOptions{
		WriteHistory: d.samples, Args: []string{"--storage.tsdb.retention.time=60d"},
	})
	samples, err := prometheus.New(metrics.Settings{Endpoint: provider.Endpoint{URL: url}, Timeout: time.Minute, Egress: egress})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(samples.Close)
	server := servers.StartLoki(t, servers.LokiOptions{Backfill: true})
	lines, err := loki.New(logs.Settings{Endpoint: provider.Endpoint{URL: server.URL}, Timeout: time.Minute, Egress: egress})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lines.Close)
	d.writeLines(t, lines)
	return samples, lines
}

// load of a workload at a time, around 1: it follows the hours of the day, and is lower at weekends.
func (d day) load(r *rand.Rand, i int, at time.Time) float64 {
	hours := d.now.Sub(at).Hours() + float64(i%5)
	level := 1.2 + math.Sin(2*math.Pi*hours/24)
	if int(hours/24)%7 >= 5 {
		level /= 2
	}
	return level * (1 + 0.1*r.NormFloat64())
}

// samples writes requests of more than three weeks, usage and volumes of ten days, and restarts of three.
func (d day) samples(w io.Writer) {
	const (
		scrape = 15 * time.Minute
		total  = "http_requests_total"
	)
	r := rand.New(rand.NewPCG(1, 1))
	each := func(span time.Duration, name string, values func(i int) func(at time.Time) float64) {
		for i := range dayWorkloads {
			value := values(i)
			series := strings.ReplaceAll(name, "#", fmt.Sprint(i))
			step := scrape
			if !d.outageOf(i).IsZero() && strings.HasPrefix(name, total) {
				step = outageStep
			}
			for at := d.now.Add(-span); !at.After(d.now); at = at.Add(step) {
				fmt.Fprintf(w, "%s %.6g %d\n", series, value(at), at.Unix())
			}
		}
	}
	gauge := func(of func(i int, at time.Time) float64) func(int) func(time.Time) float64 {
		return func(i int) func(time.Time) float64 { return func(at time.Time) float64 { return of(i, at) } }
	}
	counter := func(of func(i int, at time.Time) float64) func(int) func(time.Time) float64 {
		return func(i int) func(time.Time) float64 {
			sum := 0.0
			return func(at time.Time) float64 { sum += math.Max(0, math.Round(of(i, at))); return sum }
		}
	}
	const weeks = 24 * 24 * time.Hour
	outage := func(i int, at time.Time) bool {
		age := at.Sub(d.outageOf(i))
		return age > 0 && age <= outageTime
	}
	requests := func(i int, at time.Time) float64 {
		n := 900 * float64(1+i%7) * d.load(r, i, at)
		if !d.outageOf(i).IsZero() {
			n *= outageStep.Minutes() / scrape.Minutes()
		}
		return n
	}
	fmt.Fprintln(w, "# TYPE http_requests counter")
	each(weeks, total+`{namespace="shop",service="web-#",code="200"}`, counter(func(i int, at time.Time) float64 {
		if outage(i, at) {
			return 0
		}
		return requests(i, at)
	}))
	each(weeks, total+`{namespace="shop",service="web-#",code="503"}`, counter(func(i int, at time.Time) float64 {
		if outage(i, at) {
			return requests(i, at)
		}
		return math.Floor(r.Float64() * 1.5)
	}))
	fmt.Fprintln(w, "# TYPE container_cpu_usage_seconds counter")
	pod := `{namespace="shop",pod="web-#-0",container="app"}`
	each(10*24*time.Hour, "container_cpu_usage_seconds_total"+pod, counter(func(i int, at time.Time) float64 {
		return 400 * d.load(r, i, at)
	}))
	fmt.Fprintln(w, "# TYPE container_memory_working_set_bytes gauge")
	each(10*24*time.Hour, "container_memory_working_set_bytes"+pod, gauge(func(i int, at time.Time) float64 {
		return (400 + 100*d.load(r, i, at)) * (1 << 20)
	}))
	fmt.Fprintln(w, "# TYPE kube_pod_container_status_restarts counter")
	each(3*24*time.Hour, "kube_pod_container_status_restarts_total"+pod, gauge(func(int, time.Time) float64 { return 1 }))
	claim := `{namespace="shop",persistentvolumeclaim="data-#"}`
	fmt.Fprintln(w, "# TYPE kubelet_volume_stats_available_bytes gauge")
	each(10*24*time.Hour, "kubelet_volume_stats_available_bytes"+claim, gauge(func(i int, at time.Time) float64 {
		return (40 + 4*d.load(r, i, at)) * (1 << 30)
	}))
	fmt.Fprintln(w, "# TYPE kubelet_volume_stats_capacity_bytes gauge")
	each(26*time.Hour, "kubelet_volume_stats_capacity_bytes"+claim, gauge(func(int, time.Time) float64 { return 100 << 30 }))
}

// writeLines writes two days of lines: each workload logs two lines and two errors an hour.
func (d day) writeLines(t *testing.T, backend logs.Provider) {
	t.Helper()
	formats := []func(at time.Time, message string) string{
		func(at time.Time, message string) string {
			return at.Format("2006-01-02T15:04:05.999Z07:00") + " ERROR [main] shop.Order - " + message
		},
		func(at time.Time, message string) string {
			return "[" + at.Format("Mon Jan _2 15:04:05.000000 2006") + "] [core:error] [pid 7] " + message
		},
		func(at time.Time, message string) string {
			return at.Format("E0102 15:04:05.000000") + "       1 order.go:12] " + message
		},
		func(at time.Time, message string) string {
			return "ERROR backup of " + at.Format("02/Jan/2006:15:04:05 -0700") + ": " + message
		},
	}
	var entries []logs.Entry
	written := 0
	flush := func() {
		written += len(entries)
		if err := backend.(logs.Writer).Write(t.Context(), entries); err != nil {
			t.Fatal(err)
		}
		entries = entries[:0]
	}
	for at := d.now.Add(-49 * time.Hour); at.Before(d.now); at = at.Add(5 * time.Minute) {
		for i := range dayWorkloads {
			labels := map[string]string{
				logs.LabelNamespace: "shop", logs.LabelPod: fmt.Sprintf("web-%d-0", i), logs.LabelContainer: "app",
			}
			minute := (at.Minute() + 5*i) % 30
			at := at.Add(time.Duration(i) * time.Second)
			say := func(line string) { entries = append(entries, logs.Entry{Time: at, Line: line, Labels: labels}) }
			switch {
			case minute == 0:
				say(fmt.Sprintf("%s INFO placed order %d", at.Format(time.RFC3339), at.Unix()))
			case minute == 5:
				say(formats[i%len(formats)](at, "cannot connect to redis"))
			case i == changed && !at.Before(d.incident) && at.Before(d.incident.Add(55*time.Minute)):
				say(formats[i%len(formats)](at, "cannot connect to postgres"))
			}
		}
		if len(entries) >= 4000 {
			flush()
		}
	}
	flush()
	d.wait(t, backend)
	t.Logf("%d lines in four formats of dates", written)
}

// wait until the last lines are found.
func (d day) wait(t *testing.T, backend logs.Provider) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		page, err := backend.Search(ctx, logs.Query{Start: d.now.Add(-10 * time.Minute), End: d.now, Limit: 1})
		if err == nil && len(page.Entries) > 0 {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the lines are not found: %v", err)
		case <-ticker.C:
		}
	}
}
