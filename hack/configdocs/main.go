// Command configdocs writes the generated table of docs/configuration.md:
// `go run ./hack/configdocs api/config/v1alpha1 docs/configuration.md`.
package main

import (
	"fmt"
	"os"

	"kubeops.io/kubeops/internal/managerconfig/reference"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: configdocs TYPES DOCUMENT")
		os.Exit(2) //nolint:forbidigo // this is main
	}
	if err := rewrite(os.Args[1], os.Args[2]); err != nil {
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
