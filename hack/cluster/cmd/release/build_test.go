package main

import (
	"debug/buildinfo"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestAnImageWithoutCertificateAuthoritiesIsAnError: its program could not call a server by https, as on a host that keeps them elsewhere.
func TestAnImageWithoutCertificateAuthoritiesIsAnError(t *testing.T) {
	t.Parallel()
	r := testRelease(t)
	r.certificates = filepath.Join(r.output, "none.crt")
	_, err := r.writeImage("manager", r.fake(t, "manager", "linux/amd64"), filepath.Join(r.output, "manager.oci.tar"))
	if err == nil || !strings.Contains(err.Error(), "certificate authorities") || !strings.Contains(err.Error(), "none.crt") {
		t.Errorf("got %v", err)
	}
}

func TestAFolderThatContainsTheCheckoutIsRecognized(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		folder, other string
		want          bool
	}{
		{"/", "/src/kubeops", true}, {"/src", "/src/kubeops", true}, {"/src/kubeops", "/src/kubeops", true},
		{"/src/kube", "/src/kubeops", false}, {"/src/kubeops/dist", "/src/kubeops", false},
	} {
		if got := contains(filepath.FromSlash(tc.folder), filepath.FromSlash(tc.other)); got != tc.want {
			t.Errorf("%s contains %s: %v", tc.folder, tc.other, got)
		}
	}
}

func TestTheEnvironmentOfABuildDoesNotChangeAProgram(t *testing.T) {
	for name, value := range map[string]string{"GOAMD64": "v3", "GOARM64": "v9.0", "GOEXPERIMENT": "jsonv2", "GOWORK": "/nowhere/go.work"} {
		t.Setenv(name, value)
	}
	r := testRelease(t)
	r.repository = t.TempDir()
	for name, content := range map[string]string{
		"go.mod": "module example.com/x\n", "cmd/small/main.go": "package main\n\nfunc main() {}\n",
	} {
		if err := writeFile(filepath.Join(r.repository, name), []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	b, err := r.build(t.Context(), "small", "linux/"+runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(b.path)
	if err != nil {
		t.Fatal(err)
	}
	if version := goVersion(info); "go"+version != info.GoVersion {
		t.Errorf("built with %s, which has experiments", info.GoVersion)
	}
	for _, setting := range info.Settings {
		if want := map[string]string{"GOAMD64": "v1", "GOARM64": "v8.0"}[setting.Key]; want != "" && setting.Value != want {
			t.Errorf("%s is %s", setting.Key, setting.Value)
		}
	}
}

func TestTheStandardLibraryHasTheVersionThatAProgramWasBuiltWith(t *testing.T) {
	t.Parallel()
	for built, want := range map[string]string{"go1.26.3": "1.26.3", "go1.26.3 X:jsonv2": "1.26.3"} {
		if got := goVersion(&buildinfo.BuildInfo{GoVersion: built}); got != want {
			t.Errorf("%s: got %s", built, got)
		}
	}
}

func TestTheChartHasOnlyFilesOfTheCommit(t *testing.T) {
	t.Parallel()
	r := testRelease(t)
	r.repository = t.TempDir()
	folder := filepath.Join(r.repository, "charts", "kubeops")
	for name, content := range map[string]string{"templates/a.yaml": "a", "values-production.yaml": "password: secret"} {
		if err := writeFile(filepath.Join(folder, filepath.FromSlash(name)), []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"init", "--quiet"}, {"add", "charts/kubeops/templates"}} {
		if _, err := command(t.Context(), r.repository, nil, "git", args...); err != nil {
			t.Fatal(err)
		}
	}
	files, err := r.chartFiles(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 1 || files[0].name != "kubeops/templates/a.yaml" {
		t.Errorf("the chart has %d files: %+v", len(files), files)
	}
}
