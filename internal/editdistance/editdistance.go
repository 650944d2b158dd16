// Package editdistance compares names to suggest the correct one for a typo.
package editdistance

// maxLength of the names that are compared, in bytes: longer ones are no typos, and the cost grows with the square.
const maxLength = 64

// Distance is the Levenshtein distance of two names. A name of more than 64 bytes is at least 64 from every other.
func Distance(a, b string) int {
	if len(a) > maxLength || len(b) > maxLength {
		return maxLength
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substituted := diagonal
			if a[i] != b[j] {
				substituted++
			}
			diagonal = row[j+1]
			row[j+1] = min(row[j]+1, diagonal+1, substituted)
		}
	}
	return row[len(b)]
}

// Closest is the candidate with the smallest distance to a name, or empty if none is within a third of its length (at least 2).
func Closest(name string, candidates []string) string {
	closest := ""
	closestDistance := max(2, len(name)/3) + 1
	for _, candidate := range candidates {
		if distance := Distance(name, candidate); distance < closestDistance {
			closest = candidate
			closestDistance = distance
		}
	}
	return closest
}
