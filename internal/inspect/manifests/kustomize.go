package manifests

import (
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

func isKustomization(name string) bool {
	return name == "kustomization.yaml" || name == "kustomization.yml"
}

// recordPatches records the files that a kustomization applies as patches. They look like objects but are incomplete, and must not
// be checked. Errors are reported when the file is read as a manifest.
func (r *reader) recordPatches(file string) {
	info, err := os.Stat(file)
	if err != nil || info.Size() > 1<<20 {
		return
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return
	}
	type patch struct {
		Path string `json:"path"`
	}
	var kustomization struct {
		Patches        []patch  `json:"patches"`
		JSON6902       []patch  `json:"patchesJson6902"`
		StrategicMerge []string `json:"patchesStrategicMerge"`
		Replacements   []patch  `json:"replacements"`
		Configurations []string `json:"configurations"`
		Transformers   []string `json:"transformers"`
	}
	if yaml.Unmarshal(text, &kustomization) != nil {
		return
	}
	var names []string
	for _, list := range [][]patch{kustomization.Patches, kustomization.JSON6902, kustomization.Replacements} {
		for _, p := range list {
			names = append(names, p.Path)
		}
	}
	for _, list := range [][]string{kustomization.StrategicMerge, kustomization.Configurations, kustomization.Transformers} {
		names = append(names, list...)
	}
	for _, name := range names {
		if full, err := filepath.Abs(filepath.Join(filepath.Dir(file), name)); err == nil && name != "" {
			r.patches[full] = true
		}
	}
}
