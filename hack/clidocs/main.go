// Command clidocs writes docs/cli.md, the reference of the command line, to the file in its argument.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"kubeops.io/kubeops/internal/cli"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "clidocs:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: clidocs FILE")
	}
	var b bytes.Buffer
	if err := cli.Reference(&b); err != nil {
		return err
	}
	return os.WriteFile(args[0], b.Bytes(), 0o644)
}
