// Command logs scores the templates of log lines against the public sets of LogHub, in a folder with their layout:
//
//	go run ./hack/signals/logs LOGHUB
//
// It prints the tables of docs/log-analysis.md. The sets (https://github.com/logpai/loghub) are not part of this repository.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: logs LOGHUB")
		os.Exit(2) //nolint:forbidigo // this is main
	}
	if err := run(os.Stdout, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

// run scores all sets of a folder and prints the tables.
func run(out io.Writer, folder string) error {
	sets, err := readSets(folder)
	if err != nil {
		return err
	}
	c := newCorrector()
	rows := make([]row, 0, len(sets))
	for _, set := range sets {
		rows = append(rows, scoreSet(set, c))
	}
	print(out, rows)
	return nil
}
