// Package lines is what log backends share: cleaning of lines, pages that are keyed by time, and following by polling.
package lines

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"kubeops.io/kubeops/internal/provider/logs"
)

// replacement stands for bytes that are not UTF-8.
const replacement = "\uFFFD"

// Clean makes a line of the contract from what a server or a collector gave: invalid UTF-8 is replaced, and the line is cut at
// logs.LineLimit, at a whole character.
func Clean(line string) string {
	if len(line) > logs.LineLimit {
		// What is cut off is not looked at; three bytes more than the limit tell whether its last character is whole.
		line = line[:min(len(line), logs.LineLimit+utf8.UTFMax-1)]
	}
	line = strings.ToValidUTF8(line, replacement)
	if len(line) <= logs.LineLimit {
		return line
	}
	end := logs.LineLimit
	for !utf8.RuneStart(line[end]) {
		end--
	}
	return strings.Clone(line[:end])
}

// Sort by time, the oldest or the newest first. Lines of the same time stand in one and the same order each time they are
// asked for: by their text, then by their labels.
func Sort(entries []logs.Entry, backward bool) {
	slices.SortStableFunc(entries, func(a, b logs.Entry) int {
		if order := a.Time.Compare(b.Time); order != 0 {
			if backward {
				return -order
			}
			return order
		}
		if order := cmp.Compare(a.Line, b.Line); order != 0 {
			return order
		}
		return slices.Compare(flat(a.Labels), flat(b.Labels))
	})
}

// flat is the labels as name, value, name, value, sorted by name.
func flat(labels map[string]string) []string {
	names := make([]string, 0, len(labels))
	for name := range labels {
		names = append(names, name)
	}
	slices.Sort(names)
	list := make([]string, 0, 2*len(names))
	for _, name := range names {
		list = append(list, name, labels[name])
	}
	return list
}
