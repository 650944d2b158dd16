package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// testRelease is a release of this checkout with programs that take no time to compile.
func testRelease(t *testing.T) *release {
	t.Helper()
	folder := t.TempDir()
	r := &release{
		options:  options{repository: filepath.Join("..", "..", "..", ".."), output: folder, version: "v1.2.3", images: "example.com/kubeops"},
		commit:   "0123abc",
		created:  time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		work:     filepath.Join(folder, ".build"),
		out:      io.Discard,
		binaries: map[string][]binary{},
	}
	r.downloads = "https://example.com/releases/"
	r.certificates = filepath.Join(folder, ".ca.crt")
	if err := writeFile(r.certificates, []byte("authorities")); err != nil {
		t.Fatal(err)
	}
	return r
}

// fake binaries of a program. This test is a program that Go has built.
func (r *release) fake(t *testing.T, program string, platforms ...string) (built []binary) {
	t.Helper()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(own)
	if err != nil {
		t.Fatal(err)
	}
	for _, platform := range platforms {
		b := binary{program: program, platform: platform}
		b.path = filepath.Join(r.work, strings.ReplaceAll(platform, "/", "_"), program)
		if err := writeFile(b.path, content); err != nil {
			t.Fatal(err)
		}
		built = append(built, b)
	}
	r.binaries[program] = built
	return built
}

func TestAnImageHasTheSameDigestTwice(t *testing.T) {
	t.Parallel()
	var archives [2][]byte
	var digests [2]string
	for i := range archives {
		r := testRelease(t)
		built := r.fake(t, "manager", imagePlatforms()...)
		now := time.Now().Add(time.Duration(i) * time.Hour)
		for _, b := range built { // the time of a file is not part of an image
			if err := os.Chtimes(b.path, now, now); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(r.output, "images", "manager.oci.tar")
		digest, err := r.writeImage("manager", built, path)
		if err != nil {
			t.Fatal(err)
		}
		digests[i] = digest.String()
		if archives[i], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	if digests[0] != digests[1] || !bytes.Equal(archives[0], archives[1]) {
		t.Errorf("digests %q; the archives are equal: %v", digests, bytes.Equal(archives[0], archives[1]))
	}
}

func TestAnImageIsAnOCILayoutOfAllPlatforms(t *testing.T) {
	t.Parallel()
	r := testRelease(t)
	path := filepath.Join(r.output, "manager.oci.tar")
	digest, err := r.writeImage("manager", r.fake(t, "manager", imagePlatforms()...), path)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for name, content := range unpack(t, path, false) {
		if err := writeFile(filepath.Join(folder, filepath.FromSlash(name)), content); err != nil {
			t.Fatal(err)
		}
	}
	index, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		t.Fatal(err)
	}
	top, err := index.IndexManifest()
	if err != nil || len(top.Manifests) != 1 || top.Manifests[0].Digest != digest {
		t.Fatalf("manifests %+v, %v", top.Manifests, err)
	}
	if name := top.Manifests[0].Annotations["io.containerd.image.name"]; name != "example.com/kubeops/manager:v1.2.3" {
		t.Errorf("the image is named %q", name)
	}
	images, err := index.ImageIndex(digest)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := images.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var platforms []string
	for _, d := range manifest.Manifests {
		found, err := images.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		config, err := found.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		platforms = append(platforms, d.Platform.String())
		if config.OS+"/"+config.Architecture != d.Platform.String() || config.Config.User != "65532:65532" || len(config.RootFS.DiffIDs) != 1 {
			t.Errorf("%s: config %+v", d.Platform, config)
		}
		if config.Config.Labels["org.opencontainers.image.revision"] != "0123abc" || !config.Created.Equal(r.created) {
			t.Errorf("labels %v, created %s", config.Config.Labels, config.Created)
		}
	}
	if got := strings.Join(platforms, " "); got != "linux/amd64 linux/arm64" {
		t.Errorf("platforms %s", got)
	}
}

// unpack an archive of files, by their names.
func unpack(t *testing.T, path string, compressed bool) map[string][]byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var in io.Reader = bytes.NewReader(content)
	if compressed {
		if in, err = gzip.NewReader(in); err != nil {
			t.Fatal(err)
		}
	}
	files := map[string][]byte{}
	for archive := tar.NewReader(in); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(archive); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheChartNamesTheVersionAndTheImagesOfTheRelease(t *testing.T) {
	t.Parallel()
	r := testRelease(t)
	if err := r.writeChart(t.Context()); err != nil {
		t.Fatal(err)
	}
	files := unpack(t, filepath.Join(r.output, "kubeops-1.2.3.tgz"), true)
	for name, want := range map[string]string{
		"kubeops/Chart.yaml":               "\nversion: 1.2.3\nappVersion: v1.2.3\n",
		"kubeops/values.yaml":              "repository: example.com/kubeops/manager\n",
		"kubeops/values.schema.json":       `"pullPolicy"`,
		"kubeops/templates/_helpers.tpl":   "kubeops.image",
		"kubeops/files/10-manager.yaml":    "ManagerConfig",
		"kubeops/templates/manager.yaml":   "kind: Deployment",
		"kubeops/.helmignore":              "*.orig",
		"kubeops/templates/NOTES.txt":      "rollout status",
		"kubeops/templates/workers.yaml":   "kubeops-worker",
		"kubeops/templates/config.yaml":    "90-site.yaml",
		"kubeops/templates/dashboard.yaml": "kubeops-dashboard",
	} {
		if !strings.Contains(string(files[name]), want) {
			t.Errorf("%s does not contain %q", name, want)
		}
	}
}

func TestComponentsOfAProgramAreListedWithTheirVersions(t *testing.T) {
	t.Parallel()
	r := testRelease(t)
	r.fake(t, "manager", imagePlatforms()...)
	first, err := r.sbom("manager")
	if err != nil {
		t.Fatal(err)
	}
	second, err := r.sbom("manager")
	if err != nil || first.DocumentNamespace != second.DocumentNamespace {
		t.Errorf("namespaces %s and %s, %v", first.DocumentNamespace, second.DocumentNamespace, err)
	}
	purls := map[string]int{}
	ids := map[string]bool{}
	for _, p := range first.Packages {
		if ids[p.SPDXID] {
			t.Errorf("%s is there twice", p.SPDXID)
		}
		ids[p.SPDXID] = true
		for _, reference := range p.References {
			purls[reference.Locator]++
		}
	}
	for _, relation := range first.Relationships {
		if !ids[relation.Related] || relation.Element != first.SPDXID && !ids[relation.Element] {
			t.Errorf("relationship %+v refers to what is not there", relation)
		}
	}
	version := strings.TrimPrefix(runtime.Version(), "go")
	for _, prefix := range []string{
		"pkg:golang/github.com/google/go-containerregistry@v", "pkg:golang/stdlib@" + version, "pkg:npm/vue@", "pkg:npm/%40tanstack/vue-query@",
	} {
		found := 0
		for purl := range purls {
			if strings.HasPrefix(purl, prefix) {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%s is there %d times", prefix, found)
		}
	}
	if len(first.described()) != len(imagePlatforms()) {
		t.Errorf("the document describes %q", first.described())
	}
	for purl := range purls {
		if strings.Contains(purl, "pkg:npm/vite@") {
			t.Errorf("%s is only for the build", purl)
		}
	}
	if _, err := json.Marshal(first); err != nil {
		t.Error(err)
	}
}

func TestKrewInstallsTheProgramUnderTheNameThatKubectlLooksFor(t *testing.T) {
	t.Parallel()
	r := testRelease(t)
	content := []byte("content")
	manifest, err := r.krew([]krewPlatform{
		r.krewPlatform(binary{program: "kubeops", platform: "darwin/arm64"}, "a.tar.gz", content),
		r.krewPlatform(binary{program: "kubeops", platform: "windows/amd64"}, "b.tar.gz", content),
	})
	if err != nil {
		t.Fatal(err)
	}
	const sum = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
	for _, want := range []string{
		"  version: v1.2.3\n", `
  - selector:
      matchLabels: {os: darwin, arch: arm64}
    uri: https://example.com/releases/v1.2.3/a.tar.gz
    sha256: ` + sum + `
    files:
    - {from: kubeops, to: kubectl-kubeops}
    - {from: LICENSE, to: .}
    bin: kubectl-kubeops
  - selector:
      matchLabels: {os: windows, arch: amd64}
    uri: https://example.com/releases/v1.2.3/b.tar.gz
    sha256: ` + sum + `
    files:
    - {from: kubeops.exe, to: kubectl-kubeops.exe}
    - {from: LICENSE, to: .}
    bin: kubectl-kubeops.exe
`,
	} {
		if !strings.Contains(string(manifest), want) {
			t.Errorf("the manifest does not contain %s\n%s", want, manifest)
		}
	}
}

func TestChecksumsAreOfAllFiles(t *testing.T) {
	t.Parallel()
	r := testRelease(t)
	r.fake(t, "manager", "linux/amd64")
	for _, name := range []string{"a.txt", "images/b.tar"} {
		if err := writeFile(filepath.Join(r.output, name), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.writeChecksums(t.Context()); err != nil {
		t.Fatal(err)
	}
	const sum = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
	got, err := os.ReadFile(filepath.Join(r.output, "SHA256SUMS"))
	if want := sum + "  a.txt\n" + sum + "  images/b.tar\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestWrongArgumentsAreRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"no folder":         {nil, "--output FOLDER"},
		"no version":        {[]string{"--output", "dist", "--version", "1.2.3"}, "no semantic version"},
		"build metadata":    {[]string{"--output", "dist", "--version", "v1.2.3+x"}, "no semantic version"},
		"a platform":        {[]string{"--output", "dist", "--platforms", "linux/amd64,plan9/386"}, "linux/amd64, linux/arm64"},
		"a command line":    {[]string{"--output", "dist", "--command-line", "linux/386"}, "windows/arm64"},
		"the checkout":      {[]string{"--output", "../../../.."}, "contains the checkout"},
		"what is above it":  {[]string{"--output", "../../../../.."}, "contains the checkout"},
		"an unknown option": {[]string{"--frobnicate"}, "not defined"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"--repository", "../../../.."}, tc.args...)
			if err := run(t.Context(), args, io.Discard); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
