package image

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

func program(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("not really a program"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func headers(t *testing.T, image v1.Image) map[string]*tar.Header {
	t.Helper()
	content := mutate.Extract(image)
	t.Cleanup(func() { _ = content.Close() })
	found := map[string]*tar.Header{}
	for archive := tar.NewReader(content); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		if found[header.Name] != nil {
			t.Errorf("%s is there twice", header.Name)
		}
		found[header.Name] = header
	}
}

func TestBinary(t *testing.T) {
	tests := []struct {
		name       string
		entrypoint []string
		want       []string
	}{
		{"default entrypoint", nil, []string{"/operator"}},
		{"own entrypoint", []string{"/operator", "run"}, []string{"/operator", "run"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			image, err := Binary(program(t, "operator"), test.entrypoint)
			if err != nil {
				t.Fatal(err)
			}
			config, err := image.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(config.Config.Entrypoint, test.want) || config.Config.User != "65532:65532" || config.OS != "linux" {
				t.Errorf("config %+v", config)
			}
			files := headers(t, image)
			if h := files["operator"]; h == nil || h.Mode != 0o755 {
				t.Errorf("program %+v", h)
			}
			if h := files["tmp"]; h == nil || h.Mode != 0o1777 || h.Typeflag != tar.TypeDir {
				t.Errorf("/tmp %+v", h)
			}
		})
	}
}

func TestBusyboxHasAShell(t *testing.T) {
	image, err := Busybox(program(t, "busybox"))
	if err != nil {
		t.Fatal(err)
	}
	files := headers(t, image)
	for _, name := range []string{"bin/sh", "bin/sleep", "bin/cat", "bin/wget", "bin/nc", "bin/httpd"} {
		if h := files[name]; h == nil || h.Typeflag != tar.TypeSymlink || h.Linkname != "busybox" {
			t.Errorf("%s: %+v", name, h)
		}
	}
	if files["bin"] == nil || files["bin/busybox"] == nil {
		t.Error("no /bin/busybox")
	}
}

func TestEqualContentMakesAnEqualImage(t *testing.T) {
	first, err := Pause(program(t, "busybox"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := Pause(program(t, "busybox"))
	if err != nil {
		t.Fatal(err)
	}
	a, _ := first.Digest()
	b, _ := second.Digest()
	if a != b {
		t.Errorf("%s and %s", a, b)
	}
}

func TestWriteAndReadAgain(t *testing.T) {
	made, err := Busybox(program(t, "busybox"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "image.tar")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	if err := Write(out, "kubeops.local/test:1", made); err != nil {
		t.Fatal(err)
	}
	read, err := Archive(path)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := made.ConfigName()
	if got, _ := read.ConfigName(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if err := Write(io.Discard, "Not A Name", made); err == nil {
		t.Error("no error for a bad name")
	}
}
