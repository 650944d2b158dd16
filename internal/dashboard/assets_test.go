package dashboard

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"testing/fstest"

	"github.com/andybalholm/brotli"
)

func built(t *testing.T) assets {
	t.Helper()
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := loadAssets(files)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// TestTheFirstLoadIsSmall counts what the browser loads before it shows the overview.
func TestTheFirstLoadIsSmall(t *testing.T) {
	const budget = 120 << 10
	loaded := built(t)
	index := loaded[indexPage]
	size := len(index.brotli)
	files := 0
	for _, match := range regexp.MustCompile(`(?:src|href)="/([^"]+)"`).FindAllSubmatch(index.plain, -1) {
		file := loaded[string(match[1])]
		if file == nil {
			t.Fatalf("index.html refers to %s, which is not there", match[1])
		}
		files++
		size += len(file.brotli)
	}
	if files < 2 || size > budget {
		t.Errorf("the first load has %d bytes in %d files, want at most %d", size, files, budget)
	}
	t.Logf("first load: %d bytes", size)
}

func TestAssetsHaveAllEncodings(t *testing.T) {
	loaded := built(t)
	for accept, encoding := range map[string]string{
		"gzip, deflate, br": "br", "br;q=1.0": "br", "gzip": "gzip", "br;q=0, gzip": "gzip", "br; q=0.000, gzip;q=0": "", "": "", "identity": "",
	} {
		request := httptest.NewRequest(http.MethodGet, "/clusters", nil)
		request.Header.Set("Accept-Encoding", accept)
		writer := httptest.NewRecorder()
		loaded.ServeHTTP(writer, request)
		var content io.Reader = writer.Body
		switch encoding {
		case "br":
			content = brotli.NewReader(content)
		case "gzip":
			unzipped, err := gzip.NewReader(content)
			if err != nil {
				t.Fatal(err)
			}
			content = unzipped
		}
		plain, err := io.ReadAll(content)
		if err != nil || writer.Header().Get("Content-Encoding") != encoding || !bytes.Equal(plain, loaded[indexPage].plain) {
			t.Errorf("%q: encoding %q, %d bytes, %v", accept, writer.Header().Get("Content-Encoding"), len(plain), err)
		}
	}
}

func TestPathsOfPagesCanHaveDots(t *testing.T) {
	loaded := built(t)
	for path, want := range map[string]int{
		"/": http.StatusOK, "/clusters": http.StatusOK, "/explore/deployments.apps": http.StatusOK, "/explore/configmaps/kube-system/kube-root-ca.crt": http.StatusOK,
		"/schemas/inspections.kubeops.io": http.StatusOK, "/reports/shop/everything-r2.1": http.StatusOK, "/icon.svg": http.StatusOK,
		"/none.js": http.StatusNotFound, "/assets/none.js": http.StatusNotFound, "/assets/none": http.StatusOK, "/favicon.ico": http.StatusNotFound,
	} {
		writer := httptest.NewRecorder()
		loaded.ServeHTTP(writer, httptest.NewRequest(http.MethodGet, path, nil))
		if writer.Code != want {
			t.Errorf("%s: %d, want %d", path, writer.Code, want)
		}
	}
}

func TestAssetsAreCachedByNameAndTag(t *testing.T) {
	loaded := built(t)
	get := func(path, tag string) *httptest.ResponseRecorder {
		request := httptest.NewRequest(http.MethodGet, path, nil)
		request.Header.Set("If-None-Match", tag)
		writer := httptest.NewRecorder()
		loaded.ServeHTTP(writer, request)
		return writer
	}
	page := get("/", "")
	tag := page.Header().Get("ETag")
	if page.Header().Get("Cache-Control") != "no-cache" || tag == "" {
		t.Errorf("index.html: %v", page.Header())
	}
	if again := get("/", tag); again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("the same index.html: %d", again.Code)
	}
	for name := range loaded {
		if regexp.MustCompile(`^assets/`).MatchString(name) {
			if got := get("/"+name, "").Header().Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
				t.Errorf("%s: %s", name, got)
			}
		}
	}
	if _, err := loadAssets(fstest.MapFS{}); err == nil {
		t.Error("a build without index.html is accepted")
	}
	if _, err := loadAssets(fstest.MapFS{"index.html.br": {Data: []byte("not brotli")}}); err == nil {
		t.Error("a damaged build is accepted")
	}
}
