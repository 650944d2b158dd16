package loganalysis

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/loki"
	"kubeops.io/kubeops/internal/redact"
	"kubeops.io/kubeops/internal/testkit"
)

const (
	// million lines are an hour of 40,000, and a day of as many each hour before.
	million     = 1_000_000
	everyLine   = 90 * time.Millisecond
	workloads   = 250
	podsOfEach  = 3
	peakBound   = 150 << 20
	childEnv    = "KUBEOPS_TEST_MILLION_LINES"
	brokenSince = 20 * time.Minute
)

// generator generates the lines of a cluster by their number, without storing them.
type generator struct {
	start  time.Time
	labels []map[string]string
}

func newGenerator() *generator {
	g := &generator{start: testkit.Now().Add(-25 * time.Hour)}
	for w := range workloads {
		for p := range podsOfEach {
			g.labels = append(g.labels, map[string]string{
				logs.LabelNamespace: namespaceOf(w), logs.LabelPod: fmt.Sprintf("app%d-%d", w, p), logs.LabelContainer: "app",
			})
		}
	}
	return g
}

func namespaceOf(workload int) string { return fmt.Sprintf("team%d", workload%20) }

// entry returns the line of a number. One in five belongs to an error; there are traces, JSON and lines without a level.
func (g *generator) entry(n int) logs.Entry {
	random := rand.New(rand.NewPCG(uint64(n), 5))
	at := g.start.Add(time.Duration(n) * everyLine)
	stream := n / 4 % len(g.labels) // four lines of one stream follow each other, as those of a trace do
	return logs.Entry{Time: at, Labels: g.labels[stream], Line: g.text(n, stream/podsOfEach, at, random)}
}

func (g *generator) text(n, workload int, at time.Time, random *rand.Rand) string {
	late := testkit.Now().Sub(at) < brokenSince
	switch {
	case n%4 == 0 && workload == 7 && late:
		return fmt.Sprintf("%s ERROR ledger %d does not balance: off by %d cents", at.Format(time.RFC3339), random.IntN(1e6),
			random.IntN(1e4))
	case n%4 <= 2 && workload == 9 && late:
		return fmt.Sprintf("%s ERROR upstream %d answered 503 after %dms", at.Format(time.RFC3339), random.IntN(9), random.IntN(900))
	case n%4 == 3 && workload == 9 && random.IntN(8) == 0:
		return fmt.Sprintf("%s ERROR upstream %d answered 503 after %dms", at.Format(time.RFC3339), random.IntN(9), random.IntN(900))
	}
	if n/4%5 == 0 { // an error with a trace of Java
		return [...]string{
			fmt.Sprintf("%s ERROR [exec-%d] c.shop.Service%d - order %d of user u%d failed", at.Format(time.RFC3339Nano), random.IntN(200), workload, random.IntN(1e6), random.IntN(1e5)),
			fmt.Sprintf("java.lang.IllegalStateException: no room in slot %d", random.IntN(1000)),
			fmt.Sprintf("\tat com.shop.Order.place(Order.java:%d)", random.IntN(100)),
			fmt.Sprintf("Caused by: java.io.IOException: connection to 10.0.%d.%d:5432 reset", random.IntN(256), random.IntN(256)),
		}[n%4]
	}
	switch random.IntN(5) {
	case 0:
		return fmt.Sprintf(
			`{"level":"info","ts":"%s","msg":"handled request","path":"/api/v1/orders/%d","status":200,"ms":%d,"trace":"%016x"}`,
			at.Format(time.RFC3339Nano),
			random.IntN(1e6),
			random.IntN(900),
			random.Uint64(),
		)
	case 1:
		return fmt.Sprintf(`10.1.2.%d - - [%s] "GET /static/app.%08x.js HTTP/1.1" 200 %d "-" "Mozilla/5.0 (X11; Linux x86_64) %s"`,
			random.IntN(256), at.Format(time.RFC1123), random.Uint32(), random.IntN(1e6), strings.Repeat("pad ", random.IntN(60)))
	case 2:
		return fmt.Sprintf("I0115 12:00:00.%06d       1 reconciler.go:%d] synced pod cart-%08x", random.IntN(1e6), random.IntN(900),
			random.Uint32())
	case 3: // an error that hardly ever repeats
		return fmt.Sprintf("%s error: %x says %x about %x", at.Format(time.RFC3339), random.IntN(40), random.Uint32(), random.Uint32())
	}
	return fmt.Sprintf("consumer group=orders partition=%d offset=%d lag=%d", random.IntN(32), random.IntN(1e9), random.IntN(1e4))
}

// between returns the numbers of the lines in a period.
func (g *generator) between(start, end time.Time) (first, beyond int) {
	number := func(at time.Time) int {
		return sort.Search(million, func(n int) bool { return !g.start.Add(time.Duration(n) * everyLine).Before(at) })
	}
	return number(start), number(end)
}

// streaming is a log backend that generates each page on request.
type streaming struct {
	*generator
	logs.Provider
	searches int
}

func (s *streaming) Search(_ context.Context, q logs.Query) (logs.Page, error) {
	s.searches++
	first, beyond := s.between(q.Start, q.End)
	if q.Cursor != "" {
		first, _ = strconv.Atoi(q.Cursor)
	}
	var page logs.Page
	for n := first; n < beyond; n++ {
		if len(page.Entries) == q.Limit {
			page.Next = strconv.Itoa(n)
			break
		}
		page.Entries = append(page.Entries, s.entry(n))
	}
	return page, nil
}

// graph of all workloads.
func (g *generator) graph() *facts.Graph {
	builder := facts.NewBuilder("test", testkit.Now())
	for w := range workloads {
		owner := facts.Ref{Kind: facts.StatefulSet, Namespace: namespaceOf(w), Name: fmt.Sprintf("app%d", w)}
		builder.Add(&facts.WorkloadNode{Meta: facts.Meta{Ref: owner}})
		for p := range podsOfEach {
			pod := facts.Ref{Kind: facts.Pod, Namespace: owner.Namespace, Name: fmt.Sprintf("%s-%d", owner.Name, p)}
			builder.Add(&facts.PodNode{Meta: facts.Meta{Ref: pod, Owner: owner, Owned: true}, Phase: "Running"})
		}
	}
	for _, kind := range testkit.Kinds() {
		builder.Covered(kind, "")
	}
	return builder.Graph()
}

// TestMillionLinesStayBelow150MiB reads a million lines in a separate process, whose peak memory the kernel measures:
// once from a function, once from a server with Loki's HTTP API.
func TestMillionLinesStayBelow150MiB(t *testing.T) {
	server := httptest.NewServer(&fakeLoki{generator: newGenerator()})
	defer server.Close()
	for name, source := range map[string]string{"streamed by a function": "function", "streamed over HTTP": server.URL} {
		t.Run(name, func(t *testing.T) {
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			child := exec.CommandContext(t.Context(), self, "-test.run=^TestChildThatReadsAMillionLines$", "-test.v")
			child.Env = append(os.Environ(), childEnv+"="+source, "GOGC=100", "GOMEMLIMIT=off") // as the manager runs
			output, err := child.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, output)
			}
			told := regexp.MustCompile(`peak (\d+) bytes, (.*)`).FindStringSubmatch(string(output))
			if told == nil {
				t.Fatalf("no peak in:\n%s", output)
			}
			peak, err := strconv.Atoi(told[1])
			if err != nil || peak > peakBound || peak < 1<<20 {
				t.Errorf("the peak is %d MiB, want at most %d MiB", peak>>20, peakBound>>20)
			}
			t.Logf("peak %.1f MiB; %s", float64(peak)/(1<<20), told[2])
		})
	}
}

// TestChildThatReadsAMillionLines is the child process of the test above.
func TestChildThatReadsAMillionLines(t *testing.T) {
	source := os.Getenv(childEnv)
	if source == "" {
		return
	}
	g := newGenerator()
	var backend logs.Provider = &streaming{generator: g}
	if source != "function" {
		var err error
		if backend, err = loki.New(logs.Settings{Endpoint: provider.Endpoint{URL: source}, Timeout: time.Minute, Egress: provider.Egress{AllowLoopback: true}}); err != nil {
			t.Fatal(err)
		}
		defer backend.Close()
	}
	graph := g.graph()
	in := Input{
		Provider: backend, Graph: graph, Scope: scope.New(graph, nil), Wanting: []string{"x"},
		Options: Options{MaxLines: 2 * million}.withDefaults(), Redact: gate(t).Text,
	}
	began := time.Now()
	namespaces, _ := namespacesOf(in)
	r := newReader(in)
	gaps := r.collect(t.Context(), time.Hour, namespaces)
	took := time.Since(began)
	if r.read != million || r.foreign > 0 || graph.Logs() == nil || graph.Logs().Covered != 1 || graph.Logs().BaselineCovered != 1 {
		t.Fatalf("%d lines were read, %d of nobody; %+v, gaps %v", r.read, r.foreign, graph.Logs(), gaps)
	}
	found := told(graph.Logs())
	for _, want := range []string{
		"StatefulSet/team7/app7 new 15 (15, usually 0): <time> ERROR ledger <num> does not balance: off by <num> cents",
		"StatefulSet/team9/app9 surge ",
	} {
		if !strings.Contains(found, want) {
			t.Errorf("no %q in:\n%.3000s", want, found)
		}
	}
	if n := strings.Count(found, "\n"); n > 5 {
		t.Errorf("%d templates are told, want few:\n%.3000s", n, found)
	}
	fmt.Printf("peak %d bytes, %d lines in %.1f s (%.0f a second), %d templates kept\n", peakOfThisProcess(t), r.read, took.Seconds(),
		float64(r.read)/took.Seconds(), r.pool.Used())
}

// peakOfThisProcess returns VmHWM of /proc/self/status: the peak of resident memory.
func peakOfThisProcess(t *testing.T) int {
	t.Helper()
	file, err := os.Open("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		if value, ok := strings.CutPrefix(scanner.Text(), "VmHWM:"); ok {
			kibibytes, err := strconv.Atoi(strings.Fields(value)[0])
			if err != nil {
				t.Fatal(err)
			}
			return kibibytes << 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
}

// fakeLoki serves the lines of a generator with Loki's API.
type fakeLoki struct{ *generator }

func (f *fakeLoki) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("direction") == "" { // names of labels
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": []string{"namespace", "pod", "container"}})
		return
	}
	nanos := func(name string) time.Time {
		n, _ := strconv.ParseInt(r.FormValue(name), 10, 64)
		return time.Unix(0, n)
	}
	limit, _ := strconv.Atoi(r.FormValue("limit"))
	first, beyond := f.between(nanos("start"), nanos("end"))
	type stream struct {
		Stream map[string]string `json:"stream"`
		Values [][2]string       `json:"values"`
	}
	streams := map[string]*stream{}
	var result []*stream
	for n := first; n < min(beyond, first+limit); n++ {
		e := f.entry(n)
		s := streams[e.Labels[logs.LabelPod]]
		if s == nil {
			s = &stream{Stream: e.Labels}
			streams[e.Labels[logs.LabelPod]] = s
			result = append(result, s)
		}
		s.Values = append(s.Values, [2]string{strconv.FormatInt(e.Time.UnixNano(), 10), e.Line})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": map[string]any{"resultType": "streams", "result": result}})
}

func BenchmarkCollect(b *testing.B) {
	g := newGenerator()
	b.ReportAllocs()
	lines := 0
	for range b.N {
		b.StopTimer()
		graph := g.graph()
		in := Input{
			Provider: &pages{g: g}, Graph: graph, Scope: scope.New(graph, nil), Wanting: []string{"x"}, Redact: gate(b).Text,
			Options: Options{Window: time.Hour, Baseline: time.Hour}.withDefaults(),
		}
		in.Provider.(*pages).fill(in.Graph.Now)
		b.StartTimer()
		r := newReader(in)
		r.collect(context.Background(), time.Hour, nil)
		lines += r.read
	}
	b.ReportMetric(float64(lines)/b.Elapsed().Seconds(), "lines/s")
}

// pages holds two hours of generated lines.
type pages struct {
	logs.Provider
	g       *generator
	first   int
	entries []logs.Entry
}

func (p *pages) fill(now time.Time) {
	first, beyond := p.g.between(now.Add(-2*time.Hour), now)
	p.first = first
	for n := first; n < beyond; n++ {
		p.entries = append(p.entries, p.g.entry(n))
	}
}

func (p *pages) Search(_ context.Context, q logs.Query) (logs.Page, error) {
	first, beyond := p.g.between(q.Start, q.End)
	if q.Cursor != "" {
		first, _ = strconv.Atoi(q.Cursor)
	}
	end := min(beyond, first+q.Limit)
	page := logs.Page{Entries: p.entries[first-p.first : end-p.first]}
	if end < beyond {
		page.Next = strconv.Itoa(end)
	}
	return page, nil
}

func gate(t testing.TB) *redact.Redactor {
	t.Helper()
	r, err := redact.New(redact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}
