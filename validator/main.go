// Command kubeops-validator tells what an API server would refuse. It reads objects from its standard input, a line of JSON each, and
// writes an answer for each, a line of JSON. `kubeops inspect -f` runs it.
//
// It is a program and a module of its own, since Kubernetes' validation needs 30 MB of code and memory that nothing else of KubeOps needs,
// and replacements of modules that nothing else has.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// maxLine is the limit of a request in bytes. The caller has a lower one.
const maxLine = 64 << 20

func main() {
	err := run(os.Args[1:], os.Stdin, os.Stdout)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "kubeops-validator:", err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("kubeops-validator", flag.ContinueOnError)
	minor := flags.Int("minor", newestMinor, "minor version of Kubernetes whose features are on")
	if err := flags.Parse(args); err != nil {
		return err
	}
	v, err := newValidator(*minor)
	if err != nil {
		return err
	}
	return serve(v, in, out)
}

// serve answers requests until the input ends. Answers are not buffered: the caller waits for each.
func serve(v *validator, in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	encoder := json.NewEncoder(out)
	for lines.Scan() {
		if err := encoder.Encode(v.answer(lines.Bytes())); err != nil {
			return err
		}
	}
	return lines.Err()
}
