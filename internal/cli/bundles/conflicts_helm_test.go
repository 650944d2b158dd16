package bundles

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"testing"
)

func release64(t testing.TB, content string) []byte {
	t.Helper()
	var compressed bytes.Buffer
	writer := gzip.NewWriter(&compressed)
	if _, err := writer.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return []byte(base64.StdEncoding.EncodeToString(compressed.Bytes()))
}

func FuzzHelmManifest(f *testing.F) {
	f.Add(release64(f, `{"manifest":"kind: ConfigMap\n"}`))
	f.Add(release64(f, `{"manifest":1}`))
	f.Add([]byte("not base64"))
	f.Add([]byte(base64.StdEncoding.EncodeToString([]byte("not gzip"))))
	f.Fuzz(func(t *testing.T, encoded []byte) {
		if got := helmManifest(encoded); len(got) > maxRelease {
			t.Errorf("%d bytes", len(got))
		}
	})
}

func TestTheManifestOfAReleaseIsRead(t *testing.T) {
	if got := helmManifest(release64(t, `{"name":"shop","manifest":"kind: ConfigMap\n"}`)); got != "kind: ConfigMap\n" {
		t.Errorf("got %q", got)
	}
}
