package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

// writeCommandLine writes an archive of the command line for each platform, and the Krew manifest that makes it a plugin of kubectl.
func (r *release) writeCommandLine(ctx context.Context) error {
	license, err := os.ReadFile(filepath.Join(r.repository, "LICENSE"))
	if err != nil {
		return err
	}
	var platforms []krewPlatform
	for platform := range strings.SplitSeq(r.commandLine, ",") {
		programs := []string{"kubeops"}
		if r.validator {
			programs = append(programs, validator) // the command line looks for it beside itself
		}
		files := []entry{{name: "LICENSE", mode: 0o644, content: license}}
		for _, program := range programs {
			b, err := r.build(ctx, program, platform)
			if err != nil {
				return err
			}
			content, err := os.ReadFile(b.path)
			if err != nil {
				return err
			}
			files = append(files, entry{name: filepath.Base(b.path), mode: 0o755, content: content})
		}
		b := binary{program: "kubeops", platform: platform}
		path := filepath.Join(r.output, fmt.Sprintf("kubeops_%s_%s_%s.tar.gz", r.version, b.system(), b.architecture()))
		if err := tarGzip(path, files, r.created); err != nil {
			return err
		}
		archive, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		r.say(path, megabytes(int64(len(archive))))
		platforms = append(platforms, r.krewPlatform(b, filepath.Base(path), archive))
	}
	manifest, err := r.krew(platforms)
	if err != nil {
		return err
	}
	path := filepath.Join(r.output, "kubeops.krew.yaml")
	r.say(path, "manifest of the plugin of kubectl")
	return writeFile(path, manifest)
}

// krewManifest is https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/. Krew installs the program under the name that kubectl
// looks for.
const krewManifest = `apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: kubeops
spec:
  version: {{.Version}}
  homepage: https://kubeops.io
  shortDescription: Find what is broken in a cluster and why
  description: |
    Inspects a cluster, or manifests, with over 200 checks and connects the findings: every symptom names its cause.
    It needs nothing in the cluster, changes nothing, and reads with your permissions.
  platforms:
{{- range .Platforms}}
  - selector:
      matchLabels: {os: {{.OS}}, arch: {{.Architecture}}}
    uri: {{.URI}}
    sha256: {{.SHA256}}
    files:
    - {from: {{.Program}}, to: kubectl-{{.Program}}}
    - {from: LICENSE, to: .}
    bin: kubectl-{{.Program}}
{{- end}}
`

// krewPlatform is an archive of the command line.
type krewPlatform struct{ OS, Architecture, URI, SHA256, Program string }

func (r *release) krewPlatform(b binary, archive string, content []byte) krewPlatform {
	sum := sha256.Sum256(content)
	return krewPlatform{
		OS: b.system(), Architecture: b.architecture(), URI: strings.TrimSuffix(r.downloads, "/") + "/" + r.version + "/" + archive,
		SHA256: hex.EncodeToString(sum[:]), Program: b.name(),
	}
}

func (r *release) krew(platforms []krewPlatform) ([]byte, error) {
	parsed, err := template.New("krew").Parse(krewManifest)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = parsed.Execute(&out, struct {
		Version   string
		Platforms []krewPlatform
	}{r.version, platforms})
	return out.Bytes(), err
}

// writeChecksums writes the SHA-256 of each file, in the format of sha256sum.
func (r *release) writeChecksums(context.Context) error {
	var files []string
	for _, pattern := range []string{"[^.]*", "images/*"} { // not the folder of the binaries, which are in archives
		matches, err := filepath.Glob(filepath.Join(r.output, pattern))
		if err != nil {
			return err
		}
		files = append(files, matches...)
	}
	slices.Sort(files)
	var sums strings.Builder
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			if info, statErr := os.Stat(file); statErr == nil && info.IsDir() {
				continue
			}
			return err
		}
		relative, err := filepath.Rel(r.output, file)
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(content), filepath.ToSlash(relative))
	}
	path := filepath.Join(r.output, "SHA256SUMS")
	r.say(path, "")
	return writeFile(path, []byte(sums.String()))
}
