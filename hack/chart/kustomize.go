package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// object is a manifest of Kubernetes.
type object = map[string]any

// objects of an installation in the order in which they are applied.
type objects struct {
	keys  []string
	byKey map[string]object
}

func (o *objects) add(manifest object) error {
	key := keyOf(manifest)
	if _, exists := o.byKey[key]; exists {
		return fmt.Errorf("%s is there twice", key)
	}
	if o.byKey == nil {
		o.byKey = map[string]object{}
	}
	o.keys = append(o.keys, key)
	o.byKey[key] = manifest
	return nil
}

// keyOf is KIND/NAMESPACE/NAME. The name of the manager's configuration is without the hash of its content.
func keyOf(manifest object) string {
	metadata, _ := manifest["metadata"].(map[string]any)
	namespace, _ := metadata["namespace"].(string)
	name, _ := metadata["name"].(string)
	if strings.HasPrefix(name, managerConfig+"-") {
		name = managerConfig
	}
	return fmt.Sprintf("%s/%s/%s", manifest["kind"], namespace, name)
}

// managerConfig is the name of the ConfigMap with the configuration of the manager; Kustomize adds a hash.
const managerConfig = "kubeops-manager-config"

// sources is config/ in memory. Kustomize accepts relative paths only, and so a kustomization has to be beside what it refers to.
type sources struct{ files filesys.FileSystem }

func readSources(repository string) (*sources, error) {
	s := &sources{files: filesys.MakeFsInMemory()}
	root := filepath.Join(repository, "config")
	return s, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		return s.files.WriteFile("/config/"+filepath.ToSlash(relative), content)
	})
}

// build a kustomization beside config/ that has these folders of it as resources and components, and further lines.
func (s *sources) build(resources, components []string, more string) (resmap.ResMap, error) {
	var kustomization strings.Builder
	kustomization.WriteString("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n")
	for field, folders := range map[string][]string{"resources": resources, "components": components} {
		fmt.Fprintf(&kustomization, "%s:\n", field)
		for _, folder := range folders {
			fmt.Fprintf(&kustomization, "- ../config/%s\n", folder)
		}
	}
	kustomization.WriteString(more)
	if err := s.files.WriteFile("/site/kustomization.yaml", []byte(kustomization.String())); err != nil {
		return nil, err
	}
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionUnspecified // namespaces and CRDs first, unless a kustomization says otherwise
	built, err := krusty.MakeKustomizer(options).Run(s.files, "/site")
	if err != nil {
		return nil, fmt.Errorf("kustomization of %v and %v: %w", resources, components, err)
	}
	return built, nil
}

// text of a kustomization, as `kubectl kustomize` prints it.
func (s *sources) text(resources, components []string, more string) ([]byte, error) {
	built, err := s.build(resources, components, more)
	if err != nil {
		return nil, err
	}
	return built.AsYaml()
}

// render the objects of a kustomization.
func (s *sources) render(resources, components []string, more string) (*objects, error) {
	built, err := s.build(resources, components, more)
	if err != nil {
		return nil, err
	}
	rendered := &objects{}
	for _, resource := range built.Resources() {
		manifest, err := resource.Map()
		if err != nil {
			return nil, err
		}
		if err := rendered.add(manifest); err != nil {
			return nil, err
		}
	}
	return rendered, nil
}
