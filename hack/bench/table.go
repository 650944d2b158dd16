package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
)

// readResults reads the results of runs from files.
func readResults(files []string) (results []result, err error) {
	for _, name := range files {
		text, err := os.ReadFile(name) //nolint:gosec // named on the command line
		if err != nil {
			return nil, err
		}
		var r result
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		results = append(results, r)
	}
	return results, nil
}

// printTable prints the results of several sizes side by side.
func printTable(w io.Writer, files []string) error {
	results, err := readResults(files)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	row := func(name string, of func(result) string) {
		_, _ = fmt.Fprintf(table, "%s\t", name)
		for _, r := range results {
			_, _ = fmt.Fprintf(table, "%s\t", of(r))
		}
		_, _ = fmt.Fprintln(table)
	}
	row("Pods", func(r result) string { return fmt.Sprint(r.Pods) })
	row("objects", func(r result) string { return fmt.Sprint(r.Objects) })
	row("floor: wall s", func(r result) string { return fmt.Sprintf("%.2f", r.Floor.WallSeconds) })
	row("floor: CPU s", func(r result) string { return fmt.Sprintf("%.2f", r.Floor.CPUSeconds) })
	row("floor: peak MiB", func(r result) string { return fmt.Sprintf("%.0f", r.Floor.PeakMiB) })
	row("inspect: wall s", func(r result) string { return fmt.Sprintf("%.2f", r.Inspect.WallSeconds) })
	row("inspect: CPU s", func(r result) string { return fmt.Sprintf("%.2f", r.Inspect.CPUSeconds) })
	row("inspect: peak MiB", func(r result) string { return fmt.Sprintf("%.0f", r.Inspect.PeakMiB) })
	row("wall, times the floor", func(r result) string { return fmt.Sprintf("%.2f", r.Inspect.WallSeconds/r.Floor.WallSeconds) })
	row("wall without reading logs, times the floor", func(r result) string {
		return fmt.Sprintf("%.2f", (r.Inspect.WallSeconds-r.LogSeconds)/r.Floor.WallSeconds)
	})
	row("CPU, times the floor", func(r result) string { return fmt.Sprintf("%.2f", r.Inspect.CPUSeconds/r.Floor.CPUSeconds) })
	against := func(of func(cost) float64) func(result) string {
		return func(r result) string {
			if r.Against == nil {
				return "-"
			}
			return fmt.Sprintf("%.2f", of(r.Inspect)/of(*r.Against))
		}
	}
	row("wall, times the other build", against(func(c cost) float64 { return c.WallSeconds }))
	row("CPU, times the other build", against(func(c cost) float64 { return c.CPUSeconds }))
	row("memory, times the other build", against(func(c cost) float64 { return c.PeakMiB }))
	row("KiB for each Pod", func(r result) string { return fmt.Sprintf("%.1f", r.Inspect.PeakMiB*1024/float64(r.Pods)) })
	row("checks", func(r result) string { return fmt.Sprint(r.Checks) })
	row("findings", func(r result) string { return fmt.Sprint(r.Findings) })
	row("broken, found", func(r result) string { return fmt.Sprintf("%d of %d", r.Verdict.Found, r.Verdict.Broken) })
	row("reading logs: wall s", func(r result) string { return fmt.Sprintf("%.2f", r.LogSeconds) })
	for _, name := range []string{listRequest, discoveryRequest, logRequest} {
		row("requests: "+name, func(r result) string { return fmt.Sprint(r.Requests[name]) })
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, r := range results {
		v := r.Verdict
		_, _ = fmt.Fprintf(w, "\n%d Pods\n  false findings on healthy workloads: %s\n", r.Pods, list(v.False))
		_, _ = fmt.Fprintf(w, "  best practice, healthy workloads: %s\n  everything else: %s\n", list(v.Practice), list(v.Others))
		for _, line := range append(v.Missed, v.Examples...) {
			_, _ = fmt.Fprintln(w, "  "+line)
		}
	}
	return nil
}
