// Package memlimit finds the memory limit of this process.
package memlimit

import (
	"bytes"
	"io/fs"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
)

// Detect returns the least of GOMEMLIMIT and the limits of the process' cgroup and its parents, in bytes. Known is false without any.
func Detect() (bytes int64, known bool) {
	limit := min(debug.SetMemoryLimit(-1), cgroup(os.DirFS("/"))) // a negative limit only reads it
	return limit, limit < math.MaxInt64
}

// Part of the memory limit of this process, or a number of bytes where there is none.
func Part(divisor, withoutLimit int64) int64 {
	limit, known := Detect()
	if !known {
		return withoutLimit
	}
	return limit / divisor
}

// cgroup is the limit of the cgroup of this process, of version 2 or 1, or the largest number. In a container its files are those of the
// root folder, whatever the path in /proc/self/cgroup is.
func cgroup(root fs.FS) int64 {
	limit := int64(math.MaxInt64)
	content, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		content = nil // no Linux, or no /proc: only the root folder is left
	}
	for line := range bytes.Lines(append(content, "\n0::/\n1:memory:/\n"...)) {
		fields := bytes.SplitN(bytes.TrimSpace(line), []byte(":"), 3)
		if len(fields) != 3 {
			continue
		}
		folder := path.Join("/", string(fields[2]))
		switch {
		case len(fields[1]) == 0: // version 2; limits of parents apply, too
			for ; ; folder = path.Dir(folder) {
				limit = min(limit, read(root, path.Join("sys/fs/cgroup", folder, "memory.max")))
				if folder == "/" {
					break
				}
			}
		case bytes.Contains(fields[1], []byte("memory")):
			limit = min(limit, read(root, path.Join("sys/fs/cgroup/memory", folder, "memory.limit_in_bytes")))
		}
	}
	return limit
}

// read a limit, or the largest number where there is none: version 2 has the word max, and version 1 a number of about 2^63.
func read(root fs.FS, name string) int64 {
	const unlimited = 1 << 60
	content, err := fs.ReadFile(root, name)
	if err != nil {
		return math.MaxInt64
	}
	limit, err := strconv.ParseInt(string(bytes.TrimSpace(content)), 10, 64)
	if err != nil || limit <= 0 || limit >= unlimited {
		return math.MaxInt64
	}
	return limit
}
