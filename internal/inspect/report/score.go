package report

import (
	"maps"
	"math"
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
)

// Score rates findings from 0 (worst) to 100 (no problem found).
//
// Only the root causes of problems count, neither their symptoms nor recommendations. Each check with problems subtracts a share of the
// remaining score, by the severity of its worst one: critical 25 %, high 12 %, medium 5 %, low 1 %, info 0 %. Further problems of the
// same check count for half, a quarter and so on of that share: a check with a thousand problems weighs no more than two checks with one
// each.
//
//	score = 100 × Π over checks (1 − share)^(2 − 2^(1−n))
//
// for the n root causes of a check. The result is rounded down: 100 means no problems above info.
func Score(findings []v1alpha1.Finding) int32 {
	type tally struct {
		n     int
		share float64
	}
	checks := map[string]tally{}
	for i := range findings {
		f := &findings[i]
		if f.CausedBy != "" || !f.IsProblem() {
			continue
		}
		t := checks[f.Check]
		t.n++
		t.share = max(t.share, share(f.Severity))
		checks[f.Check] = t
	}
	score := 100.0
	for _, check := range slices.Sorted(maps.Keys(checks)) { // a fixed order keeps the rounding deterministic
		t := checks[check]
		score *= math.Pow(1-t.share, 2-math.Pow(2, float64(1-t.n)))
	}
	return int32(math.Floor(score + 1e-9))
}

func share(severity v1alpha1.Severity) float64 {
	switch severity {
	case v1alpha1.SeverityCritical:
		return 0.25
	case v1alpha1.SeverityHigh:
		return 0.12
	case v1alpha1.SeverityMedium:
		return 0.05
	case v1alpha1.SeverityLow:
		return 0.01
	default:
		return 0
	}
}
