// Package aibench measures prompts on failures whose cause is stated: whether what shows the cause is in the prompt, and what it costs.
// Tests and package measure import it.
package aibench

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// Scenario is a failure of a cluster.
type Scenario struct {
	// Name is the name of the file.
	Name string `json:"-"`
	// Cause in a sentence, for people.
	Cause string `json:"cause"`
	// Expect are texts that together show the cause.
	Expect []string `json:"expect"`
	// Objects of the cluster, as kubectl prints them.
	Objects []map[string]any `json:"objects"`
	// Logs of containers, by namespace/pod/container.
	Logs map[string]string `json:"logs"`
	// Answer of a capable model to the question about the cause; empty for most.
	Answer string `json:"answer"`
	// Calls of tools by which a capable model that sees the finding alone finds the cause; empty for most.
	Calls []Call `json:"calls"`
}

// Call of a tool.
type Call struct {
	Tool      string         `json:"tool"`
	Arguments map[string]any `json:"arguments"`
}

// Read returns the scenarios in a folder, by name.
func Read(folder string) ([]Scenario, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var all []Scenario
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		s := Scenario{Name: strings.TrimSuffix(filepath.Base(file), ".yaml")}
		if err := yaml.UnmarshalStrict(content, &s); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if s.Cause == "" || len(s.Expect) == 0 || len(s.Objects) == 0 {
			return nil, fmt.Errorf("%s: cause, expect and objects are required", file)
		}
		all = append(all, s)
	}
	return all, nil
}

// Documents are the objects as YAML documents.
func (s Scenario) Documents() (string, error) {
	var documents []string
	for _, object := range s.Objects {
		content, err := yaml.Marshal(object)
		if err != nil {
			return "", err
		}
		documents = append(documents, string(content))
	}
	return strings.Join(documents, "---\n"), nil
}
