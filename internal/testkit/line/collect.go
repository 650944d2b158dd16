package line

import (
	"context"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/builtin"
	"kubeops.io/kubeops/internal/provider/logs"
)

// lookEvery is the time between two looks of the collector.
const lookEvery = time.Second

// collector sends what the containers of the shop log to Loki, as the files of the node have it. A file stays open until all of it was
// sent: when a container crashes for the second time, the kubelet removes the file of the first crash, which may be a second old.
type collector struct {
	// folder has a folder NAMESPACE_POD_UID for each Pod, with one for each container.
	folder string
	writer logs.Writer
	// report that lines could not be sent; failed is the last report, which is not repeated.
	report func(format string, args ...any)
	failed string
	files  []*logFile
}

// logFile is a file that was found.
type logFile struct {
	*os.File
	// sent is how many of its bytes were sent.
	sent int64
}

// collect until the test ends.
func (l *Line) collect(t testing.TB, url string) {
	t.Helper()
	types, err := builtin.Logs()
	if err != nil {
		t.Fatal(err)
	}
	backend, err := types.New("loki", logs.Settings{
		Endpoint: provider.Endpoint{URL: url}, Timeout: 10 * time.Second, Egress: provider.Egress{AllowLoopback: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{folder: l.options.PodLogs, writer: backend.(logs.Writer), report: t.Logf}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	t.Cleanup(func() {
		stop()
		<-done
		c.close()
		backend.Close()
	})
	go func() {
		defer close(done)
		ticker := time.NewTicker(lookEvery)
		defer ticker.Stop()
		for {
			c.look(ctx)
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	}()
}

// look for new lines. What could not be sent is sent by the next look.
func (c *collector) look(ctx context.Context) {
	c.open() // all of them first: sending may take long
	c.files = slices.DeleteFunc(c.files, func(file *logFile) bool {
		removed := file.removed() // before the last read, so that it reads all
		if !c.send(ctx, file) || !removed {
			return false
		}
		_ = file.Close() // it was read only
		return true
	})
}

// open the files that are new.
func (c *collector) open() {
	paths, err := filepath.Glob(filepath.Join(c.folder, ShopNamespace+"_*", "*", "*.log"))
	if err != nil {
		return
	}
	for _, path := range paths {
		if slices.ContainsFunc(c.files, func(file *logFile) bool { return file.Name() == path && !file.removed() }) {
			continue
		}
		if file, err := os.Open(path); err == nil { //nolint:gosec // of the node of the test
			c.files = append(c.files, &logFile{File: file})
		}
	}
}

// removed reports whether the path of the file leads to it no more: the kubelet removes files, and rotates large ones.
func (f *logFile) removed() bool {
	own, err := f.Stat()
	if err != nil {
		return true
	}
	current, err := os.Stat(f.Name())
	return err != nil || !os.SameFile(own, current)
}

// send the complete lines of a file that were not sent yet. It reports whether none of them is left.
func (c *collector) send(ctx context.Context, file *logFile) bool {
	content, err := io.ReadAll(io.NewSectionReader(file, file.sent, math.MaxInt64-file.sent))
	if err == nil {
		content = content[:strings.LastIndexByte(string(content), '\n')+1]
		if entries := entries(file.Name(), string(content)); len(entries) > 0 {
			err = c.writer.Write(ctx, entries)
		}
	}
	if err != nil {
		if text := err.Error(); ctx.Err() == nil && text != c.failed {
			c.failed = text
			c.report("collecting %s: %s", file.Name(), text)
		}
		return false
	}
	file.sent += int64(len(content))
	return true
}

// close all files.
func (c *collector) close() {
	for _, file := range c.files {
		_ = file.Close() // they were read only
	}
}

// entries of lines in the format of container runtimes: TIME STREAM TAGS TEXT.
func entries(file, content string) (entries []logs.Entry) {
	const fields = 4
	container := filepath.Base(filepath.Dir(file))
	of := strings.Split(filepath.Base(filepath.Dir(filepath.Dir(file))), "_")
	for line := range strings.Lines(content) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", fields)
		if len(parts) < fields {
			continue
		}
		if at, err := time.Parse(time.RFC3339Nano, parts[0]); err == nil {
			entries = append(entries, logs.Entry{Time: at, Line: parts[3], Labels: map[string]string{
				logs.LabelNamespace: of[0], logs.LabelPod: of[1], logs.LabelContainer: container,
			}})
		}
	}
	return entries
}

// first pushes an image of the shop as it is before its first Pipeline runs, and returns its reference.
func first(t testing.TB, registry string) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range Shop(t, Order) {
		writeFile(t, filepath.Join(folder, name), content)
	}
	if err := pushImage(t.Context(), registry, "first", filepath.Join(folder, "app")); err != nil {
		t.Fatal(err)
	}
	return registry + "/shop:first"
}
