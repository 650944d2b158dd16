package fluentd

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// file is the log file of a container, as a container runtime writes it: collectors find it by a symbolic link.
type file struct {
	t      *testing.T
	pod    string
	path   string
	link   string
	handle *os.File
	line   int
	// shift of the node's clock.
	shift time.Duration
}

func (c *collector) file(namespace, pod string) *file {
	c.t.Helper()
	id := fmt.Sprintf("%x", sha256.Sum256([]byte(namespace+"/"+pod))) // of the container
	f := &file{t: c.t, pod: pod, path: filepath.Join(c.root, "pods", namespace+"_"+pod+"_"+id, "main", "0.log")}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		c.t.Fatal(err)
	}
	f.open()
	f.link = filepath.Join(c.root, "logs", pod+"_"+namespace+"_main-"+id+".log")
	if err := os.Symlink(f.path, f.link); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = f.handle.Close() })
	return f
}

func (f *file) open() {
	f.t.Helper()
	handle, err := os.OpenFile(f.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		f.t.Fatal(err)
	}
	f.handle = handle
}

// rotate as the kubelet does: the file gets another name, and a new one is created.
func (f *file) rotate() {
	f.t.Helper()
	if err := os.Rename(f.path, f.path+".20260101-000000"); err != nil {
		f.t.Fatal(err)
	}
	old := f.handle
	f.open()
	if err := old.Close(); err != nil {
		f.t.Fatal(err)
	}
}

// raw writes what is not a numbered line.
func (f *file) raw(flag, text string) {
	f.t.Helper()
	if _, err := fmt.Fprintf(f.handle, "%s stdout %s %s\n", time.Now().Add(f.shift).UTC().Format("2006-01-02T15:04:05.000000000Z07:00"), flag, text); err != nil {
		f.t.Fatal(err)
	}
}

// numbered writes a line with its number and the time.
func (f *file) numbered() {
	f.line++
	f.raw("F", fmt.Sprintf("line %d at %d %s", f.line, time.Now().UnixMilli(), strings.Repeat("x", 80)))
}

// write numbered lines at a rate for some time.
func (f *file) write(perSecond int, during time.Duration) {
	const step = 20 * time.Millisecond
	tick := time.NewTicker(step)
	defer tick.Stop()
	begin := time.Now()
	from := f.line
	for now := range tick.C {
		elapsed := min(now.Sub(begin), during)
		for f.line-from < int(elapsed.Seconds()*float64(perSecond)) {
			f.numbered()
		}
		if elapsed >= during {
			return
		}
	}
}

// front is what stands before a real server: it sees which lines the server accepted, and when. It can be away.
type front struct {
	t      *testing.T
	server *httptest.Server
	down   atomic.Bool
	refuse atomic.Bool

	mu   sync.Mutex
	seen map[string][]arrival // by Pod
}

type arrival struct {
	number  int
	latency time.Duration
}

func newFront(t *testing.T, to string) *front {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{t: t, seen: map[string][]arrival{}}
	proxy := httputil.NewSingleHostReverseProxy(target)
	f.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case f.down.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		case f.refuse.Load():
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		content, err := io.ReadAll(r.Body)
		if err != nil {
			t.Log(err)
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(content)))
		record := httptest.NewRecorder()
		proxy.ServeHTTP(record, r)
		for name, values := range record.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(record.Code)
		_, _ = w.Write(record.Body.Bytes())
		if record.Code == http.StatusOK {
			f.accepted(content)
		}
	}))
	t.Cleanup(f.server.Close)
	return f
}

func (f *front) accepted(compressed []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	reader, err := gzip.NewReader(strings.NewReader(string(compressed)))
	if err != nil {
		f.t.Error(err)
		return
	}
	scanner := bufio.NewScanner(reader)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var event struct {
			Message    string `json:"message"`
			Kubernetes struct {
				Pod string `json:"pod_name"`
			} `json:"kubernetes"`
		}
		if json.Unmarshal(scanner.Bytes(), &event) != nil || event.Message == "" {
			continue
		}
		one := arrival{}
		if fields := strings.Fields(event.Message); len(fields) > 3 && fields[0] == "line" {
			one.number, _ = strconv.Atoi(fields[1])
			milliseconds, _ := strconv.ParseInt(fields[3], 10, 64)
			one.latency = time.Since(time.UnixMilli(milliseconds))
		}
		f.seen[event.Kubernetes.Pod] = append(f.seen[event.Kubernetes.Pod], one)
	}
}

func (f *front) of(pod string) []arrival {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.seen[pod])
}

// result of the lines of a Pod.
type result struct {
	lines, lost, doubled, disordered int
	p50, p99                         time.Duration
}

// wait until as many lines of a Pod arrived as were written.
func (f *front) wait(pod string, written int, limit time.Duration) result {
	f.t.Helper()
	eventually(f.t, limit, func() error {
		numbers := map[int]bool{}
		for _, one := range f.of(pod) {
			numbers[one.number] = true
		}
		if delete(numbers, 0); len(numbers) < written {
			return fmt.Errorf("%d of %d lines of %s arrived", len(numbers), written, pod)
		}
		return nil
	})
	return f.result(pod, written)
}

func (f *front) result(pod string, written int) result {
	out := result{lines: written}
	seen := map[int]bool{}
	last := 0
	var latencies []time.Duration
	for _, one := range f.of(pod) {
		switch {
		case one.number == 0:
			continue
		case seen[one.number]:
			out.doubled++
		case one.number < last:
			out.disordered++
		}
		seen[one.number] = true
		last = max(last, one.number)
		latencies = append(latencies, one.latency)
	}
	out.lost = written - len(seen)
	slices.Sort(latencies)
	if n := len(latencies); n > 0 {
		out.p50, out.p99 = latencies[n/2], latencies[n*99/100]
	}
	return out
}
