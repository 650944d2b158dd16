package node

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kubeops.io/kubeops/hack/cluster/internal/place"
)

const table = `23 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 23 0:25 / /run rw - tmpfs tmpfs rw
31 23 0:26 / /src rw - overlay overlay rw
32 31 0:27 / /src/bin/clusters/a/node/lib/x rw - tmpfs tmpfs rw
33 31 0:27 / /src/bin/clusters/a/node/with\040blank rw - tmpfs tmpfs rw
34 31 0:27 / /src/bin/clusters/ab/node rw - tmpfs tmpfs rw
`

func TestMountsBelow(t *testing.T) {
	want := []string{"/src/bin/clusters/a/node/lib/x", "/src/bin/clusters/a/node/with blank"}
	if got := mountsBelow(table, "/src/bin/clusters/a"); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestFilesystem(t *testing.T) {
	for path, want := range map[string]string{
		"/home/x": "ext4", "/runner": "ext4", "/run": "tmpfs", "/src/bin": "overlay", "/src/bin/clusters/ab/node/lib": "tmpfs",
	} {
		if got := filesystem(table, path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

func TestNewNodeQuotesPaths(t *testing.T) {
	command := NewNode("/run/netns/x", []place.Mount{
		{Source: "/it's here", Target: "/run"},
		{Source: "/b", Target: "/var/lib", Recursive: true},
	})
	script := strings.Join(command, " ")
	for _, want := range []string{"--net=/run/netns/x", `mount --bind '/it'\''s here' '/run'`, "mount --rbind '/b' '/var/lib'"} {
		if !strings.Contains(script, want) {
			t.Errorf("no %q in %q", want, script)
		}
	}
}

func TestIsStatic(t *testing.T) {
	text := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{text, filepath.Join(t.TempDir(), "missing")} {
		if IsStatic(path) {
			t.Errorf("%s passes for a static program", path)
		}
	}
}
