// Command site builds the documentation as a folder of HTML pages: `cd hack/site && go run . REPOSITORY FOLDER`. It fails if a page links
// to a page, heading or file that does not exist.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "site:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: site REPOSITORY FOLDER")
	}
	s, err := read(args[0])
	if err != nil {
		return err
	}
	files, err := s.build()
	if err != nil {
		return err
	}
	output, err := filepath.Abs(args[1])
	if err != nil {
		return err
	}
	root, err := filepath.Abs(args[0])
	if err != nil {
		return err
	}
	const separator = string(filepath.Separator)
	if strings.HasPrefix(root+separator, strings.TrimSuffix(output, separator)+separator) {
		return fmt.Errorf("folder %s contains the checkout, and would be removed", args[1])
	}
	if err := os.RemoveAll(output); err != nil {
		return err
	}
	for name, content := range files {
		path := filepath.Join(output, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, content, 0o644)); err != nil {
			return err
		}
	}
	fmt.Printf("%d files in %s\n", len(files), args[1])
	return nil
}
