// Package images has the default container images of the collectors, and the versions of them that the configuration is written for.
package images

import (
	"regexp"
	"strconv"
	"strings"
)

// Default images.
const (
	Vector  = "timberio/vector:0.57.0-debian"
	Fluentd = "fluent/fluentd-kubernetes-daemonset:v1.16-debian-elasticsearch8-1"
)

// Minor versions of Vector 0 that the configuration can be written for. Vector refuses to start for an option that it does not know,
// and its minor versions add, change and remove options.
const (
	// OldestVector is the first with max_merged_line_bytes, which bounds the memory that a line takes.
	OldestVector = 48
	// NewestVector is the last whose options are known.
	NewestVector = 57
)

// HasShell reports whether an image of Vector is known to have a shell: the variants debian and alpine have one, distroless has none.
func HasShell(image string) bool {
	name, _, _ := strings.Cut(image, "@")
	return strings.HasSuffix(name, "-debian") || strings.HasSuffix(name, "-alpine")
}

// ParseVector returns the minor version of a version of Vector, such as 0.57, 0.57.0 or v0.57.0-distroless-libc. It reports false
// for other text, and for versions that are not 0.
func ParseVector(version string) (minor int, ok bool) {
	m := regexp.MustCompile(`^v?0\.([0-9]{1,4})(?:\.[0-9]{1,6})?(?:[-.+][0-9A-Za-z_.-]{0,100})?$`).FindStringSubmatch(version)
	if m == nil {
		return 0, false
	}
	minor, err := strconv.Atoi(m[1])
	return minor, err == nil
}

// VectorOf returns the minor version of Vector in an image, from its tag. It reports false for a tag that does not begin with a
// version, such as latest, and for an image without a tag.
func VectorOf(image string) (minor int, ok bool) {
	name, _, _ := strings.Cut(image, "@")
	at := strings.LastIndexByte(name, ':')
	if at < strings.LastIndexByte(name, '/') {
		return 0, false // the port of a registry
	}
	return ParseVector(name[at+1:])
}
