package bundle

import (
	"path"
	"slices"

	"kubeops.io/kubeops/internal/gitrepo"
)

// Limits of a folder of a Git repository.
const (
	maxGitFiles = 1_000
	// maxGitPack is the size of a revision as the server sends it, and maxGitObjects unpacked, in bytes.
	maxGitPack    = 8 << 20
	maxGitObjects = 24 << 20
)

// GitFolder is the folder of a Git repository that manifests are read from. An empty path is the whole repository.
func GitFolder(folder string) gitrepo.Folder {
	return gitrepo.Folder{Path: folder, Suffixes: []string{".yaml", ".yml", ".json"}, MaxFiles: maxGitFiles, MaxBytes: maxText}
}

// WithinGitLimits are options with the limits of a revision of a Git repository.
func WithinGitLimits(o gitrepo.Options) gitrepo.Options {
	o.MaxPack = maxGitPack
	o.MaxObjects = maxGitObjects
	return o
}

// AddGit adds the documents of files of a Git repository.
func (d *Desired) AddGit(files []gitrepo.File) {
	for _, f := range files {
		switch {
		case f.Refused != "":
			d.Invalid = append(d.Invalid, Invalid{Source: "Git file " + f.Path, Message: f.Refused})
		case slices.Contains([]string{"kustomization.yaml", "kustomization.yml"}, path.Base(f.Path)):
			d.invalid("Git file "+f.Path, nil, "is a kustomization, which KubeOps does not build; commit the output of kubectl kustomize")
		default:
			d.AddYAML("Git file "+f.Path, string(f.Content))
		}
	}
}
