package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"kubeops.io/kubeops/hack/cluster/internal/place"
	"kubeops.io/kubeops/hack/cluster/internal/run"
)

// EnterNetwork is the prefix by which a program starts in a network namespace. `ip netns exec` will not do: it mounts
// /sys anew, without the cgroups.
func EnterNetwork(path string) []string { return []string{"nsenter", "--net=" + path, "--"} }

// Enter is the prefix by which a program starts in the namespaces of a process.
func Enter(pid int) []string {
	return []string{"nsenter", fmt.Sprintf("--target=%d", pid), "--net", "--mount", "--"}
}

// NewNode is the prefix by which the node's first program starts in a network namespace and in a new mount namespace
// that has the cluster's folders for /run, /var/lib and /var/log. All mounts of the node and its Pods are in there, and
// vanish with its last process. Mounts of the host still arrive (slave), and those of Pods travel between the node and
// its containers (shared).
func NewNode(netns string, mounts []place.Mount) []string {
	script := []string{"set -e", "mount --make-rshared /"}
	for _, m := range mounts {
		how := "--bind"
		if m.Recursive {
			how = "--rbind"
		}
		script = append(script, fmt.Sprintf("mount %s %s %s", how, quote(m.Source), quote(m.Target)))
	}
	script = append(script, `exec "$@"`)
	return append(EnterNetwork(netns), "unshare", "--mount", "--propagation=slave", "--",
		"sh", "-c", strings.Join(script, "\n"), "node")
}

func quote(path string) string { return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" }

// PrepareMounts makes the folders that NewNode mounts.
func PrepareMounts(mounts []place.Mount) error {
	for _, m := range mounts {
		for _, folder := range []string{m.Source, m.Target} {
			if err := os.MkdirAll(folder, 0o755); err != nil {
				return err
			}
		}
	}
	return nil
}

// Unmount removes what is mounted below a folder in this program's own mount namespace. There should be nothing.
func Unmount(ctx context.Context, folder string) error {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil //nolint:nilerr // not Linux: nothing is ever mounted
	}
	points := mountsBelow(string(table), folder)
	var errs []error
	for i := len(points) - 1; i >= 0; i-- { // the latest first, it may be on top of an earlier one
		errs = append(errs, run.Quiet(ctx, "umount", "-l", points[i]))
	}
	return errors.Join(errs...)
}

// mountsBelow gives the mount points below a folder in the order they were mounted in, out of a mountinfo table, where
// blanks and the like are written as octal numbers.
func mountsBelow(table, folder string) []string {
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var points []string
	for line := range strings.Lines(table) {
		const point = 4
		fields := strings.Fields(line)
		if len(fields) <= point {
			continue
		}
		if path := unescape.Replace(fields[point]); strings.HasPrefix(path, folder+"/") {
			points = append(points, path)
		}
	}
	return points
}

// Snapshotter is containerd's way to stack the layers of images below a folder. An overlay cannot be put on another
// one, which is what a folder inside of a container is on.
func Snapshotter(folder string) string {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err == nil && filesystem(string(table), folder) == "overlay" {
		return "native"
	}
	return "overlayfs"
}

// filesystem is the type of the filesystem that a path is on: that of the longest mount point above it.
func filesystem(table, path string) string {
	longest, kind := -1, ""
	for line := range strings.Lines(table) {
		mount, source, ok := strings.Cut(line, " - ")
		fields := strings.Fields(mount)
		if !ok || len(fields) < 5 {
			continue
		}
		point := filepath.Clean(fields[4])
		if point == "/" || path == point || strings.HasPrefix(path, point+"/") {
			if len(point) >= longest {
				longest, kind = len(point), strings.Fields(source)[0]
			}
		}
	}
	return kind
}
