package trend

import (
	"math"
	"slices"
	"time"
)

const (
	// minExcess is the factor by which the score must exceed what the history reached.
	minExcess = 2.4
	// minExcessShort is that of a short history, which does not show what happens once a week.
	minExcessShort = 5.0
	// shortHistory has too few days to leave the worst out.
	shortHistory = 4 * 24 * time.Hour
	// maxRecurrence is the share of a short history that may have deviated as much.
	maxRecurrence = 0.005
	// normalScore is what runs may reach in any history: lower ones are noise.
	normalScore = 3.0
)

// reached returns the score that a run of so many points must exceed: what happens repeatedly is not an anomaly. The worst day of the
// history is left out, since one incident must not hide the next.
func (b *baseline) reached(row int) float64 {
	scores := make([]float64, 0, b.history)
	known := false
	for i := 0; i+row <= b.history; i++ {
		score := b.lowest(i, row)
		if math.IsNaN(score) {
			score = math.Inf(-1)
		} else {
			known = true
		}
		scores = append(scores, score)
	}
	if !known {
		return math.Inf(1)
	}
	if b.history < int(shortHistory/b.rules.Step) {
		slices.Sort(scores)
		return minExcessShort * quantile(scores, 1-maxRecurrence)
	}
	b.dropWorst(scores)
	return minExcess * math.Max(normalScore, slices.Max(scores))
}

// dropWorst removes the worst score, a day around it, and the rest of an incident that lasted longer.
func (b *baseline) dropWorst(scores []float64) {
	worst := 0
	for i, score := range scores {
		if score > scores[worst] {
			worst = i
		}
	}
	from, to := max(0, worst-b.rules.days(1)), min(len(scores), worst+b.rules.days(1)+1)
	for from > 0 && scores[from-1] >= normalScore {
		from--
	}
	for to < len(scores) && scores[to] >= normalScore {
		to++
	}
	for i := from; i < to; i++ {
		scores[i] = math.Inf(-1)
	}
}

// lowest returns the smallest score of a number of consecutive points; NaN if one is unknown. It is positive for what the rules look
// for, so a drop has a positive score where drops are evaluated.
func (b *baseline) lowest(from, row int) float64 {
	minimum := math.Inf(1)
	for i := from; i < from+row; i++ {
		score := b.score(i)
		if b.rules.Drops {
			score = -score
		}
		minimum = math.Min(minimum, score)
	}
	return minimum
}
