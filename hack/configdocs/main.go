// Command configdocs writes the generated table of docs/configuration.md, and the schema of value config of the chart:
// `go run ./hack/configdocs api/config/v1alpha1 docs/configuration.md charts/kubeops/values.schema.json`.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"kubeops.io/kubeops/internal/managerconfig"
	"kubeops.io/kubeops/internal/managerconfig/reference"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: configdocs TYPES DOCUMENT SCHEMA")
		os.Exit(2) //nolint:forbidigo // this is main
	}
	if err := errors.Join(rewrite(os.Args[1], os.Args[2]), rewriteSchema(os.Args[3])); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

func rewrite(types, document string) error {
	fields, err := reference.Fields(types)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	if content, err = reference.Rewrite(content, reference.Table(fields)); err != nil {
		return fmt.Errorf("%s: %w", document, err)
	}
	return os.WriteFile(document, content, 0o644)
}

// rewriteSchema replaces the schema of value config.
func rewriteSchema(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var schema map[string]any
	if err := json.Unmarshal(content, &schema); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	properties, ok := schema["properties"].(map[string]any)
	if !ok {
		return fmt.Errorf("%s has no properties", path)
	}
	properties["config"] = managerconfig.JSONSchema()
	if content, err = json.MarshalIndent(schema, "", "  "); err != nil {
		return err
	}
	return os.WriteFile(path, append(content, '\n'), 0o644)
}
