package testkit

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// restartTimeout of an API server and its etcd, on a busy machine.
const restartTimeout = 2 * time.Minute

// Snapshot copies the data of etcd, and returns the folder of the copy.
func (c *Cluster) Snapshot() string {
	c.t.Helper()
	etcd := c.etcd()
	copied := filepath.Join(c.t.TempDir(), "snapshot")
	// A process that stands still has written as much as one that was killed, which etcd can start from.
	if err := syscall.Kill(etcd.pid, syscall.SIGSTOP); err != nil {
		c.t.Fatal(err)
	}
	err := os.CopyFS(copied, os.DirFS(etcd.flag(c.t, "data-dir")))
	if err := errors.Join(err, syscall.Kill(etcd.pid, syscall.SIGCONT)); err != nil {
		c.t.Fatalf("copy the data of etcd: %v", err)
	}
	return copied
}

// Kill ends the API server at once. Start starts it again.
func (c *Cluster) Kill() {
	c.t.Helper()
	c.server = processOf(c.t, c.pid)
	c.server.kill(c.t)
}

// Start starts an API server that was killed, and waits until it is ready.
func (c *Cluster) Start() {
	c.t.Helper()
	c.pid = c.server.start(c.t)
	c.awaitReady()
}

// Restore kills the cluster and starts it again at the same address with the data of a snapshot, or, if it is empty, without data: that is
// another cluster with the same certificates.
func (c *Cluster) Restore(snapshot string) {
	c.t.Helper()
	etcd := c.etcd()
	c.Kill()
	etcd.kill(c.t)
	data := etcd.flag(c.t, "data-dir")
	if err := os.RemoveAll(data); err != nil {
		c.t.Fatal(err)
	}
	if snapshot == "" {
		if err := os.Mkdir(data, 0o700); err != nil {
			c.t.Fatal(err)
		}
	} else if err := os.CopyFS(data, os.DirFS(snapshot)); err != nil {
		c.t.Fatal(err)
	}
	etcd.start(c.t)
	c.Start()
}

// awaitReady waits until the API server is ready.
func (c *Cluster) awaitReady() {
	c.t.Helper()
	client, err := rest.HTTPClientFor(c.Config)
	if err != nil {
		c.t.Fatal(err)
	}
	server, _, err := rest.DefaultServerUrlFor(c.Config)
	if err != nil {
		c.t.Fatal(err)
	}
	await(c.t, "the API server is ready", func(ctx context.Context) bool {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.JoinPath("/readyz").String(), nil)
		if err != nil {
			return false
		}
		response, err := client.Do(request)
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

// await waits until something holds.
func await(t testing.TB, what string, holds func(context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), restartTimeout)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for !holds(ctx) {
		select {
		case <-ctx.Done():
			t.Fatalf("not within %s: %s", restartTimeout, what)
		case <-ticker.C:
		}
	}
}

// etcd of the API server.
func (c *Cluster) etcd() *process {
	c.t.Helper()
	client, err := url.Parse(processOf(c.t, c.pid).flag(c.t, "etcd-servers"))
	if err != nil {
		c.t.Fatal(err)
	}
	found, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		c.t.Fatal(err)
	}
	listens := []byte("--listen-client-urls=" + client.String() + "\x00")
	for _, path := range found {
		line, err := os.ReadFile(path)
		if err == nil && bytes.Contains(line, []byte("etcd\x00")) && bytes.Contains(line, listens) {
			return processOfLine(c.t, filepath.Base(filepath.Dir(path)), line)
		}
	}
	c.t.Fatalf("no etcd listens at %s", client)
	return nil
}
