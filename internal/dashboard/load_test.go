package dashboard

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	loadViewers = 100
	loadPods    = 10_000
	// serverProcess is set in the environment of a process of this test that is the server: to the path of its configuration.
	serverProcess = "DASHBOARD_SERVER_PROCESS"
	// shippedMemory is GOMEMLIMIT as config/dashboard sets it.
	shippedMemory = "192MiB"
)

// loadUsers are the viewers of the test of load, all in one group.
func loadUsers() string {
	var all strings.Builder
	for i := range loadViewers {
		fmt.Fprintf(&all, "viewer-%d-token,viewer-%d,v%d,\"team-load\"\n", i, i, i)
	}
	return all.String()
}

// processConfig is how the process reaches the API server.
type processConfig struct {
	Host, Token string
	CA          []byte
}

// serveInProcess is the server of the test of load: it prints its address, and ends with its standard input.
func serveInProcess(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var config processConfig
	if err := json.Unmarshal(content, &config); err != nil {
		return err
	}
	server, err := New(context.Background(), Options{Logger: logr.Discard(), Config: &rest.Config{
		Host: config.Host, BearerToken: config.Token, TLSClientConfig: rest.TLSClientConfig{CAData: config.CA},
	}})
	if err != nil {
		return err
	}
	web := httptest.NewServer(server.Handler())
	defer web.Close()
	fmt.Println(web.URL)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// startServerProcess with the permissions of the shipped ServiceAccount. It returns its address and process ID.
func (w *world) startServerProcess(t *testing.T) (url string, pid int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.json")
	config, err := json.Marshal(processConfig{w.dashboard.Host, w.dashboard.BearerToken, w.dashboard.CAData})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, config, 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), serverProcess+"="+path, "GOMEMLIMIT="+shippedMemory)
	command.Stderr = &logWriter{t}
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = command.Wait()
	})
	url, err = bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(url), command.Process.Pid
}

// memoryOf a process in MiB: resident now, and at most so far.
func memoryOf(t *testing.T, pid int) (now, most int) {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			continue
		}
		kilobytes, _ := strconv.Atoi(fields[1])
		switch fields[0] {
		case "VmRSS:":
			now = kilobytes >> 10
		case "VmHWM:":
			most = kilobytes >> 10
		}
	}
	return now, most
}

func loadPod(name string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "load", Name: name, Labels: map[string]string{"app": "load"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "registry.example.com/load:1"}}},
	}
}

func (w *world) fillLoad(t *testing.T) {
	t.Helper()
	w.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "load"}})
	for _, role := range []string{"reader", viewerRole} {
		w.create(t, &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "load-" + role}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.GroupKind, Name: "team-load", APIGroup: rbacv1.GroupName}},
		})
	}
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(16)
	for i := range loadPods {
		group.Go(func() error { return w.client.Create(ctx, loadPod(fmt.Sprintf("load-%05d", i))) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

// until a message holds, for a page that is read by another goroutine than that of the test.
func (p *livePage) until(ctx context.Context, holds func(liveMessage) bool) error {
	for {
		_, content, err := p.socket.Read(ctx)
		if err != nil {
			return err
		}
		var message liveMessage
		if err := json.Unmarshal(content, &message); err != nil {
			return err
		}
		if message.Type == "end" {
			return fmt.Errorf("the server ended topic %d: %+v", message.ID, message.Problem)
		}
		if holds(message) {
			return nil
		}
	}
}

// TestAHundredViewersOfTenThousandPods measures the server in a process of its own, on a real API server.
func TestAHundredViewersOfTenThousandPods(t *testing.T) {
	if os.Getenv("LOAD") == "" {
		t.Skip("`make test-dashboard-load` runs it")
	}
	w := newWorld(t)
	w.fillLoad(t)
	url, pid := w.startServerProcess(t)
	idle, _ := memoryOf(t, pid)

	t.Run("the first rows are there within a second, while the rest is still being listed", func(t *testing.T) {
		firstRowsWithinASecond(t, url)
	})
	t.Run("the server stays below 150 MiB, and all viewers see a change", func(t *testing.T) {
		const limit = 150
		slowest := w.watchAndChange(t, url)
		now, most := memoryOf(t, pid)
		t.Logf("resident: %d MiB idle, %d MiB with %d viewers, %d MiB at most; the last of them saw a change after %s", idle, now, loadViewers, most, slowest)
		if most >= limit {
			t.Errorf("the server had %d MiB, want below %d", most, limit)
		}
	})
}

func firstRowsWithinASecond(t *testing.T, url string) {
	page := openPage(t, url, token("viewer-0"))
	page.next("hello", ofType("hello"))
	start := time.Now()
	page.send(`{"op":"sub","id":1,"topic":"rows","resource":"pods","window":[0,100]}`)
	first := page.next("with rows", func(m liveMessage) bool { return m.Rows != nil && len(m.Rows.Set) > 0 })
	took := time.Since(start)
	if took > time.Second || !first.Rows.Partial || len(first.Rows.Set) != 100 {
		t.Errorf("%d rows after %s, partial %v", len(first.Rows.Set), took, first.Rows.Partial)
	}
	page.next("with all rows", func(m liveMessage) bool { return m.Rows != nil && !m.Rows.Partial && m.Rows.All >= loadPods })
	t.Logf("the first rows after %s, all %d after %s", took, loadPods, time.Since(start))
}

// watchAndChange opens all viewers, makes changes, and waits until each has the last one. It returns how long the slowest took.
func (w *world) watchAndChange(t *testing.T, url string) (slowest time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	digits := ""
	for i := range loadViewers {
		digits += fmt.Sprintf("%02d", i)
	}
	last := loadPod("aaa-" + digits) // the first by name and the youngest, and every search finds it
	var changed atomic.Int64         // when the API server had accepted it
	var ready errgroup.Group
	viewers, viewersCtx := errgroup.WithContext(ctx)
	delays := make([]time.Duration, loadViewers)
	for i := range loadViewers {
		page := openPage(t, url, token(fmt.Sprintf("viewer-%d", i)))
		question := "" // half of them look at all Pods, and the others each at something else
		if i%2 == 1 {
			question = fmt.Sprintf(`"q":"%02d","sort":"Age",`, i)
		}
		page.send(`{"op":"sub","id":1,"topic":"overview"}`)
		page.send(`{"op":"sub","id":2,"topic":"rows","resource":"pods",` + question + `"window":[0,200]}`)
		there := make(chan struct{})
		ready.Go(func() error {
			select {
			case <-there:
				return nil
			case <-viewersCtx.Done():
				return context.Cause(viewersCtx)
			}
		})
		viewers.Go(func() error {
			err := page.until(viewersCtx, func(m liveMessage) bool { return m.Rows != nil && !m.Rows.Partial && m.Rows.All >= loadPods })
			if err != nil {
				return fmt.Errorf("viewer %d has not got all rows: %w", i, err)
			}
			close(there)
			err = page.until(viewersCtx, func(m liveMessage) bool {
				return m.ID == 2 && m.Rows != nil && len(m.Rows.Set) > 0 && m.Rows.Set[0].Row.Name == last.Name
			})
			if at := changed.Load(); at != 0 {
				delays[i] = time.Since(time.Unix(0, at))
			}
			return err
		})
	}
	if err := ready.Wait(); err != nil {
		t.Fatal(errors.Join(err, viewers.Wait()))
	}
	w.changePods(t)
	if err := w.client.Create(ctx, last); err != nil {
		t.Fatal(err)
	}
	changed.Store(time.Now().UnixNano())
	if err := viewers.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, delay := range delays {
		slowest = max(slowest, delay)
	}
	return slowest
}

// changePods 20 times a second, for 15 seconds.
func (w *world) changePods(t *testing.T) {
	t.Helper()
	const changes = 300
	pace := rate.NewLimiter(20, 1)
	for i := range changes {
		if err := pace.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"metadata":{"labels":{"change":"%d"}}}`, i))
		if err := w.client.Patch(t.Context(), loadPod(fmt.Sprintf("load-%05d", i*7)), patch); err != nil {
			t.Fatal(err)
		}
	}
}
