package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/andybalholm/brotli"
)

//go:embed all:dist
var dist embed.FS

const (
	indexPage = "index.html"
	// suffix of the files in dist, which are compressed once, by `make web`.
	suffix = ".br"
)

// asset is a file in three encodings: brotli as it is built, gzip for clients that do not accept it, such as browsers on plain http to
// another machine, and plain.
type asset struct {
	brotli, gzip, plain []byte
	kind, tag           string
}

// assets by their path without a leading slash.
type assets map[string]*asset

// loadAssets decompresses the build once, at start.
func loadAssets(files fs.FS) (assets, error) {
	loaded := assets{}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, suffix) {
			return err
		}
		compressed, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		found, err := newAsset(strings.TrimSuffix(name, suffix), compressed)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		loaded[strings.TrimSuffix(name, suffix)] = found
		return nil
	})
	if err == nil && loaded[indexPage] == nil {
		err = fmt.Errorf("the build of the dashboard has no %s: run `make web`", indexPage)
	}
	return loaded, err
}

func newAsset(name string, compressed []byte) (*asset, error) {
	plain, err := io.ReadAll(brotli.NewReader(bytes.NewReader(compressed)))
	if err != nil {
		return nil, err
	}
	var zipped bytes.Buffer
	writer := gzip.NewWriter(&zipped)
	if _, err := writer.Write(plain); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	kind := mime.TypeByExtension(path.Ext(name))
	switch path.Ext(name) { // not left to the machine's table of types
	case ".js":
		kind = "text/javascript; charset=utf-8"
	case ".css":
		kind = "text/css; charset=utf-8"
	case ".svg":
		kind = "image/svg+xml"
	case ".html":
		kind = "text/html; charset=utf-8"
	}
	sum := sha256.Sum256(plain)
	return &asset{brotli: compressed, gzip: zipped.Bytes(), plain: plain, kind: kind, tag: `"` + hex.EncodeToString(sum[:8]) + `"`}, nil
}

// build identifies the version of the pages.
func (a assets) build() string { return strings.Trim(a[indexPage].tag, `"`) }

// isPage reports whether a path is one of the pages, whose names of resources and objects can have dots: /explore/deployments.apps. Files
// are in one folder, or beside index.html.
func isPage(name string) bool {
	folder, _, nested := strings.Cut(name, "/")
	return !strings.Contains(name, ".") || nested && folder != "assets"
}

// ServeHTTP implements http.Handler. An unknown file is 404.
func (a assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	found := a[name]
	if found == nil && isPage(name) {
		found = a[indexPage]
	}
	if found == nil {
		writeProblem(w, r, http.StatusNotFound, "No such file.")
		return
	}
	header := w.Header()
	header.Set("Content-Type", found.kind)
	header.Set("Vary", "Accept-Encoding")
	if strings.HasPrefix(name, "assets/") { // their names contain a hash of their content
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		header.Set("Cache-Control", "no-cache")
		header.Set("ETag", found.tag)
		if r.Header.Get("If-None-Match") == found.tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	content := found.plain
	for _, encoding := range []struct {
		name    string
		content []byte
	}{{"br", found.brotli}, {"gzip", found.gzip}} {
		if accepts(r.Header.Get("Accept-Encoding"), encoding.name) {
			header.Set("Content-Encoding", encoding.name)
			content = encoding.content
			break
		}
	}
	header.Set("Content-Length", strconv.Itoa(len(content)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(content) // the browser has gone
	}
}

// accepts reports whether a header Accept-Encoding allows an encoding.
func accepts(header, encoding string) bool {
	for item := range strings.SplitSeq(header, ",") {
		name, parameters, _ := strings.Cut(item, ";")
		if strings.EqualFold(strings.TrimSpace(name), encoding) {
			q := strings.ReplaceAll(parameters, " ", "")
			return q != "q=0" && !strings.HasPrefix(q, "q=0.000")
		}
	}
	return false
}
