package dashboard

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"testing"
	"testing/fstest"

	"kubeops.io/kubeops/internal/dashboard/webhash"
)

// document is the description of the API, as web/openapi.json has it.
func document(t *testing.T) []byte {
	t.Helper()
	description := (&Server{}).registerAPI(http.NewServeMux()).OpenAPI()
	raw, err := json.Marshal(description)
	if err != nil {
		t.Fatal(err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, raw, "", "  "); err != nil {
		t.Fatal(err)
	}
	indented.WriteByte('\n')
	return indented.Bytes()
}

// TestThePagesAreBuiltFromTheAPI compares the description that the pages' types are made from with the API. UPDATE=1 writes it.
func TestThePagesAreBuiltFromTheAPI(t *testing.T) {
	const path = "web/openapi.json"
	want := document(t)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("web/openapi.json differs from the API: run `make web` and commit the result")
	}
}

func TestTheBuildIsOfTheSources(t *testing.T) {
	want, err := webhash.Of(os.DirFS("web"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("dist/" + webhash.File)
	if err != nil {
		t.Fatal(err)
	}
	if string(bytes.TrimSpace(got)) != want {
		t.Error("dist is not the build of web: run `make web` and commit the result")
	}
}

func TestTheHashOfSourcesDependsOnNamesAndContents(t *testing.T) {
	hash := func(files fstest.MapFS) string {
		t.Helper()
		found, err := webhash.Of(files)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	one := hash(fstest.MapFS{"a": {Data: []byte("1")}, "b": {Data: []byte("2")}})
	for name, other := range map[string]fstest.MapFS{
		"content": {"a": {Data: []byte("1")}, "b": {Data: []byte("3")}},
		"name":    {"a": {Data: []byte("1")}, "c": {Data: []byte("2")}},
		"swapped": {"a": {Data: []byte("2")}, "b": {Data: []byte("1")}},
		"missing": {"a": {Data: []byte("1")}},
	} {
		if hash(other) == one {
			t.Errorf("%s: the hash is the same", name)
		}
	}
	if hash(fstest.MapFS{"a": {Data: []byte("1")}, "b": {Data: []byte("2")}, "node_modules/x": {Data: []byte("3")}}) != one {
		t.Error("node_modules are part of the hash")
	}
}
