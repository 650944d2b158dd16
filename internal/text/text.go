// Package text holds the text functions that messages, conditions and reports share. It imports nothing of this project.
package text

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

const (
	// ellipsis marks where Clip cut a text.
	ellipsis = "..."
	// longName is the length in bytes from which names are not compared: the work grows with the product of two lengths.
	longName = 64
)

// Clip shortens a text to a number of runes. A text that was cut ends in three dots, where there is room for them.
func Clip(s string, maxRunes int) string {
	if len(s) <= maxRunes { // no more bytes than runes are allowed
		return s
	}
	kept, runes := 0, 0 // kept is where the dots would start
	for i := range s {
		if runes == max(maxRunes-len(ellipsis), 0) {
			kept = i
		}
		if runes++; runes > maxRunes {
			return s[:kept] + ellipsis[:max(min(maxRunes, len(ellipsis)), 0)]
		}
	}
	return s
}

// Plural returns one for the number 1, and many for any other.
func Plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// Count is a number with its noun, whose plural ends in s: 1 Pod, 2 Pods.
func Count(n int, noun string) string { return CountOf(n, noun, noun+"s") }

// CountOf is Count for a noun with another plural: 1 policy, 2 policies.
func CountOf(n int, one, many string) string { return fmt.Sprintf("%d %s", n, Plural(n, one, many)) }

// List joins names with commas. Names beyond the limit are only counted: a, b and 3 more.
func List(names []string, limit int) string {
	if len(names) <= limit {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:limit], ", "), len(names)-limit)
}

// Match reports whether a name matches a pattern with *, ? and [...], as path.Match does. A malformed pattern matches only itself.
func Match(pattern, name string) bool {
	matched, err := path.Match(pattern, name)
	if err != nil {
		return pattern == name
	}
	return matched
}

// MatchAny reports whether a name matches at least one of the patterns; see Match.
func MatchAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return Match(pattern, name) })
}

// Closest returns the candidate with the smallest edit distance to the name, the first of equals, or "" when none is within the
// maximum distance. The name itself is no candidate. See Typo for a distance that suits names.
func Closest(candidates []string, name string, maxDistance int) string {
	best := ""
	bestDistance := maxDistance + 1
	for _, candidate := range candidates {
		if candidate == name {
			continue
		}
		if d := Distance(candidate, name); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// Typo is the edit distance up to which another name is likely what was meant: a third of the length, and at least 1.
func Typo(name string) int { return max(1, len(name)/3) }

// Distance is the Levenshtein distance of two names in bytes. Of names longer than 64 bytes it is the longer length, so they are
// never close.
func Distance(a, b string) int {
	if len(a) > longName || len(b) > longName {
		return max(len(a), len(b))
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// Similar returns the name that a misspelt one likely meant, or "".
func Similar(names []string, misspelt string) string { return Closest(names, misspelt, Typo(misspelt)) }
