package report

import (
	"maps"
	"math"
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
)

// Score rates findings from 0 (worst) to 100 (nothing found).
//
// Only root causes count: what they break is not held against the cluster twice. Each check that found some takes away a
// share of what is left, by the severity of its worst finding: critical 25 %, high 12 %, medium 5 %, low 1 %, info
// nothing. Further findings of the same check count a half, a quarter and so on of that share, so that a check with a
// thousand findings weighs less than two checks with one each:
//
//	score = 100 × Π over checks (1 − share)^(2 − 2^(1−n))
//
// for the n root causes of a check. The result is rounded down, so that 100 means that nothing was found but info.
func Score(findings []v1alpha1.Finding) int32 {
	type tally struct {
		n     int
		share float64
	}
	checks := map[string]tally{}
	for _, f := range findings {
		if f.CausedBy != "" {
			continue
		}
		t := checks[f.Check]
		t.n++
		t.share = max(t.share, share(f.Severity))
		checks[f.Check] = t
	}
	score := 100.0
	for _, check := range slices.Sorted(maps.Keys(checks)) { // in a fixed order, so that rounding is the same each time
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
