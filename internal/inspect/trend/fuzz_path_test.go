package trend

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks/telemetry"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/metrics/prometheus"
)

// odd is a server with Prometheus' API that returns the same points for every series.
type odd struct {
	t      testing.TB
	mutex  sync.Mutex
	points string
	newest string
}

// set the points, and the newest value.
func (o *odd) set(points, newest string) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.points = points
	o.newest = newest
}

func (o *odd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	w.Header().Set("Content-Type", "application/json")
	query := r.FormValue("query")
	switch r.URL.Path {
	case "/api/v1/label/__name__/values":
		names := []string{
			claimSpace().free, claimInodes().free, restartsMetric, cpuMetric, memoryMetric, "http_requests_total",
			"http_request_duration_seconds_bucket",
		}
		fmt.Fprintf(w, `{"status":"success","data":["%s"]}`, strings.Join(names, `","`))
	case "/api/v1/labels":
		fmt.Fprint(w, `{"status":"success","data":["code","namespace","service"]}`)
	case "/api/v1/query":
		o.respond(w, "vector", query, fmt.Sprintf(`"value":[%d,"%s"]`, noon().Unix(), o.newest))
	case "/api/v1/query_range":
		o.respond(w, "matrix", query, `"values":[`+o.points+`]`)
	default:
		o.t.Errorf("unexpected path %s", r.URL.Path)
	}
}

// respond with a series for each object that a query is about.
func (o *odd) respond(w http.ResponseWriter, kind, query, values string) {
	const (
		claim = `"namespace":"shop","persistentvolumeclaim":"data"`
		owner = `"namespace":"shop","kubeops_owner":"api"`
		pod   = `"namespace":"shop","pod":"api-6d4cf56db6-x2k4p"`
		web   = `"namespace":"shop","service":"api"`
	)
	var labels []string
	switch {
	case strings.Contains(query, kindLabel):
		labels = []string{claim + `,"kubeops_kind":"space"`, claim + `,"kubeops_kind":"inodes"`}
	case strings.Contains(query, suspectLabel) && kind == "vector":
		labels = []string{
			pod + `,"kubeops_suspect":"restarts"`, owner + `,"kubeops_suspect":"CPU"`, owner + `,"kubeops_suspect":"memory"`,
			`"kubeops_suspect":"measured"`,
		}
	case strings.Contains(query, suspectLabel):
		labels = []string{owner + `,"kubeops_suspect":"CPU"`, owner + `,"kubeops_suspect":"memory"`}
	case strings.Contains(query, restartsMetric):
		labels = []string{pod, ""}
	case strings.Contains(query, outcomeLabel):
		labels = []string{web + `,"kubeops_outcome":"failed"`, web + `,"kubeops_outcome":"all"`}
	case strings.Contains(query, "http_"):
		labels = []string{web}
	case strings.Contains(query, "persistentvolumeclaim"):
		labels = []string{claim}
	}
	series := make([]string, len(labels))
	for i, l := range labels {
		series[i] = `{"metric":{` + l + `},` + values + `}`
	}
	fmt.Fprintf(w, `{"status":"success","data":{"resultType":"%s","result":[%s]}}`, kind, strings.Join(series, ","))
}

// text returns a value as Prometheus writes it.
func text(value float64) string {
	switch {
	case math.IsNaN(value):
		return "NaN"
	case math.IsInf(value, 1):
		return "+Inf"
	case math.IsInf(value, -1):
		return "-Inf"
	}
	return strconv.FormatFloat(value, 'g', -1, 64)
}

// oddities are bits that change a series.
const (
	withGaps = 1 << iota
	withResets
	withNaN
	withInf
	withNegative
	withJump
	withHugeEnd
	backwards
)

// seriesOf returns points in steps of 30 minutes, some of which are odd, the newest value, and the time from the first usable one.
func seriesOf(raw []byte, count int, oddities uint8, jump int16) (points, newest string, history time.Duration) {
	end := noon()
	var all []string
	for i := range count {
		value := 1000.0
		if len(raw) >= 8 {
			at := i * 8 % (len(raw) - len(raw)%8)
			value = math.Float64frombits(binary.LittleEndian.Uint64(raw[at:]))
		}
		at := end.Add(-time.Duration(count-1-i) * stepRate)
		switch {
		case oddities&withGaps != 0 && i%7 < 2:
			continue
		case oddities&withResets != 0:
			value = float64(i % 48)
		case oddities&withNaN != 0 && i%5 == 0:
			value = math.NaN()
		case oddities&withInf != 0 && i%11 == 0:
			value = math.Inf(i%2 - 1)
		case oddities&withNegative != 0 && i%3 == 0:
			value = -value
		case oddities&withHugeEnd != 0 && i >= count-3:
			value = math.MaxFloat64
		}
		if oddities&withJump != 0 && i > count/2 {
			at = at.Add(time.Duration(jump) * time.Minute)
		}
		if age := end.Sub(at); metrics.Usable(value) && age > history {
			history = age
		}
		newest = text(value)
		all = append(all, fmt.Sprintf(`[%d,"%s"]`, at.Unix(), newest))
	}
	if oddities&backwards != 0 {
		for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
			all[i], all[j] = all[j], all[i]
		}
	}
	if newest == "" {
		newest = "0"
	}
	return strings.Join(all, ","), newest, history
}

// FuzzSeries takes odd series from the response of a server to findings: they are bounded and have no number that is none, and where less
// than a day is known, nothing but what is full now is reported, and there are gaps.
func FuzzSeries(f *testing.F) {
	server := &odd{t: f}
	listener := httptest.NewServer(server)
	f.Cleanup(listener.Close)
	p, err := prometheus.New(metrics.Settings{
		Endpoint: provider.Endpoint{URL: listener.URL}, Timeout: 30 * time.Second, Egress: provider.Egress{AllowLoopback: true},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(p.Close)
	for bit := range 9 {
		f.Add([]byte{}, uint16(1344), uint8(1<<bit), int16(90))
	}
	random := make([]byte, 64*8)
	for i := range random {
		random[i] = byte(i * 37)
	}
	f.Add(random, uint16(1344), uint8(0), int16(0))
	f.Add(random, uint16(1344), uint8(255), int16(-3000))
	f.Add([]byte{}, uint16(1), uint8(0), int16(0))
	f.Add(random, uint16(2), uint8(withHugeEnd), int16(0))
	f.Add([]byte{}, uint16(0), uint8(0), int16(0))
	f.Add(random, uint16(400), uint8(withJump|withHugeEnd), int16(20000))
	notNumbers := regexp.MustCompile(`NaN|[-+]Inf|\bInf\b`)
	f.Fuzz(func(t *testing.T, raw []byte, count uint16, oddities uint8, jump int16) {
		points, newest, history := seriesOf(raw, int(count)%1400, oddities, jump)
		server.set(points, newest)
		g := shop(t)
		gaps := Collect(t.Context(), Input{Provider: p, Graph: g, Wanting: wanting(trendSources()...)})
		if len(gaps) > 2*len(trendSources()) {
			t.Errorf("%d gaps", len(gaps))
		}
		young := 0
		for _, gap := range gaps {
			if gap.Message == "" || gap.Remediation == "" || notNumbers.MatchString(gap.Message) {
				t.Errorf("gap %+v", gap)
			}
			if gap.Optional {
				young++
			}
		}
		var checks []check.Check
		for _, c := range telemetry.Checks() {
			if len(c.Sources) > 0 {
				checks = append(checks, c)
			}
		}
		findings, _, failed := check.Run(g, checks, check.DefaultParams())
		if len(failed) > 0 || len(findings) > 20 {
			t.Errorf("%d findings, failed %v", len(findings), failed)
		}
		for _, found := range findings {
			for _, e := range found.Evidence {
				if notNumbers.MatchString(e.Text) || len(e.Text) > 1000 {
					t.Errorf("%s: %s", found.Check, e.Text)
				}
			}
			if history < 24*time.Hour && found.Check != "pvc-nearly-full" {
				t.Errorf("%s after %s: %+v", found.Check, history, found)
			}
		}
		if history > 0 && history < 24*time.Hour && young == 0 && len(gaps) == 0 {
			t.Errorf("no gap after %s", history)
		}
		for _, fill := range g.Trends().Fills {
			if !usable(fill.Free) || !usable(fill.PerDay) || fill.Until < 0 {
				t.Errorf("%+v", fill)
			}
		}
		if len(g.Trends().Anomalies) > 0 {
			for _, a := range g.Trends().Anomalies {
				if a.Object == (facts.Ref{}) || math.IsNaN(a.Score) || !usable(a.Now) || !usable(a.Usual) {
					t.Errorf("%+v", a)
				}
			}
		}
	})
}
