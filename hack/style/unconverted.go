package style

import (
	"fmt"
	"slices"
	"strings"
)

// Unconverted are the folders, and single files, that do not follow a rule yet, by the name of the rule.
type Unconverted map[string][]string

// ParseUnconverted reads lines of the form "rule path". Lines that begin with # are comments.
func ParseUnconverted(list string) (Unconverted, error) {
	parsed := Unconverted{}
	for number, line := range strings.Split(list, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		rule, path, ok := strings.Cut(line, " ")
		if !ok {
			return nil, fmt.Errorf("unconverted.txt:%d: want a rule and a path, got %q", number+1, line)
		}
		parsed[rule] = append(parsed[rule], path)
	}
	return parsed, nil
}

// Sort divides violations into those that count and those that the list excuses, and returns the entries that excuse nothing.
func (u Unconverted) Sort(rule string, violations []Violation) (counted []Violation, stale []string) {
	used := map[string]bool{}
	for _, violation := range violations {
		excuse, ok := u.excuse(rule, violation)
		if !ok {
			counted = append(counted, violation)
		}
		used[excuse] = true
	}
	for _, entry := range u[rule] {
		if !used[entry] {
			stale = append(stale, entry)
		}
	}
	return counted, stale
}

func (u Unconverted) excuse(rule string, violation Violation) (entry string, ok bool) {
	for _, candidate := range []string{violation.File, violation.Folder()} {
		if slices.Contains(u[rule], candidate) {
			return candidate, true
		}
	}
	return "", false
}

// RemoveUnconverted deletes entries of a rule from the text of unconverted.txt.
func RemoveUnconverted(list, rule string, entries []string) string {
	return removeLines(list, func(line string) bool {
		listed, path, _ := strings.Cut(line, " ")
		return listed == rule && slices.Contains(entries, path)
	})
}

func removeLines(text string, remove func(line string) bool) string {
	return strings.Join(slices.DeleteFunc(strings.Split(text, "\n"), remove), "\n")
}
