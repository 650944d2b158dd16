// Package similar finds the known name that a misspelt one resembles.
package similar

// Distance is the Levenshtein distance of two short strings.
func Distance(a, b string) int {
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

// Name is the name that resembles the wanted one so much that a typo is likely; empty when there is none.
func Name(names []string, wanted string) string {
	best, bestDistance := "", max(1, len(wanted)/3)+1
	for _, name := range names {
		if d := Distance(name, wanted); d < bestDistance && name != wanted {
			best, bestDistance = name, d
		}
	}
	return best
}
