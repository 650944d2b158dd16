package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/loganalysis/event"
)

// line of a set with its ground truth.
type line struct {
	// whole line as written, and message, the part of it after the header.
	whole, message string
	// template is the ground truth.
	template string
	// warning is true for a line whose level is a warning or worse.
	warning bool
}

// set of LogHub.
type set struct {
	name  string
	lines []line
}

// readSets reads the sets of a folder with the layout of LogHub, NAME/NAME_2k.log and NAME/NAME_2k.log_structured.csv, in alphabetical
// order.
func readSets(folder string) ([]set, error) {
	found, err := filepath.Glob(filepath.Join(folder, "*", "*_2k.log_structured.csv"))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s has no set: expected NAME/NAME_2k.log_structured.csv", folder)
	}
	slices.SortFunc(found, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	sets := make([]set, 0, len(found))
	for _, path := range found {
		s, err := readSet(path)
		if err != nil {
			return nil, err
		}
		sets = append(sets, s)
	}
	return sets, nil
}

// readSet reads a set from its ground truth and the log file beside it.
func readSet(structured string) (set, error) {
	s := set{name: filepath.Base(filepath.Dir(structured))}
	content, err := os.ReadFile(strings.TrimSuffix(structured, "_structured.csv"))
	if err != nil {
		return s, err
	}
	whole := strings.Split(strings.TrimRight(string(content), "\r\n"), "\n")
	file, err := os.Open(structured)
	if err != nil {
		return s, err
	}
	defer func() { _ = file.Close() }()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return s, fmt.Errorf("%s: %w", structured, err)
	}
	if len(records) != len(whole)+1 {
		return s, fmt.Errorf("%s: %d lines, but the log has %d", structured, len(records)-1, len(whole))
	}
	message, template := slices.Index(records[0], "Content"), slices.Index(records[0], "EventTemplate")
	if message < 0 || template < 0 {
		return s, fmt.Errorf("%s: no column Content or EventTemplate", structured)
	}
	level := slices.Index(records[0], "Level")
	for i, record := range records[1:] {
		s.lines = append(s.lines, line{
			whole: strings.TrimRight(whole[i], "\r"), message: record[message], template: record[template],
			warning: level >= 0 && isWarning(record[level]),
		})
	}
	return s, nil
}

// isWarning reports whether the level of a line is a warning or worse. Android has letters.
func isWarning(level string) bool {
	switch level {
	case "W", "E", "F", "A":
		return true
	case "FAILURE": // BGL
		return true
	}
	return event.Named(level) >= event.Warn
}
