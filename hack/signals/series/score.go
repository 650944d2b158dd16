package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"kubeops.io/kubeops/internal/inspect/trend"
	"kubeops.io/kubeops/internal/provider/metrics"
)

const (
	// interval between inspections.
	interval = time.Hour
	// history that an inspection reads: that of requests.
	history = 28 * 24 * time.Hour
	// step of the points that it reads; series with longer intervals are evaluated hourly.
	step = 30 * time.Minute
	// week is the unit of the rate of false alarms.
	week = 7 * 24 * time.Hour
)

// side is a kind of anomalies that are scored.
type side struct {
	name string
	// rules, of which one is enough to report a series.
	rules []trend.Rules
}

func sides() []side {
	return []side{{"rises", []trend.Rules{{}}}, {"rises and drops", []trend.Rules{{}, {Drops: true}}}}
}

// result of one or more series.
type result struct {
	series, windows, found, false int
	length                        time.Duration
}

func (r *result) add(other result) {
	r.series += other.series
	r.windows += other.windows
	r.found += other.found
	r.false += other.false
	r.length += other.length
}

// score runs an inspection every hour over a series.
func score(series labelled, rules []trend.Rules) result {
	step := step
	if spacing(series.points) > step {
		step = time.Hour
	}
	read := means(series.points, step)
	first, last := series.points[0].Time, series.points[len(series.points)-1].Time
	scored := result{series: 1, windows: len(series.windows), length: last.Sub(first)}
	found := make([]bool, len(series.windows))
	reporting, inWindow := false, false
	end := func() {
		if reporting && !inWindow {
			scored.false++
		}
		reporting, inWindow = false, false
	}
	from := 0
	for now := first.Truncate(interval).Add(interval); !now.After(last); now = now.Add(interval) {
		for now.Sub(read[from].Time) > history {
			from++
		}
		to, _ := slices.BinarySearchFunc(read, now, func(p metrics.Point, at time.Time) int {
			if p.Time.After(at) {
				return 1
			}
			return -1
		})
		if !reported(read[from:to], now, step, rules) {
			end()
			continue
		}
		reporting = true
		for i, w := range series.windows {
			if w.contains(now) || w.contains(now.Add(-interval)) {
				found[i], inWindow = true, true
			}
		}
	}
	end()
	for _, ok := range found {
		if ok {
			scored.found++
		}
	}
	return scored
}

// reported reports whether an inspection finds an anomaly by any of the rules.
func reported(points []metrics.Point, now time.Time, step time.Duration, rules []trend.Rules) bool {
	for _, r := range rules {
		r.Step = step
		if _, ok := trend.Anomalous(points, now, r); ok {
			return true
		}
	}
	return false
}

// spacing is the median time between points.
func spacing(points []metrics.Point) time.Duration {
	spaces := make([]time.Duration, 0, len(points))
	for i := 1; i < len(points); i++ {
		spaces = append(spaces, points[i].Time.Sub(points[i-1].Time))
	}
	if len(spaces) == 0 {
		return 0
	}
	slices.Sort(spaces)
	return spaces[len(spaces)/2]
}

// means returns the mean of the points within each step up to a time, as a range query of a rate does.
func means(points []metrics.Point, step time.Duration) []metrics.Point {
	var read []metrics.Point
	sum, n := 0.0, 0.0
	for i, p := range points {
		sum, n = sum+p.Value, n+1
		until := upTo(p.Time, step)
		if i+1 == len(points) || upTo(points[i+1].Time, step).After(until) {
			read = append(read, metrics.Point{Time: until, Value: sum / n})
			sum, n = 0, 0
		}
	}
	return read
}

// upTo is the end of the step that has a time.
func upTo(at time.Time, step time.Duration) time.Time {
	if start := at.Truncate(step); start.Before(at) {
		return start.Add(step)
	}
	return at
}

// printTable prints a table of both halves and all series, for each side.
func printTable(out io.Writer, all []labelled, each bool) error {
	table := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	const head = "| NAB\t| Series\t| Windows\t| Found\t| Recall\t| False\t| False per series and week\t| Precision\t|\n" +
		"|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|"
	if _, err := fmt.Fprintln(table, head); err != nil {
		return err
	}
	for _, s := range sides() {
		results := scoreAll(all, s.rules)
		var halves [2]result
		for i, r := range results {
			halves[i%2].add(r)
			if each {
				if err := row(table, s.name+", "+all[i].name, r); err != nil {
					return err
				}
			}
		}
		both := halves[0]
		both.add(halves[1])
		for _, line := range []struct {
			name string
			of   result
		}{{"tuned on", halves[0]}, {"not tuned on", halves[1]}, {"all", both}} {
			if err := row(table, s.name+", "+line.name, line.of); err != nil {
				return err
			}
		}
	}
	return table.Flush()
}

func row(out io.Writer, name string, r result) error {
	_, err := fmt.Fprintf(out, "| %s\t| %d\t| %d\t| %d\t| %s\t| %d\t| %.2f\t| %s\t|\n", name, r.series, r.windows, r.found,
		percent(r.found, r.windows), r.false, float64(r.false)*week.Hours()/r.length.Hours(), percent(r.found, r.found+r.false))
	return err
}

func percent(n, of int) string {
	if of == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f %%", 100*float64(n)/float64(of))
}

// scoreAll scores series in parallel.
func scoreAll(all []labelled, rules []trend.Rules) []result {
	results := make([]result, len(all))
	next := make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range next {
				results[i] = score(all[i], rules)
			}
		})
	}
	for i := range all {
		next <- i
	}
	close(next)
	workers.Wait()
	return results
}
