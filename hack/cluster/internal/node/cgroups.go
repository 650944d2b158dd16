package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"kubeops.io/kubeops/hack/cluster/internal/retry"
)

const cgroups = "/sys/fs/cgroup"

// hierarchies returns the roots of all cgroup trees: one with cgroup v2, one per controller with v1.
func hierarchies() []string {
	if _, err := os.Stat(filepath.Join(cgroups, "cgroup.controllers")); err == nil {
		return []string{cgroups}
	}
	procs, _ := filepath.Glob(filepath.Join(cgroups, "*", "cgroup.procs"))
	var roots []string
	for _, p := range procs {
		if folder := filepath.Dir(p); !isSymlink(folder) { // cpu and cpu,cpuacct are often the same
			roots = append(roots, folder)
		}
	}
	return roots
}

func isSymlink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

// cgroupsImpossible returns the reason why Pods cannot get cgroups on this machine, or "".
func cgroupsImpossible() string {
	roots := hierarchies()
	if len(roots) == 0 {
		return "there are no cgroups in " + cgroups
	}
	for _, root := range roots {
		probe := filepath.Join(root, "kubeops-probe-"+strconv.Itoa(os.Getpid()))
		if err := os.Mkdir(probe, 0o755); err != nil {
			return fmt.Sprintf("cgroups cannot be made here (%v)", err)
		}
		if err := os.Remove(probe); err != nil {
			return fmt.Sprintf("cgroups cannot be removed here (%v)", err)
		}
	}
	return ""
}

// CreateCgroup creates the parent of the Pods' cgroups in every hierarchy, which the kubelet expects to exist.
func CreateCgroup(name string) error {
	for _, root := range hierarchies() {
		if root == cgroups {
			delegateControllers(root)
		}
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// delegateControllers enables the controllers of a v2 cgroup for its children. The kubelet reports those that are not
// available.
func delegateControllers(root string) {
	available, _ := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	for _, controller := range strings.Fields(string(available)) {
		_ = os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+"+controller), 0o644)
	}
}

// CgroupProcesses returns the processes in the cgroup and below it, which are those of the containers.
func CgroupProcesses(name string) []int {
	seen := map[int]bool{}
	var pids []int
	for _, folder := range cgroupFolders(name) {
		procs, _ := os.ReadFile(filepath.Join(folder, "cgroup.procs"))
		for _, line := range strings.Fields(string(procs)) {
			if pid, err := strconv.Atoi(line); err == nil && !seen[pid] {
				seen[pid] = true
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// RemoveCgroup removes the cgroup and everything below it. A cgroup stays busy for a moment after its last process ended.
func RemoveCgroup(ctx context.Context, name string) error {
	return retry.For(ctx, 5*time.Second, func() error { return removeCgroups(cgroupFolders(name)) })
}

// removeCgroups removes the deepest first, in reverse order.
func removeCgroups(folders []string) error {
	var errs []error
	for i := len(folders) - 1; i >= 0; i-- {
		if err := os.Remove(folders[i]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// cgroupFolders returns the folders of the cgroup and of everything below it in all hierarchies, parents first.
func cgroupFolders(name string) []string {
	var folders []string
	for _, root := range hierarchies() {
		_ = filepath.WalkDir(filepath.Join(root, name), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				folders = append(folders, path)
			}
			return nil // what is gone meanwhile is no loss
		})
	}
	return folders
}
