package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// writeCommandLine writes an archive of the command line for each platform, and the Krew manifest that makes it a plugin of kubectl.
func (r *release) writeCommandLine(ctx context.Context) error {
	license, err := os.ReadFile(filepath.Join(r.repository, "LICENSE"))
	if err != nil {
		return err
	}
	manifest := r.krewPlugin()
	for _, platform := range commandPlatforms() {
		b, err := r.build(ctx, "kubeops", platform)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(b.path)
		if err != nil {
			return err
		}
		path := filepath.Join(r.output, fmt.Sprintf("kubeops_%s_%s_%s.tar.gz", r.version, b.system(), b.architecture()))
		files := []entry{
			{name: "LICENSE", mode: 0o644, content: license},
			{name: filepath.Base(b.path), mode: 0o755, content: content},
		}
		if err := tarGzip(path, files, r.created); err != nil {
			return err
		}
		archive, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		r.say(path, megabytes(int64(len(archive))))
		manifest.Spec.Platforms = append(manifest.Spec.Platforms, r.krewPlatform(b, filepath.Base(path), archive))
	}
	content, err := yaml.Marshal(manifest)
	if err != nil {
		return err
	}
	path := filepath.Join(r.output, "kubeops.krew.yaml")
	r.say(path, "")
	return writeFile(path, content)
}

// krewPlugin is the manifest of a plugin: https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/.
type krewPlugin struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Metadata   map[string]string `json:"metadata"`
	Spec       krewSpec          `json:"spec"`
}

type krewSpec struct {
	Version          string         `json:"version"`
	Homepage         string         `json:"homepage"`
	ShortDescription string         `json:"shortDescription"`
	Description      string         `json:"description"`
	Platforms        []krewPlatform `json:"platforms"`
}

type krewPlatform struct {
	Selector krewSelector `json:"selector"`
	URI      string       `json:"uri"`
	SHA256   string       `json:"sha256"`
	Files    []krewFile   `json:"files"`
	Bin      string       `json:"bin"`
}

type krewSelector struct {
	MatchLabels map[string]string `json:"matchLabels"`
}

type krewFile struct {
	From string `json:"from"`
	To   string `json:"to"`
}

func (r *release) krewPlugin() krewPlugin {
	return krewPlugin{
		APIVersion: "krew.googlecontainertools.github.com/v1alpha2", Kind: "Plugin", Metadata: map[string]string{"name": "kubeops"},
		Spec: krewSpec{
			Version: r.version, Homepage: "https://kubeops.io", ShortDescription: "Find what is broken in a cluster and why",
			Description: "Inspects a cluster, or manifests, with over 200 checks and connects the findings: every symptom names its\n" +
				"cause. It needs nothing in the cluster, changes nothing, and reads with your permissions.\n",
		},
	}
}

// krewPlatform is the archive of a platform. Krew installs the program under the name that kubectl looks for.
func (r *release) krewPlatform(b binary, archive string, content []byte) krewPlatform {
	sum := sha256.Sum256(content)
	name := filepath.Base(b.path)
	return krewPlatform{
		Selector: krewSelector{MatchLabels: map[string]string{"os": b.system(), "arch": b.architecture()}},
		URI:      strings.TrimSuffix(r.downloads, "/") + "/" + r.version + "/" + archive, SHA256: hex.EncodeToString(sum[:]),
		Files: []krewFile{{From: name, To: "kubectl-" + name}, {From: "LICENSE", To: "."}}, Bin: "kubectl-" + name,
	}
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
