// Package buildinfo identifies the build of a program: its version, commit, Go version and platform.
package buildinfo

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// release and revision are the version and the commit of a release. Builds of releases set them, since a source archive has no version
// control system:
//
//	go build -ldflags "-X kubeops.io/kubeops/internal/buildinfo.release=v1.2.3 -X kubeops.io/kubeops/internal/buildinfo.revision=0123abc"
//
// Other builds have what the Go toolchain recorded.
var release, revision string //nolint:gochecknoglobals // the linker sets variables of packages only

// unknown stands for a value that the build did not record.
const unknown = "unknown"

// Info identifies a build. No field is empty.
type Info struct {
	// Version is a release such as v1.2.3, a pseudo-version of the commit, or (devel) for a build without version control.
	Version string `json:"version"`
	// Commit is the full hash of the commit, or unknown.
	Commit string `json:"commit"`
	// Modified is set if the working tree had changes that were not committed.
	Modified bool `json:"modified,omitempty"`
	// GoVersion is the version of Go that compiled the program.
	GoVersion string `json:"goVersion"`
	// Platform is the operating system and the architecture, for example linux/amd64.
	Platform string `json:"platform"`
}

// Read returns what the running program was built from.
func Read() Info {
	recorded, ok := debug.ReadBuildInfo()
	if !ok {
		recorded = &debug.BuildInfo{}
	}
	return read(recorded, release, revision)
}

func read(recorded *debug.BuildInfo, release, revision string) Info {
	info := Info{
		Version: release, Commit: unknown, GoVersion: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	if info.Version == "" {
		info.Version = recorded.Main.Version
	}
	if info.Version == "" {
		info.Version = unknown
	}
	for _, setting := range recorded.Settings {
		switch {
		case setting.Key == "vcs.revision" && setting.Value != "":
			info.Commit = setting.Value
		case setting.Key == "vcs.modified":
			info.Modified = setting.Value == "true"
		}
	}
	if revision != "" {
		info.Commit = revision
	}
	return info
}

// String is one line for people: version, commit, Go version and platform.
func (i Info) String() string {
	commit := i.Commit
	if i.Modified {
		commit += " with uncommitted changes"
	}
	return fmt.Sprintf("%s (commit %s, %s, %s)", i.Version, commit, i.GoVersion, i.Platform)
}
