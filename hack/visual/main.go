// Command visual writes the generated files of config/components: `go run ./hack/visual config/components`.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"kubeops.io/kubeops/internal/visual"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: visual FOLDER")
		os.Exit(2) //nolint:forbidigo // this is main
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

func write(folder string) error {
	files, err := visual.Files()
	if err != nil {
		return err
	}
	for path, content := range files {
		path = filepath.Join(folder, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
