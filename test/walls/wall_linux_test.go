package walls

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// wall is the memory limit of a process and its children: a cgroup, as a container has, or where that cannot be had, a look at their
// memory every few milliseconds.
type wall struct {
	t     *testing.T
	limit int64
	// group is the folder of a cgroup, or empty; limitFile and usage are files in it.
	group, limitFile string

	stop context.CancelFunc
	done chan struct{}

	mutex sync.Mutex
	seen  usage
}

// usage is the highest memory that was seen, in bytes, without the page cache: of all, and of the manager alone.
type usage struct{ all, manager int64 }

func newWall(t *testing.T, limit int64) *wall {
	t.Helper()
	w := &wall{t: t, limit: limit, stop: func() {}, done: make(chan struct{})}
	var failed []error
	for root, file := range map[string]string{
		"/sys/fs/cgroup": "memory.max", "/sys/fs/cgroup/memory": "memory.limit_in_bytes",
	} {
		group := filepath.Join(root, fmt.Sprintf("kubeops-walls-%d-%d", os.Getpid(), time.Now().UnixNano()))
		err := os.Mkdir(group, 0o755)
		if err == nil {
			// The file is there if the parent has the controller.
			if _, err = os.Stat(filepath.Join(group, file)); err == nil {
				err = os.WriteFile(filepath.Join(group, file), []byte(strconv.FormatInt(limit, 10)), 0)
			}
			if err == nil {
				w.group, w.limitFile = group, file
				t.Logf("the manager runs in a cgroup with %s = %d", file, limit)
				return w
			}
			err = errors.Join(err, os.Remove(group))
		}
		failed = append(failed, err)
	}
	t.Logf("no cgroup can be created; the memory of the manager is watched instead (%v)", errors.Join(failed...))
	return w
}

// command starts a program within the wall.
func (w *wall) command(program string, args ...string) *exec.Cmd {
	if w.group == "" {
		return exec.Command(program, args...)
	}
	// The shell joins the group and becomes the program, with the same process id.
	script := append([]string{"-c", `echo $$ > "$0" && exec "$@"`, filepath.Join(w.group, "cgroup.procs"), program}, args...)
	return exec.Command("/bin/sh", script...)
}

// watch the memory of a process and its children.
func (w *wall) watch(pid int) {
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	go func() {
		defer close(w.done)
		for ctx.Err() == nil {
			w.look(pid)
			pause(ctx, 20*time.Millisecond)
		}
	}()
}

func (w *wall) look(pid int) {
	own := proportional(pid)
	used := own
	if w.group != "" {
		used = max(w.anonymous(), own)
	} else {
		for _, child := range children(pid) {
			used += proportional(child)
		}
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.seen.all = max(w.seen.all, used); w.group == "" && used > w.limit {
		w.t.Errorf("the manager and its runs use %d MiB, more than %d MiB", used>>20, w.limit>>20)
	}
	w.seen.manager = max(w.seen.manager, own)
}

func (w *wall) used() usage {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.seen
}

// peak describes the highest use of memory.
func (w *wall) peak() string {
	used := w.used()
	text := fmt.Sprintf("memory without page cache: at most %d MiB with its runs, %d MiB alone", used.all>>20, used.manager>>20)
	for _, file := range []string{"memory.peak", "memory.max_usage_in_bytes", "memory.failcnt", "memory.events", "memory.oom_control"} {
		if content, err := os.ReadFile(filepath.Join(w.group, file)); w.group != "" && err == nil {
			text += "; " + file + " " + strings.Join(strings.Fields(string(content)), " ")
		}
	}
	return text
}

// remove the cgroup, whose processes have ended.
func (w *wall) remove() {
	w.stop()
	<-w.done
	if w.group != "" {
		group := w.group
		w.group = ""
		deadline := time.Now().Add(10 * time.Second)
		for err := os.Remove(group); err != nil; err = os.Remove(group) {
			if time.Now().After(deadline) {
				w.t.Logf("the cgroup is left behind: %v", err)
				return
			}
			pause(context.Background(), 10*time.Millisecond)
		}
	}
}

// anonymous memory of the group in bytes.
func (w *wall) anonymous() int64 {
	content, err := os.ReadFile(filepath.Join(w.group, "memory.stat"))
	if err != nil {
		return 0
	}
	key := "anon "
	if w.limitFile != "memory.max" {
		key = "total_rss "
	}
	for line := range strings.Lines(string(content)) {
		if text, found := strings.CutPrefix(line, key); found {
			value, _ := strconv.ParseInt(strings.TrimSpace(text), 10, 64) // 0 for what is no number
			return value
		}
	}
	return 0
}

// proportional set size of a process in bytes, without files, or 0 when it is gone.
func proportional(pid int) int64 {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(content)) {
		var kib int64
		if _, err := fmt.Sscanf(line, "Pss_Anon: %d kB", &kib); err == nil {
			return kib << 10
		}
	}
	return 0
}

// children of a process.
func children(pid int) (pids []int) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil
	}
	for _, task := range tasks {
		content, err := os.ReadFile(task)
		if err != nil {
			continue // the thread is gone
		}
		for _, field := range strings.Fields(string(content)) {
			if child, err := strconv.Atoi(field); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}
