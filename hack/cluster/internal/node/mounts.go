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

// EnterNetwork is the command prefix to start a program in a network namespace. `ip netns exec` is not suitable: it
// remounts /sys without the cgroups.
func EnterNetwork(path string) []string { return []string{"nsenter", "--net=" + path, "--"} }

// Enter is the command prefix to start a program in the namespaces of a process.
func Enter(pid int) []string {
	return []string{"nsenter", fmt.Sprintf("--target=%d", pid), "--net", "--mount", "--"}
}

// NewNode is the command prefix to start the first program of a node in a network namespace and in a new mount namespace,
// with the cluster's folders mounted at /run, /var/lib and /var/log. All mounts of the node and its Pods are in this
// namespace and disappear with its last process. It receives mounts of the host (slave), and shares mounts of Pods between
// the node and its containers (shared).
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

// PrepareMounts creates the folders that NewNode mounts.
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

// Unmount unmounts everything below a folder in the mount namespace of this program. There should be nothing.
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

// mountsBelow returns the mount points below a folder in mount order, from a mountinfo table, in which blanks and other
// special characters are octal numbers.
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

// Snapshotter selects how containerd stacks image layers below a folder. An overlay cannot be mounted on another one, which
// is the file system of a folder inside a container.
func Snapshotter(folder string) string {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err == nil && filesystem(string(table), folder) == "overlay" {
		return "native"
	}
	return "overlayfs"
}

// filesystem returns the type of the file system of a path: that of the longest mount point above it.
func filesystem(table, path string) string {
	longest := -1
	kind := ""
	for line := range strings.Lines(table) {
		mount, source, ok := strings.Cut(line, " - ")
		fields := strings.Fields(mount)
		if !ok || len(fields) < 5 {
			continue
		}
		point := filepath.Clean(fields[4])
		if point == "/" || path == point || strings.HasPrefix(path, point+"/") {
			if len(point) >= longest {
				longest = len(point)
				kind = strings.Fields(source)[0]
			}
		}
	}
	return kind
}
