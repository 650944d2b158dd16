package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// writeChart writes the archive of the chart, with the version and the images of the release.
func (r *release) writeChart(context.Context) error {
	entries, err := r.chartFiles()
	if err != nil {
		return err
	}
	path := filepath.Join(r.output, "kubeops-"+strings.TrimPrefix(r.version, "v")+".tgz")
	r.say(path, "Helm chart")
	return tarGzip(path, entries, r.created)
}

func (r *release) chartFiles() (entries []entry, err error) {
	root := filepath.Join(r.repository, "charts", "kubeops")
	err = filepath.WalkDir(root, func(file string, found fs.DirEntry, err error) error {
		if err != nil || found.IsDir() {
			return err
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(filepath.Dir(root), file)
		if err != nil {
			return err
		}
		text := string(content)
		switch filepath.ToSlash(relative) {
		case "kubeops/Chart.yaml":
			text, err = replace(text, map[string]string{
				"\nversion: 0.0.0\n":  "\nversion: " + strings.TrimPrefix(r.version, "v") + "\n",
				"\nappVersion: dev\n": "\nappVersion: " + r.version + "\n",
			})
		case "kubeops/values.yaml":
			text, err = replace(text, map[string]string{
				"repository: kubeops.local/manager\n":         "repository: " + r.images + "/manager\n",
				"repository: kubeops.local/argocd-provider\n": "repository: " + r.images + "/argocd-provider\n",
			})
		}
		entries = append(entries, entry{name: filepath.ToSlash(relative), mode: 0o644, content: []byte(text)})
		return err
	})
	return entries, err
}

// replace texts that must be there once.
func replace(text string, pairs map[string]string) (string, error) {
	for old, by := range pairs {
		if strings.Count(text, old) != 1 {
			return "", fmt.Errorf("%q is not there exactly once", strings.TrimSpace(old))
		}
		text = strings.Replace(text, old, by, 1)
	}
	return text, nil
}

// writeManifests writes config/default with the image of the release.
func (r *release) writeManifests(ctx context.Context) error {
	manifests, err := command(ctx, filepath.Join(r.repository, "hack", "chart"), []string{"GOFLAGS="},
		"go", "run", ".", "manifests", r.repository, r.images+"/manager", r.version)
	if err != nil {
		return err
	}
	path := filepath.Join(r.output, "install.yaml")
	r.say(path, "config/default, for kubectl apply --server-side")
	return writeFile(path, []byte(manifests))
}
