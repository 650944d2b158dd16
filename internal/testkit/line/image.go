package line

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
)

// The job of the build server runs a program with these variables, which builds an image and pushes it: see Build.
const (
	variableHost   = "KUBEOPS_LINE_REGISTRY"
	variableTag    = "KUBEOPS_LINE_TAG"
	variableFolder = "KUBEOPS_LINE_FOLDER"
)

// Build pushes an image, and returns true, if the job of the build server has started this process. A program that starts a Line calls it
// first.
func Build(ctx context.Context) (bool, error) {
	host := os.Getenv(variableHost)
	if host == "" {
		return false, nil
	}
	return true, pushImage(ctx, host, os.Getenv(variableTag), os.Getenv(variableFolder))
}

// descriptor of a blob.
type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int    `json:"size"`
}

// pushImage pushes an image of busybox with a folder as /app, whose program run it starts, to repository shop of a registry.
func pushImage(ctx context.Context, host, tag, folder string) error {
	content, err := layer(folder)
	if err != nil {
		return err
	}
	repository := "http://" + host + "/v2/shop"
	filesystem, err := pushBlob(ctx, repository, "application/vnd.oci.image.layer.v1.tar", content)
	if err != nil {
		return err
	}
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Entrypoint": []string{"/bin/sh", "/app/run"}, "Env": []string{"PATH=/bin"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{filesystem.Digest}},
	})
	if err != nil {
		return err
	}
	described, err := pushBlob(ctx, repository, "application/vnd.oci.image.config.v1+json", config)
	if err != nil {
		return err
	}
	const manifestType = "application/vnd.oci.image.manifest.v1+json"
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType, "config": described, "layers": []descriptor{filesystem},
	})
	if err != nil {
		return err
	}
	_, err = send(ctx, http.MethodPut, repository+"/manifests/"+tag, manifestType, manifest)
	return err
}

// pushBlob uploads a blob.
func pushBlob(ctx context.Context, repository, mediaType string, content []byte) (descriptor, error) {
	sum := sha256.Sum256(content)
	d := descriptor{MediaType: mediaType, Digest: "sha256:" + hex.EncodeToString(sum[:]), Size: len(content)}
	upload, err := send(ctx, http.MethodPost, repository+"/blobs/uploads/", "", nil)
	if err != nil {
		return d, err
	}
	query := upload.Query()
	query.Set("digest", d.Digest)
	upload.RawQuery = query.Encode()
	_, err = send(ctx, http.MethodPut, upload.String(), "application/octet-stream", content)
	return d, err
}

// layer is an archive of busybox and the files of a folder, all of which can be executed.
func layer(folder string) ([]byte, error) {
	shell, err := os.ReadFile("/bin/busybox") // of the package busybox-static, as in the images of the node
	if err != nil {
		return nil, err
	}
	var buffer bytes.Buffer
	archive := tar.NewWriter(&buffer)
	if err := addFile(archive, "bin/busybox", shell); err != nil {
		return nil, err
	}
	for _, program := range []string{"sh", "httpd", "touch", "kill"} {
		link := &tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + program, Linkname: "busybox", Mode: 0o777}
		if err := archive.WriteHeader(link); err != nil {
			return nil, err
		}
	}
	if err := addFolder(archive, folder); err != nil {
		return nil, err
	}
	err = archive.Close()
	return buffer.Bytes(), err
}

func addFolder(archive *tar.Writer, folder string) error {
	return filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		inside, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path) //nolint:gosec // a checkout of the line's own repository
		if err != nil {
			return err
		}
		return addFile(archive, filepath.Join("app", inside), content)
	})
}

func addFile(archive *tar.Writer, name string, content []byte) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755, Size: int64(len(content))}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := archive.Write(content)
	return err
}

// send a request, and return where its response points.
func send(ctx context.Context, method, target, contentType string, content []byte) (*url.URL, error) {
	request, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode >= http.StatusMultipleChoices {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1000)) // for the message only
		return nil, fmt.Errorf("%s %s: %s: %s", method, target, response.Status, text)
	}
	return response.Location()
}
