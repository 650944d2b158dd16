package fluentd

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
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

// A disk of a node that is full costs the lines that it cannot hold, which are counted, and nothing when it has room again.
func TestAFullDiskCostsItsLinesOnly(t *testing.T) {
	url, _ := servers.VictoriaLogs(t)
	store := newFront(t, url)
	c := prepared(t, victoriaLogs(t, "shop", "logs", store.server.URL, v1alpha1.LogCollection{}))
	data := filepath.Join(c.root, "data")
	if err := syscall.Mount("none", data, "tmpfs", 0, "size=8m"); err != nil {
		t.Fatalf("a disk that can be filled needs root: %v", err)
	}
	t.Cleanup(func() {
		c.process.Stop()
		if err := syscall.Unmount(data, 0); err != nil {
			t.Error(err)
		}
	})
	c.run()
	c.pods.add("shop", "web", nil)
	web := c.file("shop", "web")
	web.write(50, 2*time.Second)
	before := store.wait("web", web.line, time.Minute)
	filler := filepath.Join(data, "filler")
	if err := os.WriteFile(filler, make([]byte, 16<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	web.write(50, 10*time.Second)
	full := web.line
	// Of the lines that were written, some found room, and all others are counted.
	counted := func(result string) (lines int) {
		for line := range strings.Lines(c.counts()) {
			if strings.Contains(line, `result="`+result+`"`) {
				n, err := strconv.Atoi(strings.TrimSpace(line[strings.LastIndex(line, " ")+1:]))
				if err != nil {
					t.Fatal(err)
				}
				lines += n
			}
		}
		return lines
	}
	eventually(t, time.Minute, func() error {
		if sent, dropped := counted("sent"), counted("dropped"); sent+dropped != full {
			return fmt.Errorf("of %d lines, %d are sent and %d dropped", full, sent, dropped)
		}
		return nil
	})
	dropped := counted("dropped")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	web.write(50, 5*time.Second)
	eventually(t, time.Minute, func() error {
		if arrived := len(store.of("web")); arrived != web.line-dropped {
			return fmt.Errorf("%d of %d lines arrived, and %d are dropped", arrived, web.line, dropped)
		}
		return nil
	})
	after := store.result("web", web.line)
	t.Logf("a full disk for 10 s: %d of %d lines lost, all counted; none of %d before and %d after", dropped, full-before.lines, before.lines, web.line-full)
	if after.lost != dropped || after.doubled > 0 {
		t.Errorf("got %+v", after)
	}
}
