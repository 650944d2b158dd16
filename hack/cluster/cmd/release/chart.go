package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// writeChart writes the archive of the chart, with the version and the images of the release.
func (r *release) writeChart(ctx context.Context) error {
	entries, err := r.chartFiles(ctx)
	if err != nil {
		return err
	}
	path := filepath.Join(r.output, "kubeops-"+strings.TrimPrefix(r.version, "v")+".tgz")
	r.say(path, "Helm chart")
	return tarGzip(path, entries, r.created)
}

// chartFiles are those that the commit has: what else is in the folder, such as values of a cluster, is not for others.
func (r *release) chartFiles(ctx context.Context) (entries []entry, err error) {
	charts := filepath.Join(r.repository, "charts")
	names, err := command(ctx, charts, nil, "git", "ls-files", "-z", "kubeops")
	if err != nil {
		return nil, err
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(names, "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(charts, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		text := string(content)
		switch name {
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
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		entries = append(entries, entry{name: name, mode: 0o644, content: []byte(text)})
	}
	return entries, nil
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
