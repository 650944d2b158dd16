package line

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/builtin"
	"kubeops.io/kubeops/internal/provider/logs"
)

// lookEvery is the time between two looks of the collector.
const lookEvery = time.Second

// collector sends what the containers of the shop log to Loki, as the files of the node have it: what a container said before it ended is
// there, however short it lived.
type collector struct {
	// folder has a folder NAMESPACE_POD_UID for each Pod, with one for each container.
	folder string
	writer logs.Writer
	// sent is how many bytes of a file were sent.
	sent map[string]int
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
	c := &collector{folder: l.options.PodLogs, writer: backend.(logs.Writer), sent: map[string]int{}}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	t.Cleanup(func() {
		stop()
		<-done
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
	files, err := filepath.Glob(filepath.Join(c.folder, ShopNamespace+"_*", "*", "*.log"))
	if err != nil {
		return
	}
	for _, file := range files {
		content, err := os.ReadFile(file) //nolint:gosec // of the node of the test
		if err != nil {
			continue // it was removed with its Pod
		}
		complete := strings.LastIndexByte(string(content), '\n') + 1
		if complete <= c.sent[file] {
			continue
		}
		entries := c.entries(file, string(content[c.sent[file]:complete]))
		if len(entries) == 0 || c.writer.Write(ctx, entries) == nil {
			c.sent[file] = complete
		}
	}
}

// entries of lines in the format of container runtimes: TIME STREAM TAGS TEXT.
func (c *collector) entries(file, content string) (entries []logs.Entry) {
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
