// Series scores the anomalies of package trend on labelled series in the layout of NAB, the Numenta Anomaly Benchmark
// (https://github.com/numenta/NAB): data/**.csv with the columns timestamp and value, and labels/combined_windows.json with the
// windows in which a series is anomalous. The data is not part of this repository.
//
// An inspection every hour sees what the product reads: the means of half an hour up to then. Definitions:
//
//   - A window is found if at least one inspection in it, or within the hour after its end, reports an anomaly. NAB counts windows too
//     (Lavin and Ahmad 2015, https://arxiv.org/abs/1510.03336), with weights for early detections that this leaves out. Recall is the
//     share of windows that are found.
//   - Consecutive inspections that report are one finding. A false alarm is a finding without an inspection in a window, or within the
//     hour after it. The rate is the number of false alarms per series and week of data.
//   - Precision is windows found / (windows found + false alarms).
//
// Every second series, in order of names, is for tuning; the others are reported apart.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "series:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("series", flag.ContinueOnError)
	folder := flags.String("nab", "", "folder with data/ and labels/combined_windows.json")
	each := flags.Bool("each", false, "print each series too")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *folder == "" {
		return fmt.Errorf("-nab is required: a copy of https://github.com/numenta/NAB")
	}
	all, err := read(os.DirFS(*folder))
	if err != nil {
		return err
	}
	return printTable(out, all, *each)
}
