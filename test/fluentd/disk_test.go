package fluentd

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// A buffer that takes no file, as on a full disk, costs the lines of its route. They are counted.
func TestABufferWithoutADiskCostsNoOther(t *testing.T) {
	url, _ := servers.VictoriaLogs(t)
	store := newFront(t, url)
	c := newCollector(t, victoriaLogs(t, "shop", "logs", store.server.URL, v1alpha1.LogCollection{}),
		victoriaLogs(t, "other", "logs", store.server.URL+"/other", v1alpha1.LogCollection{}))
	c.pods.add("shop", "web", nil)
	c.pods.add("other", "lost", nil)
	folders, err := filepath.Glob(filepath.Join(c.root, "data", "buffer", "b_other_*"))
	if err != nil || len(folders) != 1 {
		t.Fatal(folders, err)
	}
	if err := os.RemoveAll(folders[0]); err != nil {
		t.Fatal(err)
	}
	web, lost := c.file("shop", "web"), c.file("other", "lost")
	lost.write(10, time.Second)
	web.write(10, 3*time.Second)
	if got := store.wait("web", web.line, 30*time.Second); got.lost+got.doubled > 0 {
		t.Errorf("got %+v", got)
	}
	route := filepath.Base(folders[0])
	eventually(t, 30*time.Second, func() error {
		want := fmt.Sprintf(`kubeops_collector_lines_total{route=%q,result="dropped",reason="failed"} %d`, route, lost.line)
		if got := c.counts(); !strings.Contains(got, want) {
			return fmt.Errorf("want %s: %s", want, got)
		}
		return nil
	})
}
