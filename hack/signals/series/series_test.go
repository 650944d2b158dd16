package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"kubeops.io/kubeops/internal/inspect/trend"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// begin is midnight of the first day of test data.
func begin() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// level returns ten days of points every five minutes, with a higher level in some hours since the beginning.
func level(raised func(hour float64) bool) []metrics.Point {
	var points []metrics.Point
	for at := range 10 * 24 * 12 {
		value := 10 + float64(at%7)/10
		if raised(float64(at) / 12) {
			value = 100
		}
		points = append(points, metrics.Point{Time: begin().Add(time.Duration(at) * 5 * time.Minute), Value: value})
	}
	return points
}

func hours(from, to int) window {
	return window{begin().Add(time.Duration(from) * time.Hour), begin().Add(time.Duration(to) * time.Hour)}
}

func TestWindowsFoundAndFalseAlarmsAreCounted(t *testing.T) {
	within := func(from, to float64) func(float64) bool {
		return func(hour float64) bool { return hour >= from && hour < to }
	}
	for name, tc := range map[string]struct {
		raised       func(hour float64) bool
		windows      []window
		found, false int
	}{
		"an incident within a window":            {within(200, 206), []window{hours(198, 208)}, 1, 0},
		"an incident outside of all windows":     {within(200, 206), []window{hours(150, 160)}, 0, 1},
		"an incident that begins before":         {within(200, 212), []window{hours(206, 208)}, 1, 0},
		"a quiet series":                         {within(0, 0), nil, 0, 0},
		"a window in which nothing is different": {within(0, 0), []window{hours(150, 160)}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := score(labelled{points: level(tc.raised), windows: tc.windows}, []trend.Rules{{}})
			if got.found != tc.found || got.false != tc.false || got.series != 1 || got.windows != len(tc.windows) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestPointsAreTheMeansOfTheStepBefore(t *testing.T) {
	at := func(minutes int, value float64) metrics.Point {
		return metrics.Point{Time: begin().Add(time.Duration(minutes) * time.Minute), Value: value}
	}
	got := means([]metrics.Point{at(0, 7), at(10, 1), at(30, 3), at(31, 5), at(120, 9)}, 30*time.Minute)
	want := []metrics.Point{at(0, 7), at(30, 2), at(60, 5), at(120, 9)}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTableOfAFolder(t *testing.T) {
	file := func(points []metrics.Point) *fstest.MapFile {
		var text strings.Builder
		text.WriteString("timestamp,value\n")
		for _, p := range points {
			fmt.Fprintf(&text, "%s,%g\n", p.Time.Format(time.DateTime), p.Value)
		}
		return &fstest.MapFile{Data: []byte(text.String())}
	}
	quiet := level(func(float64) bool { return false })
	all, err := read(fstest.MapFS{
		"labels/combined_windows.json": {Data: []byte(`{"b/quiet.csv": [],
			"a/incident.csv": [["2026-01-09 06:00:00.000000", "2026-01-09 16:00:00.000000"]]}`)},
		"data/a/incident.csv": file(level(func(hour float64) bool { return hour >= 200 && hour < 206 })),
		"data/b/quiet.csv":    file(quiet),
	})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := printTable(&out, all, false); err != nil {
		t.Fatal(err)
	}
	for _, cells := range []string{
		"| rises, tuned on | 1 | 1 | 1 | 100 % | 0 | 0.00 | 100 % |", "| rises, not tuned on | 1 | 0 | 0 | – | 0 | 0.00 | – |",
	} {
		if text := strings.Join(strings.Fields(out.String()), " "); !strings.Contains(text, cells) {
			t.Errorf("no row %q in\n%s", cells, out.String())
		}
	}
}

func TestFoldersThatAreNotNABAreRefused(t *testing.T) {
	windows := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	const header = "timestamp,value\n"
	for name, tc := range map[string]struct {
		folder fstest.MapFS
		want   string
	}{
		"empty":           {fstest.MapFS{}, "read windows"},
		"no JSON":         {fstest.MapFS{"labels/combined_windows.json": windows("x")}, "labels/combined_windows.json"},
		"no such series":  {fstest.MapFS{"labels/combined_windows.json": windows(`{"a.csv": []}`)}, "read series"},
		"an empty series": {fstest.MapFS{"labels/combined_windows.json": windows(`{"a.csv": []}`), "data/a.csv": windows(header)}, "no points"},
		"a value that is no number": {fstest.MapFS{
			"labels/combined_windows.json": windows(`{"a.csv": []}`), "data/a.csv": windows(header + "2026-01-01 00:00:00,x\n"),
		}, "data/a.csv"},
		"a window with one end": {fstest.MapFS{
			"labels/combined_windows.json": windows(`{"a.csv": [["2026-01-01 00:00:00"]]}`),
			"data/a.csv":                   windows(header + "2026-01-01 00:00:00,1\n"),
		}, "has 1 ends"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := read(tc.folder); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
