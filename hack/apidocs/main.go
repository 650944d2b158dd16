// Command apidocs writes the references of the API, docs/fields.md and docs/reasons.md, from the CRDs and from the constants of the API
// package: `go run ./hack/apidocs config/crd/bases api/v1alpha1 docs`.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "apidocs:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return errors.New("usage: apidocs CRDS PACKAGE FOLDER")
	}
	kinds, err := readKinds(args[0])
	if err != nil {
		return err
	}
	blocks, err := readBlocks(args[1])
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(args[2], "fields.md"), fieldsPage(kinds), 0o644),
		os.WriteFile(filepath.Join(args[2], "reasons.md"), reasonsPage(blocks), 0o644),
	)
}
