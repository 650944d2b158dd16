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

// What happens to the files of one Pod costs no line of another, nor a line that is written afterwards.
func TestFilesThatChangeUnderACollector(t *testing.T) {
	url, _ := servers.VictoriaLogs(t)
	store := newFront(t, url)
	c := newCollector(t, victoriaLogs(t, "shop", "logs", store.server.URL, v1alpha1.LogCollection{}))
	c.pods.add("shop", "web", nil)
	web := c.file("shop", "web")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	const replaced = "its link is replaced" // which the kubelet does not do; it is read by two for some seconds
	changes := map[string]func(*file){
		"truncated": func(f *file) { must(f.handle.Truncate(0)) },
		"rotated twice": func(f *file) {
			f.rotate()
			f.write(10, time.Second)
			must(os.Rename(f.path+".20260101-000000", f.path+".20260101-000001"))
			f.rotate()
		},
		"removed and created": func(f *file) {
			must(os.Remove(f.path))
			f.open()
		},
		replaced: func(f *file) {
			must(os.Remove(f.link))
			must(os.Symlink(f.path, f.link))
		},
		"a link to itself beside it": func(f *file) {
			loop := strings.Replace(f.link, f.pod+"_", "loop-"+f.pod+"_", 1)
			must(os.Symlink(loop, loop))
		},
		"a link to a folder beside it": func(f *file) {
			must(os.Symlink(filepath.Dir(f.path), strings.Replace(f.link, f.pod+"_", "folder-"+f.pod+"_", 1)))
		},
	}
	files := map[string]*file{}
	for name := range changes {
		pod := strings.ReplaceAll(name, " ", "-")
		c.pods.add("shop", pod, nil)
		files[name] = c.file("shop", pod)
		files[name].write(100, 100*time.Millisecond)
	}
	web.write(50, time.Second)
	for name, f := range files {
		store.wait(f.pod, f.line, time.Minute)
		changes[name](f)
		f.numbered()
	}
	web.write(50, 5*time.Second)
	for name, f := range files {
		f.write(100, 100*time.Millisecond)
		if got := store.wait(f.pod, f.line, time.Minute); got.lost+got.disordered > 0 || (got.doubled > 0 && name != replaced) {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	got := store.wait("web", web.line, time.Minute)
	t.Logf("%d kinds of changes of files; another Pod: %d lines, p99 %s", len(changes), got.lines, got.p99)
	if got.lost+got.doubled+got.disordered > 0 || got.p99 > most {
		t.Errorf("got %+v", got)
	}
}

func TestNamesWithEveryLegalCharacter(t *testing.T) {
	url, _ := servers.VictoriaLogs(t)
	store := newFront(t, url)
	c := newCollector(t, victoriaLogs(t, "0-9a-z", "logs", store.server.URL, v1alpha1.LogCollection{}))
	pods := []string{"a", "0", "a.b-c.0", "abcdefghijklmnopqrstuvwxyz.0123456789-x", strings.Repeat("a", 63) + "." + strings.Repeat("9", 63)}
	for _, pod := range pods {
		c.pods.add("0-9a-z", pod, nil)
		c.file("0-9a-z", pod).write(10, time.Second)
	}
	for _, pod := range pods {
		if got := store.wait(pod, 10, time.Minute); got.lost+got.doubled > 0 {
			t.Errorf("%s: got %+v", pod, got)
		}
	}
}

// shiftedClock is Ruby that Fluentd loads first: its clock shows what a file says more or less than the real one, in seconds.
const shiftedClock = `
module ShiftedClock
  def self.seconds
    File.read(%q).to_i
  rescue SystemCallError
    0
  end

  module Real
    def clock_gettime(clock, unit = :float_second)
      now = super
      return now unless clock == Process::CLOCK_REALTIME

      now + (ShiftedClock.seconds * { nanosecond: 10**9, microsecond: 10**6, millisecond: 1000 }.fetch(unit, 1))
    end
  end

  module OfTime
    def now(...)
      super + ShiftedClock.seconds
    end
  end
end
Process.singleton_class.prepend(ShiftedClock::Real)
Time.singleton_class.prepend(ShiftedClock::OfTime)
`

// The clock of the node jumps by a day, back by two, and forth again, while lines are being written with its times.
func TestAClockThatJumps(t *testing.T) {
	url, _ := servers.VictoriaLogs(t)
	store := newFront(t, url)
	c := prepared(t, victoriaLogs(t, "shop", "logs", store.server.URL, v1alpha1.LogCollection{}))
	shift, program := filepath.Join(c.root, "shift"), filepath.Join(c.root, "clock.rb")
	if err := os.WriteFile(program, []byte(fmt.Sprintf(shiftedClock, shift)), 0o600); err != nil {
		t.Fatal(err)
	}
	c.ruby = "-r" + program
	c.run()
	c.pods.add("shop", "web", nil)
	web := c.file("shop", "web")
	web.write(100, 2*time.Second)
	store.wait("web", web.line, time.Minute)
	for _, by := range []time.Duration{24 * time.Hour, -24 * time.Hour, 0} {
		// A file is replaced in one step, so that Fluentd reads no half of it.
		if err := os.WriteFile(shift+".new", fmt.Appendf(nil, "%d", int(by.Seconds())), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(shift+".new", shift); err != nil {
			t.Fatal(err)
		}
		web.shift = by
		web.write(100, 5*time.Second)
	}
	got := store.wait("web", web.line, time.Minute)
	t.Logf("%d lines while the clock jumped by a day, two and one: %d lost, %d twice, %d out of order, p99 %s",
		got.lines, got.lost, got.doubled, got.disordered, got.p99)
	if got.lost+got.doubled+got.disordered > 0 || got.p99 > most {
		t.Errorf("got %+v", got)
	}
}

// A file of open lines that a crash or a disk has spoiled must not be there at the next start either, nor keep Fluentd from starting.
func TestABrokenFileOfOpenLinesIsGoneAfterAStart(t *testing.T) {
	url, _ := servers.VictoriaLogs(t)
	store := newFront(t, url)
	for name, content := range map[string]string{
		"cut off": `[["kubernetes.x","stdout",1,2,"cGFzc3dv`, "no list": `{"a":1}`, "other entries": `[1,[2],["f","stdout","x",0,"!"]]`,
		"bytes": "\x00\xff", "empty": "",
	} {
		t.Run(name, func(t *testing.T) {
			c := prepared(t, victoriaLogs(t, "shop", "logs", store.server.URL, v1alpha1.LogCollection{}))
			open := filepath.Join(c.root, "data", "lines.open")
			if err := os.WriteFile(open, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			c.run()
			if _, err := os.Stat(open); !os.IsNotExist(err) {
				t.Errorf("the file is still there: %v", err)
			}
			pod := "after-" + strings.ReplaceAll(name, " ", "-")
			c.pods.add("shop", pod, nil)
			web := c.file("shop", pod)
			web.write(10, time.Second)
			if got := store.wait(pod, web.line, time.Minute); got.lost+got.doubled > 0 {
				t.Errorf("got %+v", got)
			}
			c.process.Stop()
		})
	}
}
