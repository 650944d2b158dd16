package manifests

import (
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

// kustomization says whether a file of that name tells kustomize what to build.
func kustomization(name string) bool {
	return name == "kustomization.yaml" || name == "kustomization.yml"
}

// notePatches notes the files that a kustomization lays over other objects. They look like objects and are parts of some,
// so that judging them would be wrong. What cannot be read here is read as any file, later.
func (r *reader) notePatches(file string) {
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
	var says struct {
		Patches        []patch  `json:"patches"`
		JSON6902       []patch  `json:"patchesJson6902"`
		StrategicMerge []string `json:"patchesStrategicMerge"`
		Replacements   []patch  `json:"replacements"`
		Configurations []string `json:"configurations"`
		Transformers   []string `json:"transformers"`
	}
	if yaml.Unmarshal(text, &says) != nil {
		return
	}
	var names []string
	for _, list := range [][]patch{says.Patches, says.JSON6902, says.Replacements} {
		for _, p := range list {
			names = append(names, p.Path)
		}
	}
	for _, list := range [][]string{says.StrategicMerge, says.Configurations, says.Transformers} {
		names = append(names, list...)
	}
	for _, name := range names {
		if full, err := filepath.Abs(filepath.Join(filepath.Dir(file), name)); err == nil && name != "" {
			r.patches[full] = true
		}
	}
}
