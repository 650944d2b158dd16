// Package image builds container images from local programs, without a base image.
package image

import (
	"archive/tar"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Certificates is Debian's file of trusted certificate authorities, and where they are in an image.
const Certificates = "/etc/ssl/certs/ca-certificates.crt"

// Program is a static program for an image of its own. It runs as an unprivileged user (65532).
type Program struct {
	// Path of the program. In the image, it is in the root folder.
	Path string
	// Entrypoint of the image. Default: the program without arguments.
	Entrypoint []string
	// Architecture that the program is compiled for. Default: that of this process.
	Architecture string
	// Labels of the image.
	Labels map[string]string
	// Certificates is a file of certificate authorities, without which there is no image. Default: constant Certificates, if it
	// exists.
	Certificates string
	// Created is the time that the image states. Default: none.
	Created time.Time
}

// Image of the program. It has a /tmp and the certificate authorities. Equal content gives an equal image.
func (p Program) Image() (v1.Image, error) {
	inside := "/" + filepath.Base(p.Path)
	content, err := os.ReadFile(p.Path)
	if err != nil {
		return nil, err
	}
	files := []file{
		{path: "tmp/", mode: 0o1777},
		{path: inside[1:], mode: 0o755, content: content},
	}
	if authorities, err := os.ReadFile(cmp.Or(p.Certificates, Certificates)); err == nil {
		files = append(files, file{path: Certificates[1:], mode: 0o644, content: authorities})
	} else if p.Certificates != "" || !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("certificate authorities: %w", err)
	}
	entrypoint := p.Entrypoint
	if len(entrypoint) == 0 {
		entrypoint = []string{inside}
	}
	image, err := build(files, v1.Config{Entrypoint: entrypoint, User: "65532:65532", WorkingDir: "/", Labels: p.Labels})
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.Created = v1.Time{Time: p.Created}
	if p.Architecture != "" {
		config.Architecture = p.Architecture
	}
	return mutate.ConfigFile(image, config)
}

// Binary builds an image of one static program for this machine.
func Binary(program string, entrypoint []string) (v1.Image, error) {
	return Program{Path: program, Entrypoint: entrypoint}.Image()
}

// Busybox builds an image with a shell and common small programs, which runs as root.
func Busybox(program string) (v1.Image, error) {
	files, err := busyboxFiles(program)
	if err != nil {
		return nil, err
	}
	return build(files, v1.Config{
		Cmd: []string{"sh"},
		Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
	})
}

// Pause builds the image that holds the namespaces of a Pod: it sleeps, and reaps orphans of Pods with a shared process
// namespace.
func Pause(program string) (v1.Image, error) {
	files, err := busyboxFiles(program)
	if err != nil {
		return nil, err
	}
	const script = `trap "exit 0" TERM INT; while :; do sleep 86400 & wait $!; done`
	return build(files, v1.Config{Entrypoint: []string{"/bin/sh", "-c", script}, User: "65535:65535"})
}

// applets are the names of the busybox programs in an image.
func applets() []string {
	return []string{
		"ash", "awk", "base64", "basename", "cat", "chmod", "cp", "cut", "date", "dd", "df", "dirname", "du", "echo", "env",
		"expr", "false", "find", "free", "grep", "gunzip", "gzip", "head", "hostname", "httpd", "id", "ip", "kill", "ln",
		"ls", "md5sum", "mkdir", "mkfifo", "mktemp", "mv", "nc", "nproc", "nslookup", "ping", "printenv", "printf", "ps",
		"pwd", "readlink", "rm", "rmdir", "sed", "seq", "sh", "sha256sum", "sleep", "sort", "stat", "sync", "tail", "tar",
		"tee", "test", "time", "timeout", "top", "touch", "tr", "true", "uname", "uniq", "uptime", "vi", "wc", "wget",
		"which", "whoami", "xargs", "yes",
	}
}

func busyboxFiles(program string) ([]file, error) {
	content, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	files := []file{
		{path: "tmp/", mode: 0o1777},
		{path: "etc/passwd", mode: 0o644, content: []byte("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")},
		{path: "etc/group", mode: 0o644, content: []byte("root:x:0:\nnogroup:x:65534:\n")},
		{path: "root/", mode: 0o700},
		{path: "bin/busybox", mode: 0o755, content: content},
	}
	for _, applet := range applets() {
		files = append(files, file{path: "bin/" + applet, link: "busybox"})
	}
	return files, nil
}

// file is a file in an image, or a folder if the path ends in a slash.
type file struct {
	path    string
	mode    int64
	content []byte
	link    string
}

// build creates an image of one layer. All times are zero, so equal content gives an equal image.
func build(files []file, config v1.Config) (v1.Image, error) {
	var buffer bytes.Buffer
	if err := writeTar(&buffer, files); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(buffer.Bytes())), nil
	})
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	content, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	content = content.DeepCopy()
	content.OS = "linux"
	content.Architecture = runtime.GOARCH
	content.Config = config
	return mutate.ConfigFile(image, content)
}

func writeTar(out io.Writer, files []file) error {
	archive := tar.NewWriter(out)
	made := map[string]bool{"./": true}
	for _, f := range files {
		if err := writeParents(archive, made, f.path); err != nil {
			return err
		}
		header := &tar.Header{Name: f.path, Mode: f.mode, Size: int64(len(f.content)), Typeflag: tar.TypeReg}
		switch {
		case f.link != "":
			header.Typeflag = tar.TypeSymlink
			header.Linkname = f.link
			header.Mode = 0o777
		case f.path[len(f.path)-1] == '/':
			header.Typeflag = tar.TypeDir
			made[f.path] = true
		}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(f.content); err != nil {
			return err
		}
	}
	return archive.Close()
}

// writeParents adds the missing parent folders of a file.
func writeParents(archive *tar.Writer, made map[string]bool, file string) error {
	parent := path.Dir(path.Clean(file)) + "/"
	if made[parent] {
		return nil
	}
	if err := writeParents(archive, made, parent); err != nil {
		return err
	}
	made[parent] = true
	return archive.WriteHeader(&tar.Header{Name: parent, Mode: 0o755, Typeflag: tar.TypeDir})
}

// Write writes the image as an archive in the format of `docker save`, with a name and tag.
func Write(out io.Writer, reference string, image v1.Image) error {
	tag, err := name.NewTag(reference)
	if err != nil {
		return fmt.Errorf("image name %q: %w", reference, err)
	}
	return tarball.Write(tag, image, out)
}

// Archive reads an image from an archive in the format of `docker save`, which must contain exactly one.
func Archive(path string) (v1.Image, error) { return tarball.ImageFromPath(path, nil) }
