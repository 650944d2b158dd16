package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"time"

	"kubeops.io/kubeops/internal/provider/metrics"
)

// labelled is a series with the windows in which it is anomalous.
type labelled struct {
	name string
	// points in order of time.
	points  []metrics.Point
	windows []window
}

// window is a period with its ends.
type window struct{ from, to time.Time }

func (w window) contains(at time.Time) bool { return !at.Before(w.from) && !at.After(w.to) }

// read reads all labelled series of a folder, in order of names.
func read(folder fs.FS) ([]labelled, error) {
	raw, err := fs.ReadFile(folder, "labels/combined_windows.json")
	if err != nil {
		return nil, fmt.Errorf("read windows: %w", err)
	}
	windows := map[string][][]string{}
	if err := json.Unmarshal(raw, &windows); err != nil {
		return nil, fmt.Errorf("labels/combined_windows.json: %w", err)
	}
	all := make([]labelled, 0, len(windows))
	for _, name := range slices.Sorted(maps.Keys(windows)) {
		series := labelled{name: name}
		if series.points, err = readPoints(folder, "data/"+name); err != nil {
			return nil, err
		}
		for _, ends := range windows[name] {
			if len(ends) != 2 {
				return nil, fmt.Errorf("labels/combined_windows.json: a window of %s has %d ends", name, len(ends))
			}
			from, fromErr := parseTime(ends[0])
			to, toErr := parseTime(ends[1])
			if err := errors.Join(fromErr, toErr); err != nil {
				return nil, fmt.Errorf("labels/combined_windows.json: %s: %w", name, err)
			}
			series.windows = append(series.windows, window{from, to})
		}
		all = append(all, series)
	}
	return all, nil
}

// parseTime reads a time of NAB, which has no zone; seconds may have a fraction.
func parseTime(text string) (time.Time, error) { return time.Parse(time.DateTime, text) }

func readPoints(folder fs.FS, path string) ([]metrics.Point, error) {
	file, err := folder.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read series: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	rows := csv.NewReader(file)
	rows.FieldsPerRecord = 2
	if _, err := rows.Read(); err != nil {
		return nil, fmt.Errorf("%s: read header: %w", path, err)
	}
	var points []metrics.Point
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		at, timeErr := parseTime(row[0])
		value, valueErr := strconv.ParseFloat(row[1], 64)
		if err := errors.Join(timeErr, valueErr); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		points = append(points, metrics.Point{Time: at, Value: value})
	}
	if len(points) == 0 {
		return nil, fmt.Errorf("%s has no points", path)
	}
	slices.SortStableFunc(points, func(a, b metrics.Point) int { return a.Time.Compare(b.Time) })
	return points, nil
}
